"""What people see of a run: progress, tables, pages, model cards, trackers."""

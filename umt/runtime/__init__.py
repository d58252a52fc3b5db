"""The machine: threads, processes, files, locks, random seeds; knows no text and no model."""

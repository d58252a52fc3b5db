"""Judging translations without references: filters, guards, criteria, validation during training."""

"""The machine: files, checks of settings, batches of rows.

Knows no text and no model, and imports nothing of umt but `umt.types`.
"""

"""The machine: threads, processes, files, locks, seeds, checks of settings; no text, no model.

Imports nothing of umt but `umt.types`.
"""

"""Strings and token ids of one language at a time; no network."""

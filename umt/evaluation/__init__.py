"""Scores: of translations, lexicons and code lengths; the baselines beside them, and the report."""

"""Unsupervised phrase-based machine translation: from a lexicon to a first translator each way."""

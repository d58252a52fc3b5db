"""Monolingual word counts and vectors, nearest neighbours and bilingual lexicons."""

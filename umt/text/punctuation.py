"""Punctuation of several scripts: what is punctuation, and which marks are the same."""

from __future__ import annotations

import unicodedata

_MARKS = str.maketrans("。…、「」“”«»『』‘’—–·", "..," + '"' * 6 + "'" * 4 + "---")


def is_punctuation(word: str) -> bool:
    """Whether there is no letter or digit in it."""
    return not any(character.isalnum() for character in word)


def western_marks(text: str) -> str:
    """A text without letters and digits in the marks of western scripts; any other text as it is."""
    return unicodedata.normalize("NFKC", text.translate(_MARKS)) if is_punctuation(text) else text


def canonical_mark(word: str) -> str:
    """What a punctuation mark amounts to in any script: 。 is a full stop, 「 a quotation mark."""
    return western_marks(word)[:1]

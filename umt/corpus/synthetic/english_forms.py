"""English inflection by rule; exceptions are written in the vocabulary."""

from __future__ import annotations

import re

from umt.text.morphology import regular_form

_AN = re.compile(r"(?:[aeio]|u(?!ni(?:[^nm]|$)|s(?:e|u))|hon(?:o|est)|hour|heir)", re.IGNORECASE)
_NOT_AN = re.compile(r"(?:one\b|euro)", re.IGNORECASE)
_IN_OES = frozenset({"potato", "tomato", "mosquito", "hero", "volcano", "mango"})


def article(word: str) -> str:
    """ "a" or "an", by the sound that ``word`` begins with."""
    return "an" if _AN.match(word) and not _NOT_AN.match(word) else "a"


def plural(word: str) -> str:
    """The regular plural of a noun, and of those in -o and -ch that are written otherwise."""
    if word in _IN_OES:
        return f"{word}es"
    return f"{word}s" if word.endswith("stomach") else regular_form(word, "s")


def verb_forms(entry: str) -> tuple[str, str, str, str, str]:
    """(base, third person, past, participle, gerund) of ``base[!][~past[~participle]]``.

    "!" doubles the last consonant of a longer word, as in "beginning".
    """
    base, *irregular = entry.split("~")
    doubled = base.endswith("!")
    base = base.rstrip("!")
    stem = base + base[-1] if doubled else base
    third = plural(base) if base != "go" else "goes"
    past = irregular[0] if irregular else regular_form(stem, "ed")
    participle = irregular[1] if len(irregular) > 1 else past
    return base, third, past, participle, regular_form(stem, "ing")

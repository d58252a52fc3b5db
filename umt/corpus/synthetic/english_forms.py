"""English inflection by rule; exceptions are written in the vocabulary."""

from __future__ import annotations

import re

_AN = re.compile(r"(?:[aeio]|u(?!ni(?:[^nm]|$)|s(?:e|u))|hon(?:o|est)|hour|heir)", re.IGNORECASE)
_NOT_AN = re.compile(r"(?:one\b|euro)", re.IGNORECASE)


def article(word: str) -> str:
    """ "a" or "an", by the sound that ``word`` begins with."""
    return "an" if _AN.match(word) and not _NOT_AN.match(word) else "a"


def plural(word: str) -> str:
    """The regular plural of a noun."""
    if re.search(r"[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    if re.search(r"(?:s|x|z|ch|sh)$", word) and not word.endswith("stomach"):
        return f"{word}es"
    return f"{word}es" if word in ("potato", "tomato", "mosquito", "hero", "volcano", "mango") else f"{word}s"


def verb_forms(entry: str) -> tuple[str, str, str, str, str]:
    """(base, third person, past, participle, gerund) of ``base[!][~past[~participle]]``.

    "!" doubles the last consonant of a longer word, as in "beginning".
    """
    base, *irregular = entry.split("~")
    double = base.endswith("!") or bool(
        re.fullmatch(r"[^aeiou]*[aeiou][bdgklmnprt]", base.removeprefix("qu"))
    )
    base = base.rstrip("!")
    stem = base + base[-1] if double else base
    third = plural(base) if base != "go" else "goes"
    if base.endswith("ie"):
        gerund = f"{base[:-2]}ying"
    elif base.endswith("e") and not base.endswith(("ee", "oe", "ye")):
        gerund = f"{base[:-1]}ing"
    else:
        gerund = f"{stem}ing"
    if base.endswith("e"):
        regular = f"{base}d"
    elif re.search(r"[^aeiou]y$", base):
        regular = f"{base[:-1]}ied"
    else:
        regular = f"{stem}ed"
    past = irregular[0] if irregular else regular
    return base, third, past, irregular[1] if len(irregular) > 1 else past, gerund

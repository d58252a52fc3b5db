"""Is this line in that language? By script where scripts differ, else by the words of both texts."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import regex
from langcodes import Language
from langcodes.tag_parser import LanguageTagError

from umt.types import Lang

_PARTS = {"Hans": ("Hani",), "Hant": ("Hani",), "Jpan": ("Hira", "Kana", "Hani"), "Kore": ("Hang",)}
"""Scripts of which a language writes several, or a part, as Unicode's properties name them."""
_UNSPACED = {"Hani", "Hira", "Kana", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"}


@cache
def _ranges(script: str) -> str:
    """The characters of a script (Unicode's Script_Extensions) as ranges for `re`, which is far faster on
    them than a library that knows properties."""
    every = "".join(chr(code) for code in range(0x40000) if not 0xD800 <= code < 0xE000)
    runs = regex.findall(rf"\p{{scx={script}}}+", every)
    return "".join(f"{re.escape(run[0])}-{re.escape(run[-1])}" for run in runs)


# A character of these says about as much as five letters: a Chinese line may well name English products.
_DENSE = re.compile(f"[{''.join(map(_ranges, ('Hani', 'Hira', 'Kana', 'Hang')))}]")
_DENSITY = 5


@cache
def script_code(lang: Lang) -> str:
    """Unicode's code of how a language is usually written, such as Hant; Latin where it is unknown."""
    try:
        return Language.get(lang).maximize().script or "Latn"
    except LanguageTagError:
        return "Latn"


def scripts(lang: Lang) -> tuple[str, ...]:
    """The scripts of `script_code`, of which Japanese has three."""
    script = script_code(lang)
    return _PARTS.get(script, (script,))


def primary(lang: Lang) -> Lang:
    """The language without its script and region: zh of zh_hant."""
    return Lang(re.split("[-_]", lang)[0])


@lru_cache(maxsize=8)
def _of_script(lang: Lang) -> re.Pattern[str]:
    return re.compile(f"[{''.join(map(_ranges, scripts(lang)))}]+")


def other_script_share(letters: str, lang: Lang) -> float:
    """The share of the letters that another script writes, in [0, 1]; ``letters`` holds nothing else."""
    if not letters or (letters.isascii() and scripts(lang) == ("Latn",)):
        return 0.0
    foreign = _of_script(lang).sub("", letters)
    if not foreign:
        return 0.0
    weight = _weight(foreign)
    return weight / (weight + _weight(letters) - weight)


def _weight(letters: str) -> int:
    return len(letters) + (_DENSITY - 1) * (0 if letters.isascii() else len(_DENSE.findall(letters)))


@dataclass(frozen=True)
class LanguageClassifier:
    """Tells two languages of one script apart by their frequent words.

    ``log_odds`` holds for a lower-case word the log odds in nats that it is of the first language rather than
    of the second; a naive Bayes classifier without a prior.
    """

    first: Lang
    log_odds: Mapping[str, float]

    @staticmethod
    def learn(
        first: Lang, ours: Iterable[str], theirs: Iterable[str], size: int = 2000
    ) -> LanguageClassifier:
        """From lower-case, space-separated lines of the two sides themselves.

        Words that both sides share at a similar rate say nothing and are left out.
        """
        counts = [Counter(word for line in side for word in line.split()) for side in (ours, theirs)]
        totals = [sum(counter.values()) + size for counter in counts]
        frequent = sorted({word for counter in counts for word, _ in counter.most_common(size)})
        odds = {
            word: math.log((counts[0][word] + 1) / totals[0]) - math.log((counts[1][word] + 1) / totals[1])
            for word in frequent
        }
        return LanguageClassifier(first, {word: value for word, value in odds.items() if abs(value) > 1})

    def foreign(self, key: str, lang: Lang) -> bool:
        """Whether the words of a line speak clearly for the other language: odds above e^6 (400 to 1)."""
        total = sum(self.log_odds.get(word, 0.0) for word in key.split())
        return (total if lang == self.first else -total) < -6


def is_spaced(lang: Lang) -> bool:
    """Whether a language puts spaces between its words."""
    return not _UNSPACED & set(scripts(lang))

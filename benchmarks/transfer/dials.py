"""The settings of the sweep: the dials of the generated world, and two sides that do not match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any, ClassVar

import numpy as np

from umt.corpus import HeldOut
from umt.corpus.synthetic.source import SyntheticWorld, WorldPairs
from umt.runtime.files import digest_of
from umt.types import Lang

SIZES = (1_000, 2_000, 4_000, 8_000, 16_000)
"""Sentences a side."""
SHIFTS = (0.0, 0.25, 0.5, 0.75, 1.0)
LINES = {"lexical_gap": (0.3, 0.6), "noise": (0.15, 0.3), "order_divergence": (0.0, 0.5)}
MIXED = 15
FRESH = 1_500
"""Sentences a side after the longest text, which no run aligns: they are coded."""
HELD_OUT = 150
"""Pairs of the dev set; they are read to measure BLEU alone."""


def settings() -> list[dict[str, Any]]:
    """Every setting once: worlds in random order, so that a sweep that is cut short has all kinds of them.

    Three worlds for each domain shift, one for each value of another dial, random values of all dials
    together, and mismatched sides: the Chinese one is of a world with other preferences (``world``), or
    neither world has any (``none``). Each at every size, of which the smaller ones are the first sentences.
    """
    random = np.random.default_rng(0)
    worlds: list[dict[str, Any]] = [
        *({"domain_shift": shift, "seed": seed} for shift, seed in product(SHIFTS, (1, 2, 3))),
        *({dial: value, "seed": 1} for dial, values in LINES.items() for value in values),
        *(
            {
                "domain_shift": round(random.uniform(0, 0.8), 2),
                "lexical_gap": round(random.uniform(0, 0.5), 2),
                "noise": round(random.uniform(0, 0.3), 2),
                "order_divergence": round(random.uniform(0, 1), 2),
                "seed": 4 + number,
            }
            for number in range(MIXED)
        ),
        *({"seed": seed, "mismatch": kind} for seed, kind in product((1, 2), ("world", "none"))),
    ]
    return [{"size": size, **worlds[number]} for number in random.permutation(len(worlds)) for size in SIZES]


@dataclass(frozen=True)
class Prefix:
    """Sentences of two languages."""

    lines: Mapping[Lang, Sequence[str]]
    relation: ClassVar[str | None] = None

    @property
    def languages(self) -> tuple[Lang, Lang]:
        first, second = self.lines
        return first, second

    def sentences(self, lang: Lang) -> Iterator[str]:
        return iter(self.lines[lang])

    def digest(self) -> str:
        return digest_of([self.lines[lang] for lang in self.languages])

    def held_out(self) -> tuple[HeldOut, ...]:
        return ()


def world(setting: Mapping[str, Any]) -> SyntheticWorld:
    """The world of a setting; of its English side, where the sides do not match."""
    dials = {name: value for name, value in setting.items() if name != "mismatch"}
    strength = 0.0 if setting.get("mismatch") == "none" else 1.8
    return SyntheticWorld(**dials, preference_strength=strength, processes=1)


def source(setting: Mapping[str, Any], fresh: bool = False) -> Prefix:
    """The text of a setting, the first sentences of the longest one; or those that are ``fresh``."""
    lines = _longest(tuple((name, value) for name, value in setting.items() if name != "size"))
    part = slice(max(SIZES), None) if fresh else slice(setting["size"])
    return Prefix({lang: each[part] for lang, each in lines.items()})


@lru_cache(maxsize=1)
def _longest(dials: tuple[tuple[str, Any], ...]) -> dict[Lang, list[str]]:
    one = world({"size": max(SIZES) + FRESH, **dict(dials)})
    other = replace(one, seed=one.seed + 1000) if "mismatch" in dict(dials) else one
    return {lang: [*side.sentences(lang)] for lang, side in zip(one.languages, (one, other), strict=True)}


def dev(setting: Mapping[str, Any]) -> WorldPairs:
    """Held-out pairs of its world; by construction the text has none of their meanings."""
    return WorldPairs(replace(world(setting), size=1), "dev", HELD_OUT, 1)

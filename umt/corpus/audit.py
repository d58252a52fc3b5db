"""The leak audit: held-out sentences in the training text, and training sides that are aligned by accident.

The audit sees held-out text one language at a time and sorted (`HeldOut.side`), never as pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from umt.types import F64, I64, U64, Bools

EXACT, NORMALISED, LONG_RUN = "leak: exact", "leak: normalised", "leak: long shared run"
LEAKS = (EXACT, NORMALISED, LONG_RUN)

# Eight English words or thirteen Chinese characters say about the same, and phrases that long are rarely said
# twice by chance; where they are (formulas, quotations), covering half of the shorter sentence decides.
RUN_OF_WORDS, RUN_OF_CHARACTERS = 8, 13
COVERED = 0.5
_BITS = 24
_BASE = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class LeakIndex:
    """Finds held-out sentences of one language in training text.

    sentences: normalised held-out sentence -> name of its set; keys: the same by duplicate key
    (`umt.corpus.cleaning.key`: lower case, no punctuation, digits folded); spaced: whether the
    language puts spaces between words, so that a unit is a word rather than a character.
    """

    sentences: Mapping[str, str]
    keys: Mapping[str, str]
    spaced: bool
    _vocabulary: dict[str, int] = field(init=False, repr=False)
    _owners: list[tuple[str, I64]] = field(init=False, repr=False)
    _grams: U64 = field(init=False, repr=False)
    _gram_owners: I64 = field(init=False, repr=False)
    _filter: Bools = field(init=False, repr=False)

    def __post_init__(self) -> None:
        vocabulary: dict[str, int] = {}
        owners = []
        for key, name in self.keys.items():
            units = self._units(key)
            if len(units) >= self.run:
                owners.append(
                    (name, np.array([vocabulary.setdefault(unit, len(vocabulary) + 1) for unit in units]))
                )
        hashes = [self._rolled(ids, np.arange(len(ids) - self.run + 1)) for _, ids in owners]
        grams = np.concatenate([*hashes, np.zeros(0, np.uint64)])
        order = np.argsort(grams, kind="stable")
        present = np.zeros(1 << _BITS if len(grams) else 1, dtype=bool)
        present[self._bucket(grams, present)] = True
        sizes = [len(each) for each in hashes]
        for name, value in {
            "_vocabulary": vocabulary,
            "_owners": owners,
            "_grams": grams[order],
            "_filter": present,
            "_gram_owners": np.repeat(np.arange(len(owners)), sizes)[order],
        }.items():
            object.__setattr__(self, name, value)

    @property
    def run(self) -> int:
        """The length of a shared run that counts as a leak, in units."""
        return RUN_OF_WORDS if self.spaced else RUN_OF_CHARACTERS

    def short_leak(self, sentence: str, key: str) -> tuple[str, str] | None:
        """(kind, held-out set) when a training sentence is a held-out one, exactly or normalised."""
        if sentence in self.sentences:
            return EXACT, self.sentences[sentence]
        if key in self.keys:
            return NORMALISED, self.keys[key]
        return None

    def long_leaks(self, keys: Sequence[str]) -> dict[int, str]:
        """Which training sentences share a long run with a held-out one: place -> held-out set.

        A rolling hash over the units of the whole batch finds candidates; each is then compared for real.
        """
        if not self._owners or not keys:
            return {}
        # The end of a sentence is a unit of its own that no held-out sentence holds, so no run crosses it.
        parts = [self._units(key) for key in keys]
        flat = [unit for part in parts for unit in (*part, "\n")]
        ids = np.fromiter(map(self._vocabulary.get, flat, repeat(0)), dtype=np.int64, count=len(flat))
        unknown = np.concatenate([[0], np.cumsum(ids == 0)])
        starts = np.flatnonzero(unknown[self.run :] == unknown[: -self.run])
        hashes = self._rolled(ids, starts)
        likely = self._filter[self._bucket(hashes, self._filter)]
        starts, hashes = starts[likely], hashes[likely]
        low, high = (np.searchsorted(self._grams, hashes, side) for side in ("left", "right"))
        ends = np.cumsum([len(part) + 1 for part in parts])
        places = np.searchsorted(ends, starts, side="right")
        candidates = {
            (int(place), int(owner))
            for place, first, last in zip(places, low, high, strict=True)
            if first < last
            for owner in self._gram_owners[first:last]
        }
        found: dict[int, str] = {}
        for place, owner in sorted(candidates):
            if place not in found:
                name, theirs = self._owners[owner]
                ours = ids[ends[place] - 1 - len(parts[place]) : ends[place] - 1]
                if longest_shared_run(ours, theirs) >= max(self.run, COVERED * min(len(ours), len(theirs))):
                    found[place] = name
        return found

    def _units(self, key: str) -> Sequence[str]:
        return key.split(" ") if self.spaced else key

    def _rolled(self, ids: I64, starts: I64) -> U64:
        """A polynomial hash of ``run`` ids from each start on, modulo 2^64."""
        values = (ids.astype(np.uint64) + np.uint64(1)) * _BASE
        values ^= values >> np.uint64(29)
        total = np.zeros(len(starts), dtype=np.uint64)
        for offset in range(self.run):
            total = total * _BASE + values[starts + offset]
        return total ^ (total >> np.uint64(31))

    @staticmethod
    def _bucket(hashes: U64, present: Bools) -> I64:
        return (hashes & np.uint64(len(present) - 1)).astype(np.int64)


def longest_shared_run(ours: I64, theirs: I64) -> int:
    """The length of the longest run of units (0 matches nothing) that two sentences share."""
    longest, before = 0, np.zeros(len(theirs) + 1, dtype=np.int64)
    for unit in ours:
        run = np.zeros_like(before)
        if unit:
            run[1:] = np.where(theirs == unit, before[:-1] + 1, 0)
        longest, before = max(longest, int(run.max())), run
    return longest


@dataclass(frozen=True)
class Traces:
    """What one side leaves behind for the check of accidental alignment.

    lines: numbers of the kept lines, ascending; lengths: their characters; anchor_lines, anchors: which
    line holds which numeral or Latin name (hashed): what survives translation.
    """

    lines: I64
    lengths: I64
    anchor_lines: I64
    anchors: I64

    @staticmethod
    def concatenated(parts: Iterable[Traces]) -> Traces:
        every = list(parts)
        return Traces(
            *(
                np.concatenate([getattr(part, name) for part in every] or [np.zeros(0, np.int64)])
                for name in ("lines", "lengths", "anchor_lines", "anchors")
            )
        )


def accidental_alignment(source: Traces, target: Traces, generator: np.random.Generator) -> dict[str, Any]:
    """Are the two sides the same text in disguise? Three tests without a dictionary.

    same_lines: do lengths at equal line numbers correlate more than at shifted ones?
    same_order: do numerals and names that each side holds once come in the same order?
    same_sentences: do rare numerals and names that share a sentence here share one there?
    Each has its statistic, the number of items it rests on and whether it is found; too few items
    find nothing, and the statement says so.
    """
    tests = {
        "same_lines": _same_lines(source, target, generator),
        "same_order": _same_order(source, target),
        "same_sentences": _same_sentences(source, target),
    }
    found = [name.replace("_", " ") for name, test in tests.items() if test["found"]]
    untold = [name.replace("_", " ") for name, test in tests.items() if test["items"] < test["needed"]]
    statement = f"accidental alignment: {', '.join(found)}" if found else "no accidental alignment found"
    if untold:
        statement += f" (too little shared to test: {', '.join(untold)})"
    return {"statement": statement, "found": bool(found), **tests}


def _correlation(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Spearman's rank correlation; 0 where one side is constant."""
    return float(_ranked(first) @ _ranked(second))


def _ranked(values: NDArray[Any]) -> F64:
    """Ranks, centred and scaled to length 1: their dot product is Spearman's correlation."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    ranks -= ranks.mean()
    return ranks / max(float(np.linalg.norm(ranks)), 1.0)


def _same_lines(source: Traces, target: Traces, generator: np.random.Generator) -> dict[str, Any]:
    _, ours, theirs = np.intersect1d(source.lines[:20_000], target.lines[:20_000], return_indices=True)
    size, needed = len(ours), 50
    if size < needed:
        return {"found": False, "items": size, "needed": needed, "correlation": 0.0, "z": 0.0}
    # Ties are broken by chance, so that their order in the file does not count.
    first, second = (
        _ranked(lengths + generator.random(size))
        for lengths in (source.lengths[ours], target.lengths[theirs])
    )
    # Circular shifts keep whatever trend the files have, and destroy the alignment of lines.
    null = np.array(
        [
            first @ np.roll(second, int(shift))
            for shift in generator.integers(size // 10, size - size // 10, 30)
        ]
    )
    here = float(first @ second)
    z = (here - float(null.mean())) / (float(null.std()) + 1 / size)
    return {
        "found": here > 0.2 and z > 6,
        "items": size,
        "needed": needed,
        "correlation": round(here, 3),
        "z": round(z, 1),
    }


def _once(side: Traces) -> tuple[I64, I64]:
    anchors, first, counts = np.unique(side.anchors, return_index=True, return_counts=True)
    return anchors[counts == 1], side.anchor_lines[first[counts == 1]]


def _same_order(source: Traces, target: Traces) -> dict[str, Any]:
    (ours, our_lines), (theirs, their_lines) = _once(source), _once(target)
    shared, first, second = np.intersect1d(ours, theirs, return_indices=True)
    size, needed = len(shared), 30
    rho = _correlation(our_lines[first], their_lines[second]) if size >= needed else 0.0
    z = rho * max(size - 1, 0) ** 0.5
    return {
        "found": rho > 0.2 and z > 5,
        "items": size,
        "needed": needed,
        "correlation": round(rho, 3),
        "z": round(z, 1),
    }


def _same_sentences(source: Traces, target: Traces, rare: int = 5) -> dict[str, Any]:
    ours, theirs = (np.unique(side.anchors, return_counts=True) for side in (source, target))
    shared = np.intersect1d(ours[0][ours[1] <= rare], theirs[0][theirs[1] <= rare])
    pairs = []
    for side in (source, target):
        kept = np.isin(side.anchors, shared)
        by_line: dict[int, set[int]] = {}
        for line, anchor in zip(side.anchor_lines[kept].tolist(), side.anchors[kept].tolist(), strict=True):
            by_line.setdefault(line, set()).add(anchor)
        pairs.append(
            {
                (one, other)
                for each in by_line.values()
                if 1 < len(each) <= 10
                for one in each
                for other in each
                if one < other
            }
        )
    size, needed = min(len(each) for each in pairs), 30
    share = len(pairs[0] & pairs[1]) / size if size else 0.0
    found = size >= needed and share > 0.3
    return {"found": found, "items": size, "needed": needed, "share": round(share, 3)}

"""The leak audit: held-out sentences in the training text, and training sides that are aligned by accident.

The audit sees held-out text one language at a time and sorted (`HeldOut.unpaired_side`), never as pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np

from umt.types import I64, U64, Bools

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
    (`umt.corpus.preparation.deduplication.key`: lower case, no punctuation, digits folded); spaced: whether
    the language puts spaces between words, so that a unit is a word rather than a character.
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
        sizes = list(map(len, hashes))
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

    def exact_match(self, sentence: str, key: str) -> tuple[str, str] | None:
        """(kind, held-out set) when a training sentence is a held-out one, exactly or normalised."""
        if sentence in self.sentences:
            return EXACT, self.sentences[sentence]
        if key in self.keys:
            return NORMALISED, self.keys[key]
        return None

    def shared_runs(self, keys: Sequence[str]) -> dict[int, str]:
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
        leaks: dict[int, str] = {}
        for place, owner in sorted(candidates):
            if place not in leaks:
                name, theirs = self._owners[owner]
                ours = ids[ends[place] - 1 - len(parts[place]) : ends[place] - 1]
                if longest_shared_run(ours, theirs) >= max(self.run, COVERED * min(len(ours), len(theirs))):
                    leaks[place] = name
        return leaks

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

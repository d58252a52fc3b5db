"""Out-of-vocabulary words: re-segmented, or replaced by an inflected form of a known word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

_SHORTEST = 4
_ENDING = 3


@dataclass(frozen=True)
class OovResolver:
    """Replaces unknown source words by known ones.

    known: the lower-cased words that have translations, most frequent first.
    """

    known: tuple[str, ...]

    @cached_property
    def rank(self) -> dict[str, int]:
        """Frequency rank of each known word, from 0."""
        return {word: rank for rank, word in enumerate(self.known)}

    @cached_property
    def _by_stem(self) -> dict[str, str]:
        """Prefix -> the most frequent known word that consists of it and at most two more letters."""
        stems: dict[str, str] = {}
        for word in self.known:
            for length in range(max(_SHORTEST, len(word) - 2), len(word) + 1):
                stems.setdefault(word[:length], word)
        return stems

    def resolve(self, words: Sequence[str]) -> list[str]:
        """``words`` with unknown ones replaced.

        A word in a script without case (Chinese) is re-segmented into the fewest known words, the more
        frequent the better, since the segmentation of names and rare phrases may differ from that of the
        corpus. A lower-case word, or the first of the sentence, becomes the known word that shares all but
        its last three letters at most. Names, numbers and other words stay.
        """
        read: list[str] = []
        for place, word in enumerate(words):
            lowered = word.lower()
            if lowered in self.rank or not word.isalpha():
                read.append(word)
            elif word.upper() == lowered:
                read.extend(self._cut(word))
            else:
                read.append(self._other_form(word, lowered) if word == lowered or place == 0 else word)
        return read

    def _cut(self, word: str) -> list[str]:
        """The segmentation into fewest known words; an unknown character costs as much as three words."""
        best: list[tuple[float, int]] = [(0.0, 0)]
        for end in range(1, len(word) + 1):
            choices = [(best[end - 1][0] + 3.0, end - 1)]
            for start in range(end):
                if (rank := self.rank.get(word[start:end])) is not None:
                    choices.append((best[start][0] + 1.0 + rank / (10.0 * len(self.known)), start))
            best.append(min(choices))
        if best[-1][0] >= 3.0 * len(word):
            return [word]
        pieces, end = [], len(word)
        while end:
            start = best[end][1]
            pieces.append(word[start:end])
            end = start
        return pieces[::-1]

    def _other_form(self, word: str, lowered: str) -> str:
        for length in range(len(word), max(_SHORTEST, len(word) - _ENDING) - 1, -1):
            if lowered[:length] in self._by_stem:
                return self._by_stem[lowered[:length]]
        return word

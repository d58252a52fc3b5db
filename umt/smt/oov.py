"""Words a translator has no candidates for: taken apart, or taken for another form of a known word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

_SHORTEST = 4
_ENDING = 3


@dataclass(frozen=True)
class OovResolver:
    """What to read instead of an unknown word.

    known: the lower-cased words that have candidates, most frequent first.
    """

    known: tuple[str, ...]

    @cached_property
    def rank(self) -> dict[str, int]:
        """How many known words are more frequent."""
        return {word: rank for rank, word in enumerate(self.known)}

    @cached_property
    def _by_stem(self) -> dict[str, str]:
        """The most frequent known word that is this beginning and an ending of at most two letters."""
        stems: dict[str, str] = {}
        for word in self.known:
            for length in range(max(_SHORTEST, len(word) - 2), len(word) + 1):
                stems.setdefault(word[:length], word)
        return stems

    def resolve(self, words: Sequence[str]) -> list[str]:
        """``words`` with what is known in the place of what is not.

        A word in a script without capitals (Chinese) is cut into the fewest known words, the more frequent
        the better, since the segmenter cuts names and rare phrases otherwise than the corpus did. A word in
        small letters, or the first of the sentence, becomes the known word that shares all but its last
        three letters at most. Names, numbers and what fits neither stay.
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
        """Fewest pieces; an unknown character costs as much as three pieces."""
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

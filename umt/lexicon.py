"""Bilingual lexicons: what an aligner induces (`Lexicon`) and what is true (`Dictionary`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor


@dataclass(frozen=True)
class Lexicon:
    """Candidate translations of every source word, best first.

    candidates: (words, k) indices into ``target``.
    probabilities: (words, k) p(target | source), rows descending, summing to at most 1.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    candidates: Tensor
    probabilities: Tensor

    @cached_property
    def row(self) -> dict[str, int]:
        """The row of each source word."""
        return {word: index for index, word in enumerate(self.source)}

    def translations(self, word: str) -> list[tuple[str, float]]:
        """Candidates of ``word`` with their probabilities, best first; empty when it is unknown."""
        if word not in self.row:
            return []
        row = self.row[word]
        pairs = zip(self.candidates[row].tolist(), self.probabilities[row].tolist(), strict=True)
        return [(self.target[index], probability) for index, probability in pairs if probability > 0]

    def save(self, directory: Path) -> None:
        """Write ``lexicon.safetensors`` and the two word lists."""
        raise NotImplementedError

    @classmethod
    def load(cls, directory: Path) -> Lexicon:
        """Read what `save` wrote."""
        raise NotImplementedError

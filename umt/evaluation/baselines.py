"""What a system must beat: the source copied, and the same machinery with a lexicon drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from umt.embeddings.lexicon import Lexicon


class Translator(Protocol):
    """Raw sentences in one language to raw sentences in another, in order."""

    def translate(self, sentences: Sequence[str]) -> list[str]: ...


@dataclass(frozen=True)
class Copy:
    """The source as it is: what numbers, names and punctuation alone are worth."""

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """The same sentences."""
        return list(sentences)


def permuted_lexicon(lexicon: Lexicon) -> Lexicon:
    """The same probabilities over target words that a random permutation has exchanged."""
    exchange = _exchange(len(lexicon.target))
    return replace(lexicon, candidates=exchange[lexicon.candidates])


def _exchange(size: int) -> torch.Tensor:
    # the seed is a part of the baselines' definition, not of a run
    return torch.randperm(size, generator=torch.Generator().manual_seed(0))

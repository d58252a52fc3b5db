"""Matching words by their sorted similarities alone: VecMap's initialisation, as a strategy of its own."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator

from umt.align import Alignment
from umt.align.refinement import Refinement
from umt.align.soft_matching import (
    alignment_of,
    frequency_score,
    matched_words,
    reweight_spectrum,
    similarity_profiles,
    zscore,
)
from umt.embeddings.wordspace import WordSpace
from umt.runtime.validate import require


@dataclass(frozen=True)
class SimilarityProfile:
    """Words are alike when their sorted similarities to their own language are.

    The initialisation of VecMap (Artetxe, Labaka and Agirre, 2018, "A robust self-learning method"). It
    matches a few words in a hundred correctly: meant as ``init`` of `SelfLearning`, or as a baseline.

    words: the most frequent words that are matched. spectrum: see `reweight_spectrum`; VecMap takes the
    square root of the similarities, which is -0.5. frequency: weight of log frequencies against the profiles.
    candidates: translations of a word that the lexicon lists. refinement: from these words to all, or None.
    """

    words: int = 4000
    spectrum: float = -0.5
    frequency: float = 0.0
    candidates: int = 10
    refinement: Refinement | None = None

    def __post_init__(self) -> None:
        require(self, positive="candidates", at_least_zero="frequency", at_least={"words": 20})

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """Raises `BadInput` when a vocabulary is tiny."""
        size = matched_words(source, target, self.words)
        scores = zscore(
            similarity_profiles(
                *(reweight_spectrum(space, size, self.spectrum) for space in (source, target))
            )
        )
        if self.frequency:
            scores = scores + self.frequency * frequency_score(source, target, size)
        return alignment_of(scores, source, target, (), self.candidates, self.refinement, generator)

"""Adversarial training of linear maps (MUSE), refined by matching words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from torch import Generator, Tensor

from umt.align import Alignment
from umt.align.refinement import Refinement
from umt.align.soft_matching import (
    alignment_of,
    frequency_score,
    half_csls,
    matched_words,
    reweight_spectrum,
    zscore,
)
from umt.align.strategies.cooccurrence import Cooccurrence
from umt.align.strategies.gromov_wasserstein import fitted_map
from umt.align.strategies.invariant_features import invariant_features
from umt.align.strategies.map_training import Cloud, MapTraining
from umt.embeddings.wordspace import WordSpace
from umt.runtime.validate import require

_Matching: TypeAlias = tuple[Tensor, Sequence[Mapping[str, float]]]
"""(N, N) scores between the words of both sides, and the history of how they came about."""


@dataclass(frozen=True)
class MapRefinement:
    """Procrustes and soft matching in turn, from an adversarially trained map (`fitted_map`).

    rounds: matchings; first_inverse_temperature: of the first, the last has 12, in deviations of the scores.
    spectrum: see `reweight_spectrum`. frequency: see `GromovWasserstein`.
    """

    rounds: int = 20
    spectrum: float = 3.0
    first_inverse_temperature: float = 1.0
    frequency: float = 0.1

    def __post_init__(self) -> None:
        require(self, positive="rounds first_inverse_temperature", at_least_zero="frequency")


@dataclass(frozen=True)
class Adversarial:
    """Maps trained against discriminators, refined by Procrustes and CSLS (Conneau et al., 2018, MUSE).

    A map rotates source words so that a network cannot tell them from target words. With few words the
    network memorises each of them, and training from a random map ends anywhere. Four measures prevent that:
    noise on the inputs of the discriminator, large at first, so that it learns the shape of the point clouds
    before their points; few dimensions; features that no map can change (`invariant_features`), the frequency
    of the word and the shape of its neighbourhood, so that words are compared with similar ones; and several
    seeds, some of which fail on text: how well the refined maps match tells which.

    The trained maps are rough, and on text Procrustes does not improve them. Counts do: ``counts`` matches
    the words again from each of the refined maps, then ``count_passes`` times from the best result. Its first
    inverse temperature must equal its last: annealed count matching succeeds from hardly any start, and the
    adversarial training would not matter (docs/results.md has the control: untrained maps lead nowhere).

    words: the most frequent words that take part. dim: leading principal axes that are mapped, 0: all.
    spectrum: see `reweight_spectrum`. invariant_features: how many neighbourhood features beside the log
    frequency; 0: the log frequency alone, -1: none. map_training: how the maps are trained. map_refinement:
    Procrustes after it. counts, count_passes: see above; counts None, or vectors alone: the refined maps as
    they are.
    candidates, refinement: as in `Cooccurrence`.
    """

    words: int = 1000
    dim: int = 10
    spectrum: float = 2.0
    invariant_features: int = 8
    map_training: MapTraining = field(default_factory=MapTraining)
    map_refinement: MapRefinement = field(default_factory=MapRefinement)
    counts: Cooccurrence | None = None
    count_passes: int = 2
    candidates: int = 10
    refinement: Refinement | None = None

    def __post_init__(self) -> None:
        require(
            self,
            positive="candidates",
            at_least_zero="dim count_passes",
            at_least={"words": 20, "invariant_features": -1},
        )

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """Raises `BadInput` when a vocabulary is tiny, `FloatingPointError` when the training diverges."""
        size = matched_words(source, target, self.words)
        refinement = self.map_refinement
        frequency_scores = refinement.frequency * frequency_score(source, target, size)
        x, z = (
            reweight_spectrum(space, size, self.spectrum)[:, : self.dim or None] for space in (source, target)
        )
        frequencies = source.frequencies[:size], target.frequencies[:size]
        features = invariant_features([x, z], frequencies, self.invariant_features)
        clouds = Cloud(x, features[0], frequencies[0]), Cloud(z, features[1], frequencies[1])
        maps, history = self.map_training.train(*clouds, frequency_scores, generator)
        wide_x, wide_z = (reweight_spectrum(space, size, refinement.spectrum) for space in (source, target))
        inverse_temperatures = np.geomspace(
            refinement.first_inverse_temperature, 12, refinement.rounds
        ).tolist()
        matchings: list[_Matching] = []
        for one in maps:
            rotation, rounds = fitted_map(
                wide_x, wide_z, half_csls(x @ one @ z.T), frequency_scores, inverse_temperatures
            )
            matchings.append((zscore(half_csls(wide_x @ rotation @ wide_z.T)) + frequency_scores, rounds))
        if self.counts is not None and source.counts:
            starts = [scores for scores, _ in matchings]
            matchings = [*self.counts.match(source, target, starts, generator)]
            for _ in range(self.count_passes):
                matchings += self.counts.match(source, target, [_best(matchings)[0]], generator)
        scores, last = _best(matchings)
        return alignment_of(
            scores, source, target, (*history, *last), self.candidates, self.refinement, generator
        )


def _best(matchings: Sequence[_Matching]) -> _Matching:
    """The matching of highest final similarity; no dictionary is involved."""
    return max(matchings, key=lambda matching: matching[1][-1]["similarity"])

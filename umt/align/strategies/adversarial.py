"""A linear map that a discriminator cannot tell from the other language, refined by matching words."""

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
    """Procrustes and soft matching in turn, from the map that a game found (`fitted_map`).

    rounds: matchings, the first as soft as ``soft``, in deviations of the scores.  spectrum: see `shaped`.
    frequency: see `GromovWasserstein`.
    """

    rounds: int = 20
    spectrum: float = 3.0
    first_inverse_temperature: float = 1.0
    frequency: float = 0.1

    def __post_init__(self) -> None:
        require(self, positive="rounds first_inverse_temperature", at_least_zero="frequency")


@dataclass(frozen=True)
class Adversarial:
    """Maps against discriminators, the best refined by Procrustes and CSLS (Conneau et al., 2018, MUSE).

    A map turns source words so that a network cannot tell them from target words. Where the words are few
    the network knows each by heart, and a game from a random map ends anywhere. Four things change that:
    noise on what the discriminator sees, large at first, so that it judges the shape of the clouds before
    their points; few dimensions; beside the vector, what no map can change (`unmapped`): the frequency of
    the word and the shape of its neighbourhood, so that it is judged among its like; and several games, some
    of which are lost on text: how well the refined maps match tells which.

    What the game finds is rough, and on text Procrustes does not get on from there. Counts do: ``counts``
    matches the words again from each of the refined maps, then ``again`` times from the best that came of it.
    It must begin hard, as hard as it ends: counts that begin soft find the words from hardly any start, and
    the game would be for show (docs/results.md has the control: maps that were not trained lead nowhere).

    words: the most frequent words that take part. dim: leading principal axes that are mapped, 0: all.
    spectrum: see `shaped`. unmapped: neighbourhood features beside the log frequency; -1: neither.
    game: how the maps are trained. refinement: what follows it. counts, again: see above; None: maps as they
    are. candidates, widening: as in `Cooccurrence`.
    """

    words: int = 1000
    dim: int = 10
    spectrum: float = 2.0
    unmapped: int = 8
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
            at_least={"words": 20, "unmapped": -1},
        )

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """Raises `BadInput` when a vocabulary is tiny, `FloatingPointError` when the game diverges."""
        size = matched_words(source, target, self.words)
        refinement = self.map_refinement
        fit = refinement.frequency * frequency_score(source, target, size)
        x, z = (
            reweight_spectrum(space, size, self.spectrum)[:, : self.dim or None] for space in (source, target)
        )
        frequencies = source.frequencies[:size], target.frequencies[:size]
        features = invariant_features([x, z], frequencies, self.unmapped)
        clouds = Cloud(x, features[0], frequencies[0]), Cloud(z, features[1], frequencies[1])
        maps, history = self.map_training.train(*clouds, fit, generator)
        wide_x, wide_z = (reweight_spectrum(space, size, refinement.spectrum) for space in (source, target))
        sharpness = np.geomspace(refinement.first_inverse_temperature, 12, refinement.rounds).tolist()
        matchings: list[_Matching] = []
        for one in maps:
            turn, rounds = fitted_map(wide_x, wide_z, half_csls(x @ one @ z.T), fit, sharpness)
            matchings.append((zscore(half_csls(wide_x @ turn @ wide_z.T)) + fit, rounds))
        if self.counts is not None:
            starts = [scores for scores, _ in matchings]
            matchings = [*self.counts.match(source, target, starts, generator)]
            for _ in range(self.count_passes):
                matchings += self.counts.match(source, target, [_best(matchings)[0]], generator)
        scores, last = _best(matchings)
        return alignment_of(
            scores, source, target, (*history, *last), self.candidates, self.refinement, generator
        )


def _best(matchings: Sequence[_Matching]) -> _Matching:
    """The matching whose words are most alike in the end: no dictionary chooses."""
    return max(matchings, key=lambda matching: matching[1][-1]["similarity"])

"""Wasserstein-Procrustes: joint optimisation of an orthogonal map and a matching of words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from umt.align import Alignment
from umt.align.refinement import Refinement
from umt.align.soft_matching import (
    alignment_of,
    frequency_score,
    half_csls,
    matched_words,
    reweight_spectrum,
    similarity_profiles,
    sinkhorn,
    zscore,
)
from umt.align.strategies.gromov_wasserstein import fitted_map, sample_rows
from umt.embeddings.wordspace import WordSpace
from umt.runtime.validate import require


@dataclass(frozen=True)
class WassersteinProcrustes:
    """Minimises ||X Q - P Y|| over orthogonal Q and doubly stochastic P (Grave, Joulin and Berthet, 2019).

    Procrustes and entropic matchings in turn on growing random batches of words, while the entropy falls.
    The paper starts from a convex relaxation (`convex_relaxation`), which reflects little more than how
    central a word is: here its scores are added to those of VecMap's similarity profiles.

    words: the most frequent words that are matched. batch: share of them in the first step, growing to
        ``keep`` in the last, drawn at random, so that restarts differ.
    relaxation_steps: steps of Frank and Wolfe on the convex relaxation; 0: the profiles alone.
    spectrum: see `reweight_spectrum`; frequency: weight of log frequencies in the matchings.
    first_inverse_temperature, last_inverse_temperature, steps: of the annealing, in deviations of the scores.
    candidates, refinement: as in `Cooccurrence`.
    """

    words: int = 1500
    batch: float = 0.6
    keep: float = 0.9
    relaxation_steps: int = 10
    spectrum: float = 4.0
    frequency: float = 0.3
    first_inverse_temperature: float = 1.0
    last_inverse_temperature: float = 12.0
    steps: int = 60
    candidates: int = 10
    refinement: Refinement | None = None

    def __post_init__(self) -> None:
        require(
            self,
            positive="steps candidates batch first_inverse_temperature",
            at_least_zero="relaxation_steps frequency",
            share="keep",
            at_least={"words": 20},
            ascending="batch keep, first_inverse_temperature last_inverse_temperature",
        )

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """Raises `BadInput` when a vocabulary is tiny."""
        size = matched_words(source, target, self.words)
        frequency_scores = self.frequency * frequency_score(source, target, size)
        x, z = (reweight_spectrum(space, size, self.spectrum) for space in (source, target))
        scores = zscore(similarity_profiles(x, z))
        if self.relaxation_steps:
            scores = scores + zscore(
                half_csls(convex_relaxation(x @ x.T, z @ z.T, frequency_scores, self.relaxation_steps))
            )
        history = []
        shares = np.geomspace(self.batch, self.keep, self.steps)
        for share, inverse_temperature in zip(
            shares,
            np.geomspace(self.first_inverse_temperature, self.last_inverse_temperature, self.steps),
            strict=True,
        ):
            rows, columns = (sample_rows(size, float(share), generator) for _ in range(2))
            part = scores[rows][:, columns], frequency_scores[rows][:, columns], [float(inverse_temperature)]
            rotation, entries = fitted_map(x[rows], z[columns], *part)
            history += entries
            scores = half_csls(x @ rotation @ z.T)
        scores = zscore(scores) + frequency_scores
        return alignment_of(scores, source, target, history, self.candidates, self.refinement, generator)


def convex_relaxation(a: Tensor, b: Tensor, frequency_scores: Tensor, steps: int) -> Tensor:
    """The doubly stochastic P that nearly minimises the convex ||A P - P B||^2, by Frank and Wolfe.

    a, b: (N, N) similarities within each language; frequency_scores: (N, N), added to those of each step. The
    linear problem of each step is solved with entropy, as in the paper. Returns (N, N).
    """
    a, b = a / a.norm(), b / b.norm()
    square_a, square_b = a @ a, b @ b
    matching = torch.full_like(a, 1 / len(a))
    for step in range(steps):
        gradient = square_a @ matching + matching @ square_b - 2 * a @ matching @ b
        share = 2 / (2 + step)
        matching = (1 - share) * matching + share * sinkhorn(zscore(-gradient) + frequency_scores, 4.0)
    return matching

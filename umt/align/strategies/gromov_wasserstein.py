"""Gromov-Wasserstein: match words so that their similarities within each language agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from umt.align import Alignment
from umt.align.linear_maps import procrustes
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
from umt.embeddings.wordspace import WordSpace, normalise
from umt.runtime.validate import require


@dataclass(frozen=True)
class GromovWasserstein:
    """The entropic Gromov-Wasserstein plan of the frequent words, and the orthogonal map that fits it.

    The plan is the doubly stochastic T that maps the similarities A of one language to those B of the other:
    with a quadratic loss its gradient is A T B, and the entropic plan is Sinkhorn's of that (Peyré, Cuturi
    and Solomon, 2016; Alvarez-Melis and Jaakkola, 2018, "Gromov-Wasserstein alignment of word embedding
    spaces"). The problem is not convex, so the entropy is annealed instead of being fixed, rows are compared
    by their cosine, hubs are scaled down as by CSLS, and log frequencies are a linear term as in the fused
    problem (Vayer et al., 2019). Annealed Procrustes on the plan follows, in a space of steeper spectrum.

    words: the most frequent words that are matched. keep: share of them that a run sees, drawn at random, so
        that restarts differ; all are matched in the end.
    spectrum: see `reweight_spectrum`, of the similarities; clip: similarities beyond this percentile are cut.
    map_spectrum: that of the space in which the map is fitted. frequency: weight of log frequencies.
    first_inverse_temperature, last_inverse_temperature, steps: of the annealing, in deviations of the scores.
    candidates, refinement: as in `Cooccurrence`.
    """

    words: int = 1500
    keep: float = 0.8
    spectrum: float = 1.0
    clip: float = 99.0
    map_spectrum: float = 3.0
    frequency: float = 0.1
    first_inverse_temperature: float = 2.0
    last_inverse_temperature: float = 12.0
    steps: int = 20
    candidates: int = 10
    refinement: Refinement | None = None

    def __post_init__(self) -> None:
        require(
            self,
            positive="steps candidates first_inverse_temperature",
            at_least_zero="frequency",
            at_least={"words": 20},
            within={"keep": "(0, 1]", "clip": "(50, 100]"},
            ascending="first_inverse_temperature last_inverse_temperature",
        )

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """Raises `BadInput` when a vocabulary is tiny."""
        size = matched_words(source, target, self.words)
        frequency_scores = self.frequency * frequency_score(source, target, size)
        spaces = source, target
        x, z = (reweight_spectrum(space, size, self.spectrum) for space in spaces)
        rows, columns = (sample_rows(size, self.keep, generator) for _ in spaces)
        sampled_fit = frequency_scores[rows][:, columns]
        relations = clipped(x[rows] @ x[rows].T, self.clip), clipped(z[columns] @ z[columns].T, self.clip)
        first_scores = zscore(similarity_profiles(x[rows], z[columns]))
        inverse_temperatures = np.geomspace(
            self.first_inverse_temperature, self.last_inverse_temperature, self.steps
        ).tolist()
        scores, first = entropic_plan(*relations, first_scores, sampled_fit, inverse_temperatures)
        x, z = (reweight_spectrum(space, size, self.map_spectrum) for space in spaces)
        rotation, second = fitted_map(x[rows], z[columns], scores, sampled_fit, inverse_temperatures)
        scores = zscore(half_csls(x @ rotation @ z.T)) + frequency_scores
        history = (*first, *second)
        return alignment_of(scores, source, target, history, self.candidates, self.refinement, generator)


def sample_rows(size: int, keep: float, generator: Generator) -> Tensor:
    """(kept,) the numbers of a share ``keep`` of ``size`` words, drawn at random, in order."""
    count = max(2, round(keep * size))
    return torch.randperm(size, generator=generator, device=generator.device).cpu()[:count].sort().values


def clipped(relation: Tensor, clip: float) -> Tensor:
    """Unit centred rows of (N, N) similarities, both tails cut at the ``clip`` percentile."""
    rows = normalise(relation)
    some = rows.flatten()[:: max(1, rows.numel() // 200_000)].numpy()
    low, high = (float(value) for value in np.percentile(some, (100 - clip, clip)))
    return rows.clamp(low, high)


def entropic_plan(
    a: Tensor, b: Tensor, scores: Tensor, frequency_scores: Tensor, inverse_temperatures: list[float]
) -> tuple[Tensor, list[Mapping[str, float]]]:
    """Scores of the (N, N) plan between the similarities a (N, N) and b (N, N), from initial ``scores``.

    frequency_scores: (N, N), added to the scores. Each inverse temperature is one Sinkhorn matching.
    """
    history: list[Mapping[str, float]] = []
    for inverse_temperature in inverse_temperatures:
        matching = sinkhorn(
            zscore(scores) + frequency_scores, inverse_temperature
        )  # (N source words, N target words)
        similarity = a @ normalize(b @ matching.T, dim=1).T
        similarity += normalize(a @ matching, dim=1) @ b.T
        scores = zscore(half_csls(similarity))
        history.append(
            {
                "inverse_temperature": inverse_temperature,
                "similarity": float((matching * similarity).sum() / len(a)),
            }
        )
    return scores, history


def fitted_map(
    x: Tensor, z: Tensor, scores: Tensor, frequency_scores: Tensor, inverse_temperatures: list[float]
) -> tuple[Tensor, list[Mapping[str, float]]]:
    """The orthogonal (dim, dim) map of x (N, dim) on z (N, dim): Procrustes and Sinkhorn in turn.

    scores: (N, N) the start; frequency_scores: (N, N), added to the scores of every step.
    """
    history: list[Mapping[str, float]] = []
    rotation = torch.eye(x.shape[1])
    for inverse_temperature in inverse_temperatures:
        matching = sinkhorn(zscore(scores) + frequency_scores, inverse_temperature)
        rotation = procrustes(x, matching @ z)
        similarity = x @ rotation @ z.T
        scores = half_csls(similarity)
        history.append(
            {
                "inverse_temperature": inverse_temperature,
                "similarity": float((matching * similarity).sum() / len(x)),
            }
        )
    return rotation, history

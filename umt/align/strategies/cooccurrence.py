"""Matching two vocabularies by their co-occurrence counts alone, without any seed.

A word is its row of counts with each frequent word of its own language. If the columns of both languages
were in the same order, translations would have similar rows; if the rows were matched, the columns could be
ordered, for they are the same words. So the algorithm matches and reorders in turn (Wang, Agrawal and
Eisenstein, 2023, "Accessing higher dimensions for unsupervised word translation"). Alternating hard matches
from a poor start often collapse. Here the matching is annealed from nearly uniform to hard, so that large
features are matched before small ones (deterministic annealing; Gold and Rangarajan, 1996, "A graduated
assignment algorithm for graph matching").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from umt.align import Alignment
from umt.align.refinement import Refinement
from umt.align.soft_matching import alignment_of, best, half_csls, similarity_profiles, sinkhorn, zscore
from umt.embeddings.wordspace import WordSpace, normalise
from umt.runtime.validate import require
from umt.types import F32, BadInput

History: TypeAlias = tuple[dict[str, float], ...]

_GAIN = 1e-4  # a smaller growth of the mean similarity is no growth


@dataclass(frozen=True)
class Cooccurrence:
    """Counts clipped and matched softly, then hard with the top singular directions dropped.

    words: the most frequent words, which are matched and are their own contexts; the refinement adds others.
    window: which of the counts of the word spaces to read.
    clip: entries beyond this percentile of the row percentiles are cut, at both tails.
    drop: leading singular directions removed before the hard matches; they are common to all words.
    keep: share of the counted pairs that a run sees, drawn at random, so that restarts differ.
    first_inverse_temperature, last_inverse_temperature: of the first and the last soft matching, in standard
        deviations of the similarities; steps: soft matchings in all.
    patience: rounds without a higher mean best similarity that end the hard matches; rounds: most rounds.
    candidates: translations of a word that the lexicon lists.
    refinement: from these words to all; None where `Restarts` refines the consensus instead.
    """

    words: int = 1000
    window: int = 10
    clip: float = 99.0
    drop: int = 10
    keep: float = 1.0
    first_inverse_temperature: float = 2.0
    last_inverse_temperature: float = 12.0
    steps: int = 20
    patience: int = 3
    rounds: int = 100
    candidates: int = 10
    refinement: Refinement | None = None

    def __post_init__(self) -> None:
        require(
            self,
            positive="window steps patience rounds candidates first_inverse_temperature",
            at_least={"words": 20},
            within={"clip": "(50, 100]", "drop": f"[0, {self.words})", "keep": "(0, 1]"},
            ascending="first_inverse_temperature last_inverse_temperature",
        )

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """The lexicon of the most frequent words, and the vectors of those words, rotated to fit it.

        Raises `BadInput` when the window was not counted or a vocabulary is tiny.
        """
        [(scores, history)] = self.match(source, target, [None], generator)
        return alignment_of(scores, source, target, history, self.candidates, self.refinement, generator)

    def match(
        self, source: WordSpace, target: WordSpace, starts: Sequence[Tensor | None], generator: Generator
    ) -> list[tuple[Tensor, History]]:
        """(size, size) scores between the most frequent words, and the history, for each of ``starts``.

        starts: (N, N) initial scores, of which the first ``size`` rows and columns are read; None: the
        sorted similarity profiles. Raises as `align`.
        """
        lengths = [len(start) for start in starts if start is not None]
        size = min(self.words, *lengths, *(self._contexts(space) for space in (source, target)))
        counts = [self._counts(space, size, generator) for space in (source, target)]
        x, z = (normalise_counts(each, self.clip) for each in counts)
        a, b = (normalise_counts(each, self.clip, self.drop) for each in counts)
        results = []
        for start in starts:
            first = similarity_profiles(x, z) if start is None else start[:size, :size]
            forward, backward = best(
                anneal(x, z, first, self.first_inverse_temperature, self.last_inverse_temperature, self.steps)
            )
            similarity, history = alternate_hard(a, b, forward, backward, self.patience, self.rounds)
            results.append((half_csls(similarity), history))
        return results

    def _contexts(self, space: WordSpace) -> int:
        """How many words there are to match."""
        if not space.counts:
            raise BadInput(
                f"the cooccurrence strategy matches counts of neighbouring words, and there is no text to "
                f"count for {space.lang}: gromov_wasserstein, wasserstein_procrustes, adversarial, "
                "similarity_profile and self_learning need vectors alone"
            )
        if self.window not in space.counts:
            counted = ", ".join(map(str, sorted(space.counts)))
            raise BadInput(
                f"aligner.window={self.window} was not counted for {space.lang}: "
                f"choose one of {counted}, or add it to words.windows"
            )
        size = min(space.counts[self.window].shape)
        if size <= max(20, self.drop):
            raise BadInput(f"{space.lang} has {size} words to match, too few: give more text")
        return size

    def _counts(self, space: WordSpace, size: int, generator: Generator) -> Tensor:
        dense = space.counts[self.window][:size, :size].toarray().astype(np.float32)
        if not dense.any():
            raise BadInput(f"no two frequent words of {space.lang} stand together: give whole sentences")
        return torch.from_numpy(resample_counts(dense, self.keep, generator))


def resample_counts(counts: F32, keep: float, generator: Generator) -> F32:
    """Each counted pair kept with probability ``keep``, which simulates a random part of the text.

    counts: (words, words) symmetric whole numbers; so is the result.
    """
    if keep == 1:
        return counts
    seed = int(torch.randint(2**62, (1,), generator=generator, device=generator.device))
    upper = np.random.default_rng(seed).binomial(np.triu(counts).astype(np.int64), keep).astype(np.float32)
    both: F32 = upper + np.triu(upper, 1).T
    return both


def normalise_counts(counts: Tensor, clip: float, drop: int = 0) -> Tensor:
    """Square root, unit rows, centred columns, unit rows; the ``drop`` top singular directions out; clipped.

    counts: (words, words). Both tails are cut at the ``clip`` percentile of the rows' ``clip`` percentiles.
    """
    rows = normalise(counts.sqrt())
    if drop:
        rows = rows - top_singular_part(rows, drop)
    values = rows.numpy()
    low, high = (float(np.percentile(np.percentile(values, p, axis=1), p)) for p in (100 - clip, clip))
    return rows.clamp(low, high)


def top_singular_part(matrix: Tensor, rank: int, rounds: int = 4) -> Tensor:
    """The part of (rows, columns) ``matrix`` that lies in its ``rank`` top singular directions.

    Subspace iteration from a fixed start: the top directions are well apart, so the start does not matter.
    """
    width = min(rank + 10, *matrix.shape)
    basis = torch.randn(matrix.shape[1], width, generator=Generator().manual_seed(0)).to(matrix)
    for _ in range(rounds):
        basis = torch.linalg.qr(matrix.T @ (matrix @ basis)).Q
    u, values, vt = torch.linalg.svd(matrix @ basis, full_matrices=False)
    part: Tensor = (u[:, :rank] * values[:rank]) @ (vt[:rank] @ basis.T)
    return part


def anneal(x: Tensor, z: Tensor, scores: Tensor, soft: float, hard: float, steps: int) -> Tensor:
    """Alternates a soft matching and a reordering of the columns by it, at rising inverse temperature.

    x, z: (N, N) normalised counts; scores: (N, N) the start. Returns (N, N) scores of the last matching.
    """
    scores = zscore(scores)
    for inverse_temperature in np.geomspace(soft, hard, steps).tolist():
        matching = sinkhorn(scores, inverse_temperature)  # (N source words, N target words)
        similarity = x @ normalize(z @ matching.T, dim=1).T
        similarity += normalize(x @ matching, dim=1) @ z.T
        scores = half_csls(similarity)
        scores /= scores.std()
    return scores


def alternate_hard(
    x: Tensor, z: Tensor, forward: Tensor, backward: Tensor, patience: int, rounds: int
) -> tuple[Tensor, History]:
    """Alternate: columns in the order of the matches of both directions, cosines of rows, CSLS matches.

    x, z: (N, N); forward: (N,) the target word of each source word; backward: (N,) the other way.
    Returns the (N, N) cosines of the round whose mean best similarity was highest, and the history.
    """
    highest, stale, best_similarity = -1.0, 0, x.new_zeros(0)
    history = []
    for _ in range(rounds):
        similarity = reordered(x, z, forward, backward)
        mean = float((similarity.amax(1).mean() + similarity.amax(0).mean()) / 2)
        history.append({"similarity": mean})
        stale += 1
        if mean > highest + _GAIN:
            highest, stale, best_similarity = mean, 0, similarity
        if stale >= patience:
            break
        forward, backward = best(half_csls(similarity))
    return best_similarity, tuple(history)


def reordered(x: Tensor, z: Tensor, forward: Tensor, backward: Tensor) -> Tensor:
    """Cosines of the rows of x and z over the columns (i, forward[i]) and (backward[j], j) taken together."""
    partners = z[:, forward]  # one column for each source word
    partners.index_add_(1, backward, z)
    weights = 1 + torch.bincount(backward, minlength=x.shape[1])  # how many pairs each column stands in
    norms = (x.square() @ weights.to(x)).sqrt().clamp_min(1e-9)
    weights = 1 + torch.bincount(forward, minlength=z.shape[1])
    others = (z.square() @ weights.to(z)).sqrt().clamp_min(1e-9)
    return x @ partners.T / norms[:, None] / others

"""Knowing whether an alignment worked, without a dictionary.

Runs that found the truth agree with one another, however different their settings and their draws of the
data; runs that went astray went astray in different ways. So the criterion of a run is the share of words
that it matches as other runs do, and it is comparable across settings, vocabularies and strategies. How
much agreement means nothing is measured on a target whose words were destroyed, by the same procedure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Generator, Tensor

from umt.align import Alignment, Label, Verdict
from umt.lexicon import Lexicon
from umt.wordspace import WordSpace

Matrix: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Matches:
    """What one run says of the most frequent words.

    forward: (words,) the target word of each source word; backward: (words,) the other way; -1: none.
    """

    forward: Tensor
    backward: Tensor

    @classmethod
    def read(cls, alignment: Alignment, source: WordSpace, target: WordSpace, words: int) -> Matches:
        """The best candidates of both lexicons for the ``words`` most frequent words of either side."""
        return cls(
            _first(alignment.lexicon, source.words[:words], target.words),
            _first(alignment.reverse, target.words[:words], source.words),
        )


def _first(lexicon: Lexicon, asked: tuple[str, ...], known: tuple[str, ...]) -> Tensor:
    """The number in ``known`` of the best translation of each word ``asked`` for."""
    number = {word: index for index, word in enumerate(known)}
    best, row = lexicon.candidates[:, 0].tolist(), lexicon.row
    return torch.tensor([number[lexicon.target[best[row[word]]]] if word in row else -1 for word in asked])


def agreement(runs: Sequence[Matches]) -> Tensor:
    """Share of words, in both directions, that two runs match alike: (runs, runs), 1 on the diagonal.

    A word counts where either run matches it.
    """
    pair = torch.eye(len(runs))
    for i, one in enumerate(runs):
        for j, other in enumerate(runs[:i]):
            shares = []
            for a, b in ((one.forward, other.forward), (one.backward, other.backward)):
                either = (a >= 0) | (b >= 0)
                shares.append(float(((a == b) & either).sum() / either.sum().clamp_min(1)))
            pair[i, j] = pair[j, i] = sum(shares) / 2
    return pair


def support(runs: Sequence[Matches]) -> Tensor:
    """The criterion of each run: its mean agreement with the better half of the others. (runs,).

    Half, because a minority of collapsed runs should not lower the others; a single run has none: 0.
    """
    if len(runs) < 2:
        return torch.zeros(len(runs))
    pair = agreement(runs).fill_diagonal_(-1)
    half = len(runs) // 2
    return pair.topk(half, dim=1).values.mean(1)


def consensus(runs: Sequence[Matches], weights: Tensor) -> Tensor:
    """(pairs, 2) source and target words that choose each other by the votes of the runs.

    weights: (runs,) the say of each; both directions of a run vote.
    """
    source, target = len(runs[0].forward), len(runs[0].backward)
    votes = torch.zeros(source, target)
    for run, weight in zip(runs, weights.tolist(), strict=True):
        for rows, columns in ((torch.arange(source), run.forward), (run.backward, torch.arange(target))):
            known = (rows >= 0) & (columns >= 0) & (rows < source) & (columns < target)
            rows, columns = rows[known], columns[known]
            votes.index_put_((rows, columns), torch.full((len(rows),), weight), accumulate=True)
    best = votes.argmax(1)
    rows = torch.arange(source)
    # more than one vote of an average run: chance pairs have one
    chosen = (votes.argmax(0)[best] == rows) & (votes.amax(1) > 1.5 * weights.mean())
    return torch.stack([rows[chosen], best[chosen]], 1)


def destroyed(space: WordSpace, words: int, generator: Generator, block: int = 25) -> WordSpace:
    """A language of the same frequencies, dispersion and symmetry, where no word keeps its company.

    The null: the ``words`` most frequent words; within each block of ``block`` by ``block`` words of about
    one frequency, the counts change places at random; so do the values of each dimension of the vectors.
    """
    if words < 1 or block < 1:
        raise ValueError(f"words and block must be positive, got {words} and {block}")
    seed = int(torch.randint(2**62, (1,), generator=generator, device=generator.device))
    rng = np.random.default_rng(seed)
    size = min(words, len(space.words))
    counts = {}
    for window, matrix in space.counts.items():
        edge = min(size, matrix.shape[1])
        dense = matrix[:size, :edge].toarray()
        dense[:edge] = _shuffled(dense[:edge], block, rng)
        for top in range(edge, size, block):
            for left in range(0, edge, block):
                part = dense[top : top + block, left : left + block]
                part[:] = rng.permutation(part.ravel()).reshape(part.shape)
        counts[window] = sp.csr_matrix(dense)
    vectors = space.vectors[:size].clone()
    for top in range(0, size, block):
        part = vectors[top : top + block].numpy()
        part[:] = rng.permuted(part, axis=0)
    return replace(
        space, words=space.words[:size], frequencies=space.frequencies[:size], counts=counts, vectors=vectors
    )


def _shuffled(square: Matrix, block: int, rng: np.random.Generator) -> Matrix:
    """A symmetric matrix whose blocks were each shuffled, and which is still symmetric."""
    result = np.empty_like(square)
    for top in range(0, len(square), block):
        for left in range(top, len(square), block):
            part = square[top : top + block, left : left + block]
            mixed = rng.permutation(part.ravel()).reshape(part.shape)
            if top == left:  # each pair stands here twice
                above = np.triu_indices(len(part), 1)
                mixed = np.diag(rng.permutation(part.diagonal()))
                mixed[above] = rng.permutation(part[above])
                mixed[above[::-1]] = mixed[above]
            result[top : top + block, left : left + block] = mixed
            result[left : left + block, top : top + block] = mixed.T
    return result


@dataclass(frozen=True)
class Criterion:
    """Thresholds on the best run's `support`: calibrated in docs/results.md.

    aligned, doubtful: at least so much is needed; times_null: and so many times what the null reaches.
    """

    aligned: float = 0.2
    doubtful: float = 0.1
    times_null: float = 4.0

    def __post_init__(self) -> None:
        if not 0 < self.doubtful <= self.aligned <= 1:
            given = f"doubtful={self.doubtful}, aligned={self.aligned}"
            raise ValueError(f"0 < doubtful <= aligned <= 1 is needed, got {given}")
        if self.times_null < 1:
            raise ValueError(f"times_null must be at least 1, got {self.times_null}")

    def judge(self, score: float, null: float) -> Verdict:
        """The verdict on runs whose best support is ``score``, and ``null`` on the destroyed target."""
        label: Label = "failed"
        if score >= max(self.doubtful, self.times_null * null):
            label = "aligned" if score >= self.aligned else "doubtful"
        means = {
            "aligned": "independent runs found the same translations",
            "doubtful": "independent runs agree on few words only",
            "failed": "independent runs disagree: the lexicon is not to be trusted; use texts of one domain",
        }
        reason = f"{means[label]} ({score:.1%} of words alike, {null:.1%} by chance)"
        return Verdict(label, score, null, reason)

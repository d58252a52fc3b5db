"""Unsupervised validation of alignments: agreement among independent runs.

Successful runs agree with one another, however different their settings and their samples of the data;
failed runs fail in different ways. So the criterion of a run is the share of words that it matches as other
runs do; it is comparable across settings, vocabularies and strategies. The same procedure on a permuted
target measures how much agreement arises by chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import Generator, Tensor

from umt.align import Alignment, Label, Verdict
from umt.embeddings.lexicon import Lexicon
from umt.embeddings.wordspace import WordSpace
from umt.runtime.validate import require
from umt.types import I64


@dataclass(frozen=True)
class Matches:
    """The best translations that one run gives the most frequent words.

    forward: (words,) row of the target word of each source word; backward: (words,) the other way; -1: none.
    """

    forward: Tensor
    backward: Tensor

    @classmethod
    def read(cls, alignment: Alignment, source: WordSpace, target: WordSpace, words: int) -> Matches:
        """The best candidates of both lexicons for the ``words`` most frequent words of either side."""
        return cls(
            _first(alignment.lexicon, source.words[:words], target),
            _first(alignment.reverse_lexicon, target.words[:words], source),
        )


def _first(lexicon: Lexicon, words: tuple[str, ...], space: WordSpace) -> Tensor:
    """(words,) the row in ``space`` of the best translation of each word; -1 where the lexicon lacks it."""
    best, row = lexicon.candidates[:, 0].tolist(), lexicon.index
    return torch.tensor(
        [space.index[lexicon.target[best[row[word]]]] if word in row else -1 for word in words]
    )


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


def agreement_support(runs: Sequence[Matches], settings: Sequence[int]) -> Tensor:
    """The criterion of each run: its mean agreement with the better half of the runs of other settings.

    Half, because a minority of collapsed runs should not lower the others. Other settings, because two runs
    of one setting see much the same data and may go astray together. settings: (runs,) which each run had;
    when all are the same, all are compared. Returns (runs,); a run without a fellow has 0.
    """
    pair, group = agreement(runs), torch.tensor(settings)
    fellows = group[:, None] != group
    if not fellows.any():
        fellows = ~torch.eye(len(runs), dtype=torch.bool)
    scores = []
    for shares, chosen in zip(pair, fellows, strict=True):
        others = shares[chosen].sort(descending=True).values
        scores.append(float(others[: (len(others) + 1) // 2].mean()) if len(others) else 0.0)
    return torch.tensor(scores)


def consensus(runs: Sequence[Matches], weights: Tensor) -> Tensor:
    """(pairs, 2) source and target words that choose each other by the votes of the runs.

    weights: (runs,) of each run's votes; both directions of a run vote.
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


def permuted_space(space: WordSpace, words: int, generator: Generator, block: int = 25) -> WordSpace:
    """The null: a space of the same frequencies, dispersion and symmetry, whose co-occurrences are permuted.

    It holds the ``words`` most frequent words; within each block of ``block`` by ``block`` words of about
    one frequency, the counts change places at random, in all windows alike; so do the values of each
    dimension of the vectors, once they are turned at random: in their principal axes they would still show
    which axis is which. Raises ValueError when ``words`` or ``block`` is not positive.
    """
    if words < 1 or block < 1:
        raise ValueError(f"words and block must be positive, got {words} and {block}")
    seed = int(torch.randint(2**62, (1,), generator=generator, device=generator.device))
    rng = np.random.default_rng(seed)
    size = min([words, len(space.words), *(matrix.shape[1] for matrix in space.counts.values())])
    # one shuffle for all windows: a run that reads a wider window must not see another language
    places = _places(size, block, rng)
    counts = {
        window: sp.csr_matrix(matrix[:size, :size].toarray().ravel()[places])
        for window, matrix in space.counts.items()
    }
    dim = space.vectors.shape[1]
    turn = torch.linalg.qr(torch.randn(dim, dim, generator=Generator().manual_seed(seed))).Q
    vectors = space.principal[:size] @ turn
    for top in range(0, size, block):
        part = vectors[top : top + block].numpy()
        part[:] = rng.permuted(part, axis=0)
    return replace(
        space, words=space.words[:size], frequencies=space.frequencies[:size], counts=counts, vectors=vectors
    )


def _places(size: int, block: int, rng: np.random.Generator) -> I64:
    """Where each entry of a symmetric (size, size) matrix comes from: its own block; so does its mirror."""
    places = np.arange(size * size).reshape(size, size)
    for top in range(0, size, block):
        part = places[top : top + block, top : top + block]
        above = np.triu_indices(len(part), 1)  # each pair stands here twice
        order = rng.permutation(len(above[0]))
        part[above], part[above[::-1]] = part[above][order], part[above[::-1]][order]
        for left in range(top + block, size, block):
            part = places[top : top + block, left : left + block]
            part[:] = rng.permutation(part.ravel()).reshape(part.shape)
            places[left : left + block, top : top + block] = (part % size * size + part // size).T
    return places


@dataclass(frozen=True)
class VerdictThresholds:
    """Thresholds on the best run's `agreement_support`; calibrated in docs/results.md.

    aligned, doubtful: least support of each label; times_null: least ratio to the support of the null.
    """

    aligned: float = 0.2
    doubtful: float = 0.1
    times_null: float = 3.0

    def __post_init__(self) -> None:
        require(
            self,
            positive="doubtful",
            share="aligned",
            at_least={"times_null": 1},
            ascending="doubtful aligned",
        )

    def judge(self, score: float, null: float) -> Verdict:
        """The verdict on runs whose best support is ``score``, and ``null`` on the permuted target.

        Two independent runs agree almost only where both are right: the square root of their agreement
        estimates the precision of one.
        """
        label: Label = "failed"
        if score >= max(self.doubtful, self.times_null * null):
            label = "aligned" if score >= self.aligned else "doubtful"
        means = {
            "aligned": "independent runs found the same translations",
            "doubtful": "independent runs agree on few words only",
            "failed": "independent runs disagree: the lexicon is not to be trusted; use texts of one domain",
        }
        reason = f"{means[label]} ({score:.1%} of words alike, {null:.1%} by chance)"
        return Verdict(label, score, null, reason, math.sqrt(score))

"""Mining of similar sentences of two languages in the aligned space of their subwords.

A sentence is the mean of its vectors, frequent subwords weighing less (Arora et al. 2017, "A simple but
tough-to-beat baseline for sentence embeddings"); pairs are mutual neighbours by CSLS (in the line of Hangya
and Fraser 2019, "Unsupervised parallel sentence extraction"), ranked by how well each subword finds another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from umt.embeddings.retrieval import csls, mutual
from umt.runtime.batching import inside, pad
from umt.text.tokenizer import Ids

_FREQUENT = 1e-3
_PAIRS = 512


@dataclass(frozen=True)
class SentenceEncoder:
    """Subwords of both languages in one space: unit rows of ``vectors`` (vocabulary, dim), ``weights``
    (vocabulary,).
    """

    vectors: Tensor
    weights: Tensor

    @classmethod
    def of(cls, vectors: Tensor, counts: Tensor) -> SentenceEncoder:
        """counts: (vocabulary,) how often each subword occurs."""
        shares = counts.double() / counts.sum().clamp(min=1)
        unit = torch.nn.functional.normalize(vectors.float())
        return cls(unit, (_FREQUENT / (_FREQUENT + shares)).float())

    def means(self, sentences: Sequence[Ids]) -> Tensor:
        """(sentences, dim) unit rows; zeros for an empty sentence."""
        lengths = torch.tensor([len(each) for each in sentences])
        flat = torch.from_numpy(np.concatenate([np.empty(0), *sentences]).astype(np.int64))
        rows = torch.repeat_interleave(torch.arange(len(sentences)), lengths)
        sums = torch.zeros(len(sentences), self.vectors.shape[1])
        sums.index_add_(0, rows, self.vectors[flat] * self.weights[flat, None])
        return torch.nn.functional.normalize(sums)

    def similarity(self, sentences: Sequence[Ids], others: Sequence[Ids]) -> Tensor:
        """(sentences,) similarity of each pair, at most 1; -1 where one is empty.

        The weighted mean over the subwords of one side of their best cosine on the other side; the minimum of
        the two sides.
        """
        scores = [torch.empty(0)]
        for start in range(0, len(sentences), _PAIRS):
            (x, weights_x), (y, weights_y) = (
                self._padded(side[start : start + _PAIRS]) for side in (sentences, others)
            )
            cosines = x @ y.transpose(1, 2)  # (pairs, longest x, longest y)
            cosines = cosines.masked_fill((weights_x == 0)[:, :, None] | (weights_y == 0)[:, None, :], -1)
            best_cosines = [
                (cosines.amax(axis) * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
                for axis, weights in ((2, weights_x), (1, weights_y))
            ]
            empty = (weights_x.sum(1) == 0) | (weights_y.sum(1) == 0)
            scores.append(torch.minimum(*best_cosines).masked_fill(empty, -1))
        return torch.cat(scores)

    def _padded(self, sentences: Sequence[Ids]) -> tuple[Tensor, Tensor]:
        """(sentences, longest, dim) and the weights, which are 0 where there is nothing."""
        ids = pad(sentences, 0, width=1)
        return self.vectors[ids], self.weights[ids] * inside([len(each) for each in sentences], ids.shape[1])


def mine_pairs(
    space: SentenceEncoder, sources: Sequence[Ids], targets: Sequence[Ids], count: int
) -> tuple[Tensor, Tensor]:
    """(pairs, 2) at most ``count`` mutual nearest neighbours, and (pairs,) similarities, best first."""
    if not sources or not targets:
        return torch.empty(0, 2, dtype=torch.long), torch.empty(0)
    pairs = mutual(*csls(space.means(sources), space.means(targets)))
    scores = space.similarity([sources[i] for i in pairs[:, 0]], [targets[j] for j in pairs[:, 1]])
    order = scores.argsort(descending=True, stable=True)[:count]
    return pairs[order], scores[order]

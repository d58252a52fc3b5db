"""Iterative refinement: from pairs of frequent words to a shared space of all words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from umt.align.linear_maps import map_to_shared_space
from umt.embeddings.lexicon import Lexicon, induce
from umt.embeddings.retrieval import csls, mutual, nearest
from umt.embeddings.wordspace import Embeddings, WordSpace
from umt.runtime.progress import report
from umt.runtime.validate import require

_TRUSTED = 0.6
"""Share of the pairs, the best by CSLS, that the last maps are fitted on; the others are often wrong."""


@dataclass(frozen=True)
class SharedSpace:
    """Both vocabularies as unit vectors in one space, and the lexicons induced from it.

    pairs: (n, 2) the mutual nearest neighbours of the last round.
    history: one entry a round: the vocabulary, the pairs, their mean CSLS score.
    """

    source: Embeddings
    target: Embeddings
    lexicon: Lexicon
    reverse: Lexicon
    pairs: Tensor
    history: tuple[Mapping[str, float], ...]


@dataclass(frozen=True)
class Refinement:
    """Fits maps on pairs, takes the mutual nearest neighbours of more words as pairs, and repeats.

    sizes: the most frequent words of both sides that take part in each round; 0 stands for all of them.
    reweight, ridge: see `symmetric_maps`; reweight holds for the last maps, the rounds before use 0.5.
    candidates: how many each lexicon row holds. local_centring: see `locally_centred`.
    """

    sizes: tuple[int, ...] = (4000, 8000, 16000, 0)
    reweight: float = 1.0
    ridge: float = 0.1
    candidates: int = 20
    local_centring: float = 0.0

    def __post_init__(self) -> None:
        require(self, positive="candidates", at_least_zero="sizes ridge local_centring")

    def refine(
        self, source: WordSpace, target: WordSpace, pairs: Tensor, generator: Generator
    ) -> SharedSpace:
        """The shared space that grows out of ``pairs``, (n, 2) indices of words that translate each other.

        Raises ValueError when there are fewer than two pairs.
        """
        if pairs.dim() != 2 or pairs.shape[1:] != (2,) or len(pairs) < 2:
            raise ValueError(f"pairs must be at least two rows of two indices, got {tuple(pairs.shape)}")
        x, y = (locally_centred(side.normalised, self.local_centring) for side in (source, target))
        history: list[Mapping[str, float]] = []
        trusted = pairs
        for done, size in enumerate(self.sizes):
            report("rounds of refinement", done, len(self.sizes))
            mapped_x, mapped_y = map_to_shared_space(x, y, pairs, 0.5, self.ridge)
            frequent_x, frequent_y = mapped_x[: size or None], mapped_y[: size or None]
            forward, backward = csls(frequent_x, frequent_y)
            new_pairs = mutual(forward, backward)
            if len(new_pairs) < 2:  # no maps can be fitted on these: keep the pairs of the round before
                break
            pairs = new_pairs
            scores = forward.scores[pairs[:, 0], 0]
            trusted = pairs[scores.argsort(descending=True)[: max(2, round(_TRUSTED * len(pairs)))]]
            entry = {"words": len(frequent_x), "pairs": len(pairs), "csls": scores.mean().item()}
            history.append({name: float(value) for name, value in entry.items()})
        mapped_x, mapped_y = map_to_shared_space(x, y, trusted, self.reweight, self.ridge)
        left, right = Embeddings(source.words, mapped_x), Embeddings(target.words, mapped_y)
        lexicon, reverse = induce(left, right, self.candidates)
        return SharedSpace(left, right, lexicon, reverse, pairs, tuple(history))


def locally_centred(vectors: Tensor, share: float, neighbourhood: int = 10, frequent: int = 20_000) -> Tensor:
    """Each unit row less ``share`` of the mean of its nearest rows, scaled to unit length again.

    What a word has in common with its neighbours tells it from none of them, so that in a map of two
    languages the neighbours of the translation come less often first.

    vectors: (words, dim), most frequent word first; the ``neighbourhood`` nearest are looked for among the
    ``frequent`` first ones. A share of 0 changes nothing.
    """
    if share == 0:
        return vectors
    known = vectors[:frequent]
    near = nearest(vectors, known, neighbourhood + 1)[0].indices.numpy()
    other = near != np.arange(len(vectors))[:, None]
    other &= other.cumsum(1) <= neighbourhood  # rows that are no neighbours of themselves have one more
    places = np.concatenate([[0], other.sum(1).cumsum()])
    graph = sp.csr_matrix((np.ones(places[-1], np.float32), near[other], places), (len(vectors), len(known)))
    sums = torch.from_numpy(np.asarray(graph @ known.numpy()))
    return normalize(vectors - share * sums / torch.from_numpy(np.diff(places))[:, None].clamp_min(1), dim=1)

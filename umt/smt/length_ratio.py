"""How many target words a source word becomes, estimated from two monolingual corpora."""

from __future__ import annotations

import math

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from umt.embeddings.lexicon import Lexicon
from umt.smt.vocabulary import Vocabulary
from umt.text.punctuation import is_punctuation
from umt.types import I64, Bools


def content_length_ratio(
    source: Vocabulary, target: Vocabulary, lexicon: Lexicon, reverse: Lexicon, often: int = 30
) -> float:
    """Target words per source word of the same content, estimated from word frequencies.

    A language that needs more words for the same content gives each of them a smaller relative frequency.
    Words joined by best translations in either direction form a group, since one word may have several
    translations. Returns the median over groups of the source frequency divided by the target frequency, in
    [0.25, 4]; 1 where no words are joined. often: least count of a word that takes part.
    """
    x, common_x = _common(source, lexicon.source, often)
    y, common_y = _common(target, lexicon.target, often)
    back = [
        (lexicon.index.get(reverse.target[best], -1), lexicon.target_index.get(word, -1))
        for word, best in zip(reverse.source, reverse.candidates[:, 0].tolist(), strict=True)
    ]
    edges = np.array([*enumerate(lexicon.candidates[:, 0].tolist()), *back])
    edges = edges[(edges >= 0).all(1)]
    edges = edges[common_x[edges[:, 0]] & common_y[edges[:, 1]]]
    if not len(edges):
        return 1.0
    size = len(x) + len(y)
    joined = coo_matrix((np.ones(len(edges)), (edges[:, 0], len(x) + edges[:, 1])), (size, size))
    _, group = connected_components(joined, directed=False)
    source_shares = np.bincount(group[: len(x)], np.where(common_x, source.unigram[x], 0), size)
    target_shares = np.bincount(group[len(x) :], np.where(common_y, target.unigram[y], 0), size)
    both = (source_shares > 0) & (target_shares > 0)
    return float(np.clip(np.median(source_shares[both] / target_shares[both]), 0.25, 4.0))


def combine_ratios(first: float, second: float, prior: float = 0.15, least: float = 0.05) -> float:
    """One length ratio from two estimates: their geometric mean, shrunk towards 1 as far as they disagree.

    The posterior mean of the logarithm under a normal prior around 0 of standard deviation ``prior`` and a
    normal observation whose deviation is half the difference of the estimates, at least ``least``.
    """
    one, other = math.log(first), math.log(second)
    doubt = ((one - other) / 2) ** 2 + least**2
    return math.exp((one + other) / 2 * prior**2 / (prior**2 + doubt))


def _common(vocabulary: Vocabulary, words: tuple[str, ...], often: int) -> tuple[I64, Bools]:
    """The id of each word in the vocabulary or -1, and whether it is no punctuation and frequent enough."""
    places = np.array([vocabulary.index.get(word, -1) for word in words])
    marks = np.array([is_punctuation(word) for word in words])
    return places, (places >= 0) & (np.array(vocabulary.counts)[places] >= often) & ~marks

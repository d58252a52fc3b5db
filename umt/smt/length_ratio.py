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
    """How many target words say what one source word says, read off how often words occur.

    The same content takes as many words of both, so a language that needs more words to say it gives each a
    smaller share. Words that are joined by best translations, either way, form a group: a word here may be
    two there. The median over groups of the share here by the share there; 1 where nothing is joined.
    """
    x, common_x = _common(source, lexicon.source, often)
    y, common_y = _common(target, lexicon.target, often)
    place = {word: number for number, word in enumerate(lexicon.source)}
    there = {word: number for number, word in enumerate(lexicon.target)}
    back = [
        (place.get(reverse.target[best], -1), there.get(word, -1))
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
    here = np.bincount(group[: len(x)], np.where(common_x, source.unigram[x], 0), size)
    other = np.bincount(group[len(x) :], np.where(common_y, target.unigram[y], 0), size)
    both = (here > 0) & (other > 0)
    return float(np.clip(np.median(here[both] / other[both]), 0.25, 4.0))


def combine_ratios(first: float, second: float, prior: float = 0.15, least: float = 0.05) -> float:
    """One ratio of lengths from two estimates: their geometric mean, drawn towards 1 as far as they disagree.

    As many words on both sides is the plain guess before any text is seen, right within ``prior`` (standard
    deviation of the logarithm); the estimates are as good as they agree, within ``least`` at best. The
    posterior mean of a normal prior and a normal observation.
    """
    one, other = math.log(first), math.log(second)
    doubt = ((one - other) / 2) ** 2 + least**2
    return math.exp((one + other) / 2 * prior**2 / (prior**2 + doubt))


def _common(vocabulary: Vocabulary, words: tuple[str, ...], often: int) -> tuple[I64, Bools]:
    """The place of each word in the vocabulary, and whether it is a word that occurs ``often``."""
    places = np.array([vocabulary.index.get(word, -1) for word in words])
    marks = np.array([is_punctuation(word) for word in words])
    return places, (places >= 0) & (np.array(vocabulary.counts)[places] >= often) & ~marks

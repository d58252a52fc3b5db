"""Word translation tables that combine two lexicons and fit the word frequencies of both corpora."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from umt.embeddings.lexicon import Lexicon
from umt.runtime.validate import require
from umt.smt.ngram import SPECIALS
from umt.smt.phrase_table import PhrasePairs
from umt.smt.vocabulary import Vocabulary
from umt.text.punctuation import canonical_mark, is_punctuation
from umt.types import F64, I64


@dataclass(frozen=True)
class TranslationTable:
    """Joint distribution of source and target words, with the empty word.

    source, target: (pairs,) word ids.  mass: (pairs,) share of the source tokens that are this word and
    translate to this target word.  dropped: (source words,) share of the source tokens that are this word
    and translate to the empty word.
    """

    source: I64
    target: I64
    mass: F64
    dropped: F64

    def pseudo_counts(self, strength: float) -> PhrasePairs:
        """Both conditional distributions as phrase pairs, worth ``strength`` observations of each word."""
        empty = np.flatnonzero(self.dropped > 0)
        row = np.bincount(self.source, self.mass, minlength=len(self.dropped)) + self.dropped
        column = np.bincount(self.target, self.mass)
        forward = np.concatenate([self.mass / row[self.source], self.dropped[empty] / row[empty]])
        backward = np.concatenate([self.mass / column[self.target], self.dropped[empty] / self.dropped.sum()])
        return PhrasePairs(
            source=np.concatenate([self.source, empty]) + 1,
            target=np.concatenate([self.target + 1, np.zeros(len(empty), np.int64)]),
            links=np.concatenate([np.ones(len(self.source), np.int64), np.zeros(len(empty), np.int64)]),
            forward=strength * forward,
            backward=strength * backward,
        )


@dataclass(frozen=True)
class FrequencyBalancing:
    """Fits the candidates of two lexicons to the frequencies of the words (iterative proportional fitting).

    A word that occurs a thousand times cannot translate to one that occurs once: the mass of a target word is
    bounded by its own frequency, and the surplus of the source word goes to the empty word. So articles,
    which have no counterpart in Chinese, are dropped, and pairs of equal frequency keep their mass.

    The weight of a pair is the geometric mean of both directions: pairs in both lexicons are right more often
    than those in one alone (Liang, Taskar and Klein, 2006, "Alignment by agreement").

    null_weight: weight of the empty word against all candidates of a word before balancing.
    slack: bound of a target word's mass as a multiple of its frequency; above 1 because two corpora differ.
    sharpening_exponent: power to which a lexicon's probabilities are raised where its precision is unknown.
    missing_probability: of a pair in the direction whose lexicon does not list it.
    """

    null_weight: float = 0.5
    slack: float = 2.0
    sharpening_exponent: float = 2.5
    missing_probability: float = 1e-3
    rounds: int = 50

    def __post_init__(self) -> None:
        require(
            self,
            positive="null_weight sharpening_exponent",
            at_least={"slack": 1},
            within={"missing_probability": "(0, 1)"},
        )

    def fit(
        self,
        source: Vocabulary,
        target: Vocabulary,
        lexicon: Lexicon,
        reverse: Lexicon,
        ratio: float,
        certainty: float | None = None,
    ) -> TranslationTable:
        """Merge ``lexicon`` (source to target) and ``reverse``; ``ratio``: target tokens per source token.

        certainty: estimated precision of the lexicons on frequent words, to which their probabilities are
        sharpened; None: `sharpening_exponent`.

        Punctuation corresponds by rule, and identical strings (numbers, Latin names in Chinese text) are
        candidates of each other.
        """
        fx, fy = source.unigram, target.unigram * ratio
        powers = [
            self.sharpening_exponent if certainty is None else one_way.sharpening_exponent(certainty)
            for one_way in (lexicon, reverse)
        ]
        forward = _candidates(source, target, lexicon, powers[0])
        backward = _candidates(target, source, reverse, powers[1])
        i, j, forward_mass, backward_mass = _joined(forward, backward, len(fy))
        forward_mass, backward_mass = (
            np.maximum(forward_mass, self.missing_probability) * fx[i],
            np.maximum(backward_mass, self.missing_probability) * fy[j],
        )
        weight = 2 * np.sqrt(forward_mass * backward_mass)
        marks_x = np.array([is_punctuation(word) for word in source.words])
        marks_y = np.array([is_punctuation(word) for word in target.words])
        words_only = ~(marks_x[i] | marks_y[j])
        a, b = _alike(source, target, marks_x, marks_y)
        same = np.where(marks_x[a], np.maximum(fx[a], fy[b]), np.minimum(fx[a], fy[b]))
        i, j = np.concatenate([i[words_only], a]), np.concatenate([j[words_only], b])
        weight = np.concatenate([weight[words_only], same])
        pairs, place = np.unique(i * len(fy) + j, return_inverse=True)
        weight = np.bincount(place, weight, minlength=len(pairs))
        i, j = pairs // len(fy), pairs % len(fy)
        column_scale = np.ones(len(fy))
        for _ in range(self.rounds):
            row = np.bincount(i, weight * column_scale[j], minlength=len(fx)) + self.null_weight * fx
            scale = fx / np.maximum(row, 1e-12)
            column = np.bincount(j, weight * scale[i], minlength=len(fy))
            column_scale = np.minimum(1.0, self.slack * fy / np.maximum(column, 1e-12))
        mass = weight * scale[i] * column_scale[j]
        dropped = self.null_weight * fx * scale
        renormalisation = fx / np.maximum(np.bincount(i, mass, minlength=len(fx)) + dropped, 1e-12)
        nonzero = mass > 1e-12
        # Words without any candidate are copied, not dropped.
        dropped = np.where(np.bincount(i, mass, minlength=len(fx)) > 1e-12, dropped * renormalisation, 0)
        return TranslationTable(i[nonzero], j[nonzero], (mass * renormalisation[i])[nonzero], dropped)


def _candidates(
    source: Vocabulary, target: Vocabulary, lexicon: Lexicon, sharpness: float
) -> tuple[I64, I64, F64]:
    """(source word, target word, sharpened probability) of every candidate that both vocabularies hold."""
    x = np.array([source.index.get(word, -1) for word in lexicon.source], np.int64)
    y = np.array([target.index.get(word, -1) for word in lexicon.target], np.int64)
    i = np.repeat(x, lexicon.candidates.shape[1])
    j = y[lexicon.candidates.numpy().ravel()]
    p = lexicon.probabilities.numpy().astype(np.float64) ** sharpness
    p = (p / np.maximum(p.sum(1, keepdims=True), 1e-12)).ravel()
    known = (i >= 0) & (j >= 0) & (p > 1e-3)
    return i[known], j[known], p[known]


def _joined(
    forward: tuple[I64, I64, F64], backward: tuple[I64, I64, F64], targets: int
) -> tuple[I64, I64, F64, F64]:
    """(source word, target word, probability of each direction) of every pair in either lexicon, 0 if absent.

    forward, backward: (ids of their own source, ids of their own target, probabilities).
    """
    keys = np.concatenate([forward[0] * targets + forward[1], backward[1] * targets + backward[0]])
    pairs, place = np.unique(keys, return_inverse=True)
    split = len(forward[2])
    forward_probability, backward_probability = (
        np.asarray(np.bincount(places, chances, minlength=len(pairs)), np.float64)
        for places, chances in ((place[:split], forward[2]), (place[split:], backward[2]))
    )
    return pairs // targets, pairs % targets, forward_probability, backward_probability


def _alike(
    source: Vocabulary, target: Vocabulary, marks_x: np.ndarray, marks_y: np.ndarray
) -> tuple[I64, I64]:
    """Pairs by rule: corresponding punctuation and identical strings."""
    pairs: list[tuple[int, int]] = []
    by_mark: defaultdict[str, list[int]] = defaultdict(list)
    for b in np.flatnonzero(marks_y[len(SPECIALS) :]) + len(SPECIALS):
        by_mark[canonical_mark(target.words[b])].append(int(b))
    for a in range(len(SPECIALS), len(source.words)):
        word = source.words[a]
        if marks_x[a]:
            pairs.extend((a, b) for b in by_mark[canonical_mark(word)])
        elif word in target.index:
            pairs.append((a, target.index[word]))
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]

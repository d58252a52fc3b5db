"""From a lexicon each way to one table of word pairs that fits the word frequencies of both corpora."""

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
    """How much of the text each pair of words accounts for.

    source, target: (pairs,) word numbers.  mass: (pairs,) share of the source tokens that are this word and
    translate to this target word.  dropped: (source words,) share of the source tokens that are this word
    and translate to nothing.
    """

    source: I64
    target: I64
    mass: F64
    dropped: F64

    def pseudo_counts(self, strength: float) -> PhrasePairs:
        """Both conditional distributions, worth ``strength`` observations of each word."""
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

    A word that occurs a thousand times cannot translate to one that occurs once: what a target word gets
    beyond its own frequency is refused, and the source word's surplus goes to nothing. So the articles, which
    have no counterpart, learn to be dropped, and the pairs of equal frequency keep their mass.

    A pair is worth the geometric mean of what either direction gives it: pairs on which both agree are right
    more often than those that one alone is sure of (Liang, Taskar and Klein, 2006, "Alignment by agreement").

    nothing: what the empty word weighs against all candidates of a word before balancing.
    slack: how many times its own frequency a target word may receive; above 1 because two corpora differ.
    sharpness: the power to which a lexicon's probabilities are raised where nobody knows how often it is
        right; above 1 trusts its best candidates.
    unnamed: the probability of a pair in the direction that does not name it.
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

        certainty: how often the lexicons are right about frequent words, where that is known: so sure they
        are made.

        Punctuation corresponds by rule, and words that both languages write alike (numbers, Latin names in
        Chinese text) are candidates of each other.
        """
        fx, fy = source.unigram, target.unigram * ratio
        powers = [
            self.sharpening_exponent if certainty is None else each.sharpening_exponent(certainty)
            for each in (lexicon, reverse)
        ]
        forward = _candidates(source, target, lexicon, powers[0])
        backward = _candidates(target, source, reverse, powers[1])
        i, j, there, back = _joined(forward, backward, len(fy))
        there, back = (
            np.maximum(there, self.missing_probability) * fx[i],
            np.maximum(back, self.missing_probability) * fy[j],
        )
        weight = 2 * np.sqrt(there * back)
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
        gate = np.ones(len(fy))
        for _ in range(self.rounds):
            row = np.bincount(i, weight * gate[j], minlength=len(fx)) + self.null_weight * fx
            scale = fx / np.maximum(row, 1e-12)
            column = np.bincount(j, weight * scale[i], minlength=len(fy))
            gate = np.minimum(1.0, self.slack * fy / np.maximum(column, 1e-12))
        mass = weight * scale[i] * gate[j]
        dropped = self.null_weight * fx * scale
        again = fx / np.maximum(np.bincount(i, mass, minlength=len(fx)) + dropped, 1e-12)
        kept = mass > 1e-12
        # Words without any candidate are copied, not dropped.
        dropped = np.where(np.bincount(i, mass, minlength=len(fx)) > 1e-12, dropped * again, 0)
        return TranslationTable(i[kept], j[kept], (mass * again[i])[kept], dropped)


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
    """(source word, target word, probability each way) of every pair that either names, 0 where one does not.

    Each a triple of words of its own source, words of its own target, and probabilities.
    """
    named = np.concatenate([forward[0] * targets + forward[1], backward[1] * targets + backward[0]])
    pairs, place = np.unique(named, return_inverse=True)
    split = len(forward[2])
    there, back = (
        np.asarray(np.bincount(places, chances, minlength=len(pairs)), np.float64)
        for places, chances in ((place[:split], forward[2]), (place[split:], backward[2]))
    )
    return pairs // targets, pairs % targets, there, back


def _alike(
    source: Vocabulary, target: Vocabulary, marks_x: np.ndarray, marks_y: np.ndarray
) -> tuple[I64, I64]:
    """Pairs that need no learning: corresponding punctuation and identical words."""
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

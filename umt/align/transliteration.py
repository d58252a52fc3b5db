"""A stochastic transducer of transliterations: how likely a word of one script is the sound of another's.

Words are romanised, and a memoryless transducer (Ristad and Yianilos, 1998, "Learning string-edit distance")
generates two words at once: a letter of each, or a letter of one of them, until it ends. The likelihood of a
pair, divided by that of two unrelated words, is the evidence that one transliterates the other (Sajjad,
Fraser and Schmid, 2012, "A statistical model for unsupervised and semi-supervised transliteration mining").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any, NamedTuple

import numpy as np
from anyascii import anyascii
from numpy.typing import NDArray

from umt.runtime.jit import jit
from umt.text.languages import other_script_share
from umt.types import F64, I64, Lang

_LONGEST = 24
_SHORTEST = 2
_DIGRAPHS = ("ch", "sh", "th", "ph", "zh", "kh", "gh", "wh", "rh", "ng")
_LETTERS = {unit: number for number, unit in enumerate((*ascii_lowercase, *_DIGRAPHS))}
_NONE = len(_LETTERS)
_UNIT = re.compile(r"[cstpzkgwr]h|ng(?![aeiou])|[a-z]")
_NOT_LETTER = re.compile(r"[^a-z]")
_DOUBLE = re.compile(r"(.)\1+")
_START_END = 0.1
_START_LIKE = 0.7
_PSEUDO = 20.0
"""Pseudo-counts of the initial transducer, in edits, against those counted in the pairs."""


class Romanised(NamedTuple):
    """Words in Latin letters: (words, longest) int8 numbers of letters, and how many each has.

    A word of fewer than two letters, or in another script than its language's, has none.
    """

    letters: NDArray[np.int8]
    lengths: I64

    @classmethod
    def read(cls, words: Sequence[str], lang: Lang) -> Romanised:
        """Romanise, with double letters as one and what two letters write, like sh, as one."""
        letters = np.zeros((len(words), _LONGEST), np.int8)
        lengths = np.zeros(len(words), np.int64)
        for row, word in enumerate(words):
            if other_script_share("".join(filter(str.isalpha, word)), lang) > 0:
                continue
            latin = _DOUBLE.sub(r"\1", _NOT_LETTER.sub("", anyascii(word).lower()))
            units = [_LETTERS[unit] for unit in _UNIT.findall(latin)][:_LONGEST]
            if len(units) >= _SHORTEST:
                letters[row, : len(units)] = units
                lengths[row] = len(units)
        return cls(letters, lengths)

    def frequencies(self, rows: I64) -> F64:
        """(letters,) the share of each in some words, none of them 0."""
        inside = np.arange(_LONGEST) < self.lengths[rows, None]
        counts = np.bincount(self.letters[rows][inside], minlength=_NONE) + 1.0
        return np.asarray(counts / counts.sum())


@dataclass(frozen=True)
class Transducer:
    """Joint distribution of a source and a target word.

    edits: (letters + 1, letters + 1) the probability of a letter of each; the last row and column stand for
        no letter. With ``end``, the probability to end, they sum to 1.
    unrelated: (letters,) letter probabilities of a source and of a target word that are not transliterations
        of each other; stop: the probability that such a word ends.
    """

    edits: F64
    end: float
    unrelated: tuple[F64, F64]
    stop: tuple[float, float]

    @classmethod
    def start(cls, source: Romanised, target: Romanised, rows: I64, columns: I64) -> Transducer:
        """The initial transducer: every edit possible, equal letters likely; frequencies from some pairs."""
        x, y = source.frequencies(rows), target.frequencies(columns)
        alike = np.sqrt(x * y)
        edits = np.zeros((_NONE + 1, _NONE + 1))
        both = (1 - _START_LIKE) * np.outer(x, y) + _START_LIKE * np.diag(alike / alike.sum())
        edits[:-1, :-1], edits[:-1, -1], edits[-1, :-1] = 0.5 * both, 0.2 * x, 0.3 * y
        lengths = source.lengths[rows].mean(), target.lengths[columns].mean()
        stop = 1 / (1 + float(lengths[0])), 1 / (1 + float(lengths[1]))
        return cls((1 - _START_END) * edits, _START_END, (x, y), stop)

    def log_likelihood_ratio(self, source: Romanised, target: Romanised, rows: I64, columns: I64) -> F64:
        """(pairs,) log p(both words together) / p(one) p(other), in nats; -inf where one has no letters."""
        chances = [
            np.log(frequencies * (1 - stop))
            for frequencies, stop in zip(self.unrelated, self.stop, strict=True)
        ]
        ratio = np.full(len(rows), -np.inf)
        _score(*source, *target, rows, columns, self.edits, ratio)
        ratio += np.log(self.end)
        words = ((source, rows), (target, columns))
        for (side, which), chance, stop in zip(words, chances, self.stop, strict=True):
            inside = np.arange(_LONGEST) < side.lengths[:, None]
            unrelated = np.where(inside, chance[side.letters], 0).sum(1) + np.log(stop)
            ratio -= unrelated[which]
        return ratio

    def em_step(
        self, source: Romanised, target: Romanised, rows: I64, columns: I64, weights: F64
    ) -> Transducer:
        """One step of expectation-maximisation on weighted pairs, smoothed by the initial transducer.

        rows, columns: (pairs,) words of either side. weights: (pairs,) probability that each is a
        transliteration.
        """
        counts = np.zeros_like(self.edits)
        _count(*source, *target, rows, columns, weights, self.edits, counts)
        start = self.start(source, target, rows, columns).edits
        counts += _PSEUDO * start / start.sum()
        total = float(weights.sum())
        end = total / (total + counts.sum())
        return Transducer(counts / counts.sum() * (1 - end), end, self.unrelated, self.stop)


@jit
def _forward(one: Any, two: Any, edits: Any, table: Any) -> None:
    """Entry (i, j): the probability to write the first i letters of one word and j of the other."""
    none = len(edits) - 1
    for i in range(len(one) + 1):
        for j in range(len(two) + 1):
            value = 1.0 if i == 0 and j == 0 else 0.0
            if i > 0:
                value += table[i - 1, j] * edits[one[i - 1], none]
            if j > 0:
                value += table[i, j - 1] * edits[none, two[j - 1]]
            if i > 0 and j > 0:
                value += table[i - 1, j - 1] * edits[one[i - 1], two[j - 1]]
            table[i, j] = value


@jit
def _score(
    letters: Any, lengths: Any, others: Any, sizes: Any, rows: Any, columns: Any, edits: Any, scores: Any
) -> None:
    table = np.zeros((letters.shape[1] + 1, others.shape[1] + 1))
    for pair in range(len(rows)):
        n, m = lengths[rows[pair]], sizes[columns[pair]]
        if n and m:
            _forward(letters[rows[pair], :n], others[columns[pair], :m], edits, table)
            scores[pair] = np.log(table[n, m])


@jit
def _count(
    letters: Any,
    lengths: Any,
    others: Any,
    sizes: Any,
    rows: Any,
    columns: Any,
    weights: Any,
    edits: Any,
    counts: Any,
) -> None:
    """Add to ``counts`` how often each edit is expected in the pairs."""
    none = len(edits) - 1
    table = np.zeros((letters.shape[1] + 1, others.shape[1] + 1))
    after = np.zeros_like(table)
    for pair in range(len(rows)):
        n, m = lengths[rows[pair]], sizes[columns[pair]]
        if weights[pair] == 0 or n == 0 or m == 0:
            continue
        one, two = letters[rows[pair], :n], others[columns[pair], :m]
        _forward(one, two, edits, table)
        share = weights[pair] / table[n, m]
        for i in range(n, -1, -1):
            for j in range(m, -1, -1):
                value = 1.0 if i == n and j == m else 0.0
                if i < n:
                    way = edits[one[i], none] * after[i + 1, j]
                    counts[one[i], none] += share * table[i, j] * way
                    value += way
                if j < m:
                    way = edits[none, two[j]] * after[i, j + 1]
                    counts[none, two[j]] += share * table[i, j] * way
                    value += way
                if i < n and j < m:
                    way = edits[one[i], two[j]] * after[i + 1, j + 1]
                    counts[one[i], two[j]] += share * table[i, j] * way
                    value += way
                after[i, j] = value

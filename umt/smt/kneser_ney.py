"""Estimating an n-gram model: interpolated modified Kneser-Ney (Chen & Goodman 1999), with pruning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from umt.runtime.validate import require
from umt.smt.ngram import END, LOG_ZERO, SPECIALS, START, NGram, NGramTables, empty_table, insert, number_keys
from umt.types import F64, I32, I64, Bools


@dataclass(frozen=True)
class KneserNey:
    """Interpolated modified Kneser-Ney (Chen & Goodman 1999), with pruning that keeps every sum at one.

    order: longest n-gram.
    prune_above_tokens: from this many tokens on, n-grams of three words and more must occur twice to be
        stored; the mass of the others goes to the shorter context.
    """

    order: int = 4
    prune_above_tokens: int = 3_000_000

    def __post_init__(self) -> None:
        require(self, within={"order": "[1, 8]"})

    def fit(self, words: Sequence[str], ids: I32, offsets: I64) -> NGram:
        """Estimate from sentences; sentence i is ids[offsets[i]:offsets[i + 1]], ids into ``words``.

        Raises ValueError when ``words`` does not begin with `SPECIALS` or there is no sentence.
        """
        if tuple(words[:3]) != SPECIALS:
            raise ValueError(f"the vocabulary must begin with {SPECIALS}, got {tuple(words[:3])}")
        if len(offsets) < 2:
            raise ValueError("an n-gram model needs at least one sentence, got none")
        stream, position = _stream(
            ids, offsets
        )  # (tokens + 2 * sentences,) and the place within the sentence
        size = len(words)
        word_counts = np.bincount(stream[position > 0], minlength=size)
        # Level n: prefix and suffix (indices into level n - 1) and last word of every distinct n-gram.
        levels = [_Level(np.zeros(size, np.int64), np.zeros(size, np.int64), np.arange(size), word_counts)]
        ending = stream.astype(np.int32)
        for length in range(2, self.order + 1):
            valid = np.flatnonzero(position >= length - 1)
            previous = ending[valid - 1].astype(np.int64)
            numbers, count = number_keys(previous * size + stream[valid])
            representative = np.zeros(count, np.int64)
            representative[numbers] = valid
            levels.append(
                _Level(
                    prefix=ending[representative - 1].astype(np.int64),
                    suffix=ending[representative].astype(np.int64),
                    word=stream[representative].astype(np.int64),
                    counts=np.bincount(numbers, minlength=count),
                )
            )
            ending = np.full(len(stream), -1, np.int32)
            ending[valid] = numbers
        minimum = 2 if len(stream) >= self.prune_above_tokens else 1
        return NGram(tuple(words), self.order, _estimate_levels(levels, minimum, size))


class _Level(NamedTuple):
    """The distinct n-grams of one length, (E,) each.

    prefix, suffix: the n-gram without its last and without its first word, in the level below.  word: the
    last word.  counts: occurrences.
    """

    prefix: I64
    suffix: I64
    word: I64
    counts: I64


def _stream(ids: I32, offsets: I64) -> tuple[I32, I32]:
    """All sentences in a row, each between `START` and `END`, and every token's place in its sentence."""
    lengths = np.diff(offsets) + 2
    begins = np.concatenate([[0], np.cumsum(lengths)])
    stream = np.empty(begins[-1], np.int32)
    position = (np.arange(begins[-1]) - np.repeat(begins[:-1], lengths)).astype(np.int32)
    inside = (position > 0) & (position < np.repeat(lengths, lengths) - 1)
    stream[inside] = ids[offsets[0] : offsets[-1]]
    stream[begins[:-1]] = START
    stream[begins[1:] - 1] = END
    return stream, position


def _discounted(counts: F64) -> F64:
    """Counts less the modified Kneser-Ney discounts for one, two, three and more."""
    n = [max(1.0, float((counts == c).sum())) for c in (1, 2, 3, 4)]
    y = n[0] / (n[0] + 2 * n[1])
    discounts = np.array(
        [0.0] + [min(c - 0.1, max(0.1, c - (c + 1) * y * n[c] / n[c - 1])) for c in (1, 2, 3)]
    )
    discounted: F64 = counts - discounts[np.minimum(counts, 3).astype(np.int64)]
    return discounted


class _Estimate(NamedTuple):
    """All n-grams of one length, E of them, N nodes of the length below.

    probability: (E,) interpolated with all shorter ones.  stored: (E,) whether each becomes a node.
    rest: (N,) mass that each context leaves to the shorter one.  used: (N,) contexts that were seen.
    """

    probability: F64
    stored: Bools
    rest: F64
    used: Bools


class _Nodes(NamedTuple):
    """Nodes of one length, all (nodes,); see `NGramTables`: parent is the n-gram without its last word."""

    logp: F64
    backoff: F64
    shorter: I64
    last: I64
    parent: I64


def _estimate_levels(levels: list[_Level], minimum: int, size: int) -> NGramTables:
    """The tables of n-grams counted by ``levels``, the shortest first; ``size`` words.

    minimum: how often an n-gram of three words and more must have been seen to be stored.
    """
    zero = np.zeros(1, np.int64)
    parts = [_Nodes(np.zeros(1), np.zeros(1), zero, zero, zero)]
    probability = np.zeros(0)
    number = np.zeros(0, np.int64)  # node of each n-gram of the level below; -1 when pruned
    nodes = 1
    for index, level in enumerate(levels):
        discounted, counts = _counts(level, levels[index + 1] if index + 1 < len(levels) else None)
        if index == 0:
            estimate = _words(discounted, counts)
            shorter = parent = np.zeros(size, np.int64)
        else:
            least = minimum if index >= 2 else 1
            estimate = _longer(level, discounted, counts, probability, number, least)
            open_contexts = estimate.used & (number >= 0)
            backoff = parts[-1].backoff
            backoff[number[open_contexts] - (nodes - len(backoff))] = np.log(estimate.rest[open_contexts])
            shorter, parent = number[level.suffix], number[level.prefix]
        stored = estimate.stored
        probability = estimate.probability
        parts.append(
            _Nodes(
                logp=np.log(probability[stored]),
                backoff=np.zeros(int(stored.sum())),
                shorter=shorter[stored],
                last=level.word[stored],
                parent=parent[stored],
            )
        )
        number = np.where(stored, nodes + np.cumsum(stored) - 1, -1)
        nodes += int(stored.sum())
    return _link(size, _Nodes(*(np.concatenate(columns) for columns in zip(*parts, strict=True))))


def _counts(level: _Level, above: _Level | None) -> tuple[F64, F64]:
    """(E,) counts less their discounts, and counts; below the top, of the different words before."""
    counts = level.counts.astype(np.float64)
    if above is not None:
        continuation = np.bincount(above.suffix, minlength=len(counts)).astype(np.float64)
        counts = np.where(continuation > 0, continuation, counts)  # before a sentence start there are none
    return _discounted(counts), counts


def _words(discounted: F64, counts: F64) -> _Estimate:
    """Single words, all of them stored: what discounts leave is shared by all but `START` alike."""
    size = len(counts)
    weight = 1 - discounted[counts > 0].sum() / counts.sum()
    probability = discounted.clip(0) / counts.sum() + weight / (size - 1)
    probability[START] = np.exp(LOG_ZERO)
    return _Estimate(probability, np.ones(size, np.bool_), np.zeros(0), np.zeros(0, np.bool_))


def _longer(level: _Level, discounted: F64, counts: F64, lower: F64, number: I64, minimum: int) -> _Estimate:
    """N-grams of two words and more, interpolated with ``lower`` (N,), the probabilities of the length below.

    number: (N,) the nodes of those, -1 where pruned.  minimum: how often an n-gram must be seen to be stored;
    the mass of the others goes to the shorter context, so that every sum stays one.
    """
    total = np.bincount(level.prefix, counts, minlength=len(number))
    stored = (level.counts >= minimum) & (number[level.prefix] >= 0) & (number[level.suffix] >= 0)
    share = np.where(stored, discounted / total[level.prefix], 0)
    rest = np.maximum(1 - np.bincount(level.prefix, share, minlength=len(number)).astype(np.float64), 1e-9)
    return _Estimate(share + rest[level.prefix] * lower[level.suffix], stored, rest, total > 0)


def _link(size: int, grams: _Nodes) -> NGramTables:
    """The tables of all G nodes in a row: the hash table that leads to them, and the context after each."""
    shorter, last, parent = grams.shorter, grams.last, grams.parent
    longer = np.arange(len(last)) > size  # two words or more: reached through the hash table
    keys, nodes = empty_table(int(longer.sum()))
    insert(keys, nodes, parent[longer] * size + last[longer], 1 + size)
    # A context nothing longer was seen after is as good as the shorter one.
    leads = np.zeros(len(last), np.bool_)
    leads[parent[longer]] = True
    after = np.arange(len(last))
    while True:
        dead = ~leads[after] & (after > 0)
        if not dead.any():
            break
        after[dead] = shorter[after[dead]]
    return NGramTables(
        vocabulary=np.array([size], np.int64),
        keys=keys,
        nodes=nodes,
        logp=grams.logp.astype(np.float32),
        backoff=grams.backoff.astype(np.float32),
        shorter=shorter.astype(np.int32),
        after=after.astype(np.int32),
    )

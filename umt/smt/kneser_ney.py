"""Estimating an n-gram model: interpolated modified Kneser-Ney (Chen & Goodman 1999), with pruning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from umt.runtime.validate import require
from umt.smt.ngram import END, NEVER, SPECIALS, START, NGram, Tables, empty_table, insert, intern
from umt.types import F64 as Doubles
from umt.types import I32 as Ints
from umt.types import I64 as Longs


@dataclass(frozen=True)
class KneserNey:
    """Interpolated modified Kneser-Ney (Chen & Goodman 1999), with pruning that keeps every sum at one.

    order: longest n-gram.
    large: from this many tokens on, n-grams of three words and more must occur twice to be stored; what
        they held goes to the shorter context.
    """

    order: int = 4
    large: int = 3_000_000

    def __post_init__(self) -> None:
        require(self, within={"order": "[1, 8]"})

    def fit(self, words: Sequence[str], ids: Ints, offsets: Longs) -> NGram:
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
        occurrences = np.bincount(stream[position > 0], minlength=size)
        # Level n: prefix and suffix (indices into level n - 1) and last word of every distinct n-gram.
        levels = [_Level(np.zeros(size, np.int64), np.zeros(size, np.int64), np.arange(size), occurrences)]
        ending = stream.astype(np.int32)
        for length in range(2, self.order + 1):
            valid = np.flatnonzero(position >= length - 1)
            previous = ending[valid - 1].astype(np.int64)
            numbers, count = intern(previous * size + stream[valid])
            representative = np.zeros(count, np.int64)
            representative[numbers] = valid
            levels.append(
                _Level(
                    prefix=ending[representative - 1].astype(np.int64),
                    suffix=ending[representative].astype(np.int64),
                    word=stream[representative].astype(np.int64),
                    seen=np.bincount(numbers, minlength=count),
                )
            )
            ending = np.full(len(stream), -1, np.int32)
            ending[valid] = numbers
        minimum = 2 if len(stream) >= self.large else 1
        return NGram(tuple(words), self.order, _assemble(levels, minimum, size))


class _Level(NamedTuple):
    prefix: Longs
    suffix: Longs
    word: Longs
    seen: Longs


def _stream(ids: Ints, offsets: Longs) -> tuple[Ints, Ints]:
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


def _discounted(counts: Doubles) -> Doubles:
    """Counts less the modified Kneser-Ney discounts for one, two, three and more."""
    n = [max(1.0, float((counts == c).sum())) for c in (1, 2, 3, 4)]
    y = n[0] / (n[0] + 2 * n[1])
    discounts = np.array(
        [0.0] + [min(c - 0.1, max(0.1, c - (c + 1) * y * n[c] / n[c - 1])) for c in (1, 2, 3)]
    )
    discounted: Doubles = counts - discounts[np.minimum(counts, 3).astype(np.int64)]
    return discounted


def _assemble(levels: list[_Level], minimum: int, size: int) -> Tables:
    order = len(levels)
    probability = np.zeros(0)
    number = np.zeros(0, np.int64)  # node of each n-gram of the level below; -1 when pruned
    logp, backoff = [np.zeros(1)], [np.zeros(1)]
    shorter, last, parent = [np.zeros(1, np.int64)], [np.zeros(1, np.int64)], [np.zeros(1, np.int64)]
    nodes = 1
    for index, level in enumerate(levels):
        counts = level.seen.astype(np.float64)
        if index + 1 < order:
            # Below the top, count the different words before; at a sentence start there are none.
            above = levels[index + 1]
            continuation = np.bincount(above.suffix, minlength=len(counts)).astype(np.float64)
            counts = np.where(continuation > 0, continuation, counts)
        discounted = _discounted(counts)
        if index == 0:
            weight = 1 - discounted[counts > 0].sum() / counts.sum()
            probability = discounted.clip(0) / counts.sum() + weight / (size - 1)
            probability[START] = np.exp(NEVER)
            kept = np.ones(size, np.bool_)
            number_here = 1 + np.arange(size)
        else:
            total = np.bincount(level.prefix, counts, minlength=len(number))
            kept = (level.seen >= (minimum if index >= 2 else 1)) & (number[level.prefix] >= 0)
            kept &= number[level.suffix] >= 0
            share = np.where(kept, discounted / total[level.prefix], 0)
            rest = 1 - np.bincount(level.prefix, share, minlength=len(number))
            rest = rest.clip(1e-9)
            lower = probability[level.suffix]
            seen = total > 0
            weights = np.concatenate(backoff)
            weights[number[seen & (number >= 0)]] = np.log(rest[seen & (number >= 0)])
            backoff = [weights]
            probability = share + rest[level.prefix] * lower
            number_here = np.where(kept, nodes + np.cumsum(kept) - 1, -1)
        logp.append(np.log(probability[kept]))
        backoff.append(np.zeros(int(kept.sum())))
        shorter.append(number[level.suffix][kept] if index else np.zeros(size, np.int64))
        parent.append(number[level.prefix][kept] if index else np.zeros(size, np.int64))
        last.append(level.word[kept])
        nodes += int(kept.sum())
        number = number_here
    return _link(
        size,
        np.concatenate(logp),
        np.concatenate(backoff),
        np.concatenate(shorter),
        np.concatenate(parent),
        np.concatenate(last),
    )


def _link(size: int, logp: Doubles, backoff: Doubles, shorter: Longs, parent: Longs, last: Longs) -> Tables:
    longer = np.arange(len(logp)) > size  # two words or more: reached through the hash table
    keys, nodes = empty_table(int(longer.sum()))
    insert(keys, nodes, parent[longer] * size + last[longer], 1 + size)
    # A context nothing longer was seen after is as good as the shorter one.
    leads = np.zeros(len(logp), np.bool_)
    leads[parent[longer]] = True
    after = np.arange(len(logp))
    while True:
        dead = ~leads[after] & (after > 0)
        if not dead.any():
            break
        after[dead] = shorter[after[dead]]
    return Tables(
        vocabulary=np.array([size], np.int64),
        keys=keys,
        nodes=nodes,
        logp=logp.astype(np.float32),
        backoff=backoff.astype(np.float32),
        shorter=shorter.astype(np.int32),
        after=after.astype(np.int32),
    )

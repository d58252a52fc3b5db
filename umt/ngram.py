"""An n-gram language model over word ids: interpolated modified Kneser-Ney, pruned, in flat arrays.

Every kept n-gram is a node; node 0 is the empty context and node 1 + w the single word w. A hash table maps
(node, word) to the node of the longer n-gram. Scoring a word walks from the longest known context to shorter
ones (`advance`), so a decoder carries nothing but one node number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from umt.compiled import compiled

START, END, UNKNOWN = 0, 1, 2
SPECIALS = ("<s>", "</s>", "<unk>")
NEVER = -99.0

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


class Tables(NamedTuple):
    """The model as the compiled loops see it; G n-grams (node 0 is empty), H hash slots (a power of two).

    vocabulary: (1,) how many words.  keys: (H,) node * vocabulary + word, or -1.  nodes: (H,) the n-gram of
    that key.  logp: (G,) log p(last word | the words before).  backoff: (G,) log weight of the shorter
    context.  shorter: (G,) the n-gram without its first word.  after: (G,) the context after that n-gram.
    """

    vocabulary: Longs
    keys: Longs
    nodes: Ints
    logp: Floats
    backoff: Floats
    shorter: Ints
    after: Ints


@compiled
def slot(key: Any, mask: Any) -> Any:
    """Where the search for ``key`` starts in a table of mask + 1 slots (Fibonacci hashing)."""
    mixed = key * 0x9E3779B97F4A7C1
    return (mixed ^ (mixed >> 29)) & mask


@compiled
def find(keys: Any, nodes: Any, key: Any) -> Any:
    """The node stored under ``key``, or -1."""
    mask = len(keys) - 1
    place = slot(key, mask)
    while keys[place] != key:
        if keys[place] == -1:
            return -1
        place = (place + 1) & mask
    return nodes[place]


@compiled
def advance(tables: Any, node: Any, word: Any) -> tuple[Any, Any]:
    """(log p(word | context node), the context after it)."""
    total = np.float32(0.0)
    while node != 0:
        longer = find(tables.keys, tables.nodes, np.int64(node) * tables.vocabulary[0] + word)
        if longer >= 0:
            return total + tables.logp[longer], tables.after[longer]
        total += tables.backoff[node]
        node = tables.shorter[node]
    return total + tables.logp[1 + word], tables.after[1 + word]


@compiled
def _score(tables: Any, ids: Any, offsets: Any) -> Any:
    scores = np.zeros(len(offsets) - 1, np.float64)
    for sentence in range(len(offsets) - 1):
        node = tables.after[1 + START]
        for position in range(offsets[sentence], offsets[sentence + 1]):
            logp, node = advance(tables, node, ids[position])
            scores[sentence] += logp
        scores[sentence] += advance(tables, node, END)[0]
    return scores


@compiled
def insert(keys: Any, nodes: Any, new: Any, first: Any) -> Any:
    """Number the keys of ``new`` in order of first appearance, from ``first``; (their numbers, the next)."""
    mask = len(keys) - 1
    numbers = np.empty(len(new), np.int32)
    for index in range(len(new)):
        key = new[index]
        place = slot(key, mask)
        while keys[place] != key and keys[place] != -1:
            place = (place + 1) & mask
        if keys[place] == -1:
            keys[place] = key
            nodes[place] = first
            first += 1
        numbers[index] = nodes[place]
    return numbers, first


def empty_table(entries: int) -> tuple[Longs, Ints]:
    """Keys and values of a hash table that ``entries`` fill to at most a half."""
    size = 1 << max(4, (2 * entries - 1).bit_length())
    return np.full(size, -1, np.int64), np.zeros(size, np.int32)


def intern(keys: Longs) -> tuple[Ints, int]:
    """Number equal keys alike, in order of first appearance: (numbers, how many distinct)."""
    numbers, count = insert(*empty_table(len(keys)), keys, 0)
    return numbers, int(count)


@dataclass(frozen=True)
class NGram:
    """p(word | words before), natural logarithms; see the module for the layout.

    words: the vocabulary; the first three are `SPECIALS`.
    """

    words: tuple[str, ...]
    order: int
    tables: Tables

    def sentences(self, ids: Ints, offsets: Longs) -> Doubles:
        """Log probability of each sentence with its end; sentence i is ids[offsets[i]:offsets[i + 1]]."""
        scores: Doubles = _score(self.tables, ids, offsets)
        return scores

    def word(self, context: Sequence[int], word: int) -> float:
        """log p(word | context), one at a time; ``context`` starts with `START` at a sentence's beginning."""
        node = 0
        for before in context:
            node = (
                int(self.tables.after[1 + START])
                if before == START
                else advance(self.tables, node, before)[1]
            )
        return float(advance(self.tables, node, word)[0])

    def perplexity(self, ids: Ints, offsets: Longs) -> float:
        """Per token, sentence ends counted."""
        return float(np.exp(-self.sentences(ids, offsets).sum() / (len(ids) + len(offsets) - 1)))

    def save(self, path: Path) -> None:
        """Write one safetensors file; the words are stored as UTF-8 bytes, one a line."""
        text = np.frombuffer("\n".join(self.words).encode(), np.uint8)
        arrays: dict[str, NDArray[Any]] = {**self.tables._asdict(), "words": text}
        save_file({**arrays, "order": np.array([self.order])}, path)

    @classmethod
    def load(cls, path: Path) -> NGram:
        """Read what `save` wrote."""
        arrays = load_file(path)
        words = tuple(arrays.pop("words").tobytes().decode().split("\n"))
        order = int(arrays.pop("order")[0])
        return cls(words, order, Tables(**arrays))


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
        if not 1 <= self.order <= 8:
            raise ValueError(f"order must lie in 1..8, got {self.order}")

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

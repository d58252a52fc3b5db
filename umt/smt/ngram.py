"""An n-gram language model over word ids: interpolated modified Kneser-Ney, pruned, in flat arrays.

Every kept n-gram is a node; node 0 is the empty context and node 1 + w the single word w. A hash table maps
(node, word) to the node of the longer n-gram. Scoring a word walks from the longest known context to shorter
ones (`score_next`), so the state of a decoder is one node number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from umt.runtime.jit import jit
from umt.runtime.saved_arrays import SavedArrays, check_version, damaged
from umt.types import F32, F64, I32, I64

START, END, UNKNOWN = 0, 1, 2
SPECIALS = ("<s>", "</s>", "<unk>")
LOG_ZERO = -99.0
_FORMAT = 1


class NGramTables(NamedTuple):
    """The model as the compiled loops see it; G n-grams (node 0 is empty), H hash slots (a power of two).

    vocabulary: (1,) how many words.  keys: (H,) node * vocabulary + word, or -1.  nodes: (H,) the n-gram of
    that key.  logp: (G,) log p(last word | the words before).  backoff: (G,) log weight of the shorter
    context.  shorter: (G,) the n-gram without its first word.  after: (G,) the context after that n-gram.
    """

    vocabulary: I64
    keys: I64
    nodes: I32
    logp: F32
    backoff: F32
    shorter: I32
    after: I32


@jit
def slot(key: Any, mask: Any) -> Any:
    """The first slot of ``key`` in a table of mask + 1 slots (Fibonacci hashing)."""
    mixed = key * 0x9E3779B97F4A7C1
    return (mixed ^ (mixed >> 29)) & mask


@jit
def find(keys: Any, nodes: Any, key: Any) -> Any:
    """The node stored under ``key``, or -1."""
    mask = len(keys) - 1
    place = slot(key, mask)
    while keys[place] != key:
        if keys[place] == -1:
            return -1
        place = (place + 1) & mask
    return nodes[place]


@jit
def score_next(tables: Any, node: Any, word: Any) -> tuple[Any, Any]:
    """(log p(word | context node), the context after it)."""
    total = np.float32(0.0)
    while node != 0:
        longer = find(tables.keys, tables.nodes, np.int64(node) * tables.vocabulary[0] + word)
        if longer >= 0:
            return total + tables.logp[longer], tables.after[longer]
        total += tables.backoff[node]
        node = tables.shorter[node]
    return total + tables.logp[1 + word], tables.after[1 + word]


@jit
def _score(tables: Any, ids: Any, offsets: Any) -> Any:
    scores = np.zeros(len(offsets) - 1, np.float64)
    for sentence in range(len(offsets) - 1):
        node = tables.after[1 + START]
        for position in range(offsets[sentence], offsets[sentence + 1]):
            logp, node = score_next(tables, node, ids[position])
            scores[sentence] += logp
        scores[sentence] += score_next(tables, node, END)[0]
    return scores


@jit
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


def empty_table(entries: int) -> tuple[I64, I32]:
    """Keys and values of a hash table that ``entries`` fill to at most a half."""
    size = 1 << max(4, (2 * entries - 1).bit_length())
    return np.full(size, -1, np.int64), np.zeros(size, np.int32)


def number_keys(keys: I64) -> tuple[I32, int]:
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
    tables: NGramTables

    def sentences(self, ids: I32, offsets: I64) -> F64:
        """(sentences,) log p of each with its end, in nats; sentence i is ids[offsets[i]:offsets[i + 1]]."""
        scores: F64 = _score(self.tables, ids, offsets)
        return scores

    def word(self, context: Sequence[int], word: int) -> float:
        """log p(word | context), one at a time; ``context`` starts with `START` at a sentence's beginning."""
        node = 0
        for before in context:
            node = (
                int(self.tables.after[1 + START])
                if before == START
                else score_next(self.tables, node, before)[1]
            )
        return float(score_next(self.tables, node, word)[0])

    def perplexity(self, ids: I32, offsets: I64) -> float:
        """Per token, sentence ends counted; arguments as in `sentences`."""
        return float(np.exp(-self.sentences(ids, offsets).sum() / (len(ids) + len(offsets) - 1)))

    def save(self, path: Path) -> None:
        """Write one safetensors file; the words are stored as UTF-8 bytes, one a line."""
        text = np.frombuffer("\n".join(self.words).encode(), np.uint8)
        arrays: dict[str, NDArray[Any]] = {**self.tables._asdict(), "words": text}
        numbers = {"order": np.array([self.order]), "format": np.array([_FORMAT])}
        save_file({**arrays, **numbers}, path)

    @classmethod
    def load(cls, path: Path) -> NGram:
        """Read what `save` wrote; raises BadInput when the file is damaged or of another format."""
        saved = SavedArrays.read(path)
        version = saved.arrays.get("format")
        check_version(path, None if version is None or version.size != 1 else version.item(), _FORMAT)
        try:
            words = tuple(saved.array("words", np.uint8, (None,)).tobytes().decode().split("\n"))
        except UnicodeDecodeError as error:
            raise damaged(path, "words is no UTF-8 text") from error
        if words[: len(SPECIALS)] != SPECIALS:
            raise damaged(path, f"words does not begin with {', '.join(SPECIALS)}")
        order = int(saved.array("order", np.int64, (1,), low=1, high=8)[0])
        return cls(words, order, _read_tables(saved, len(words)))


def _read_tables(saved: SavedArrays, words: int) -> NGramTables:
    """The tables of a model of so many words. Raises BadInput unless every walk stays in them and ends."""
    logp = saved.array("logp", np.float32, (None,))
    if len(logp) <= words:
        raise damaged(saved.path, f"logp has {len(logp)} entries for {words} words")
    keys, nodes = saved.hash_table("keys", "nodes", len(logp))
    shorter = saved.array("shorter", np.int32, logp.shape, low=0)
    if (shorter[1:] >= np.arange(1, len(shorter))).any():  # else backing off would not end
        raise damaged(saved.path, "shorter leads to an n-gram that is not shorter")
    return NGramTables(
        vocabulary=saved.array("vocabulary", np.int64, (1,), low=words, high=words),
        keys=keys,
        nodes=nodes,
        logp=logp,
        backoff=saved.array("backoff", np.float32, logp.shape),
        shorter=shorter,
        after=saved.array("after", np.int32, logp.shape, low=0, high=len(logp) - 1),
    )

"""Word frequencies and windowed co-occurrence counts of a corpus of any length."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp

from umt.runtime.decompression import CORRUPT_ERRORS, decompressed
from umt.types import I32, I64, BadInput

SENTENCE_BREAK = -1
"""The id that separates two sentences in `IndexedCorpus.ids`."""

Counts: TypeAlias = "sp.csr_matrix[Any]"

_BLOCK = 1 << 23  # characters read at a time
_CHUNK = 1 << 20  # positions counted at a time
_CELLS = 1 << 19  # counters held at a time: they should stay in the cache


@dataclass(frozen=True)
class IndexedCorpus:
    """A corpus as word ids.

    words: every lower-cased type, most frequent first (ties: first seen first).
    frequencies: (types,) int64 token counts.
    ids: (positions,) int32 ranks in ``words``; `SENTENCE_BREAK` after each sentence.
    """

    words: tuple[str, ...]
    frequencies: I64
    ids: I32

    def vocabulary(self, size: int, minimum_count: int = 1) -> int:
        """How many words remain of the ``size`` most frequent that occur ``minimum_count`` times."""
        return min(size, int(np.count_nonzero(self.frequencies >= minimum_count)))


class _Ranks(dict[str, int]):
    """Gives every new word the next free number."""

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number


def _blocks(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            while block := file.read(_BLOCK):
                yield block if block.endswith("\n") else block + file.readline()
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text (byte {error.start}): convert it and run again") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error


def read_tokens(path: Path) -> IndexedCorpus:
    """The tokens of a file of segmented sentences: one a line, tokens separated by spaces.

    Raises `BadInput` when the file cannot be read or holds no word.
    """
    tokens = index_words(_blocks(path))
    if not tokens.words:
        raise BadInput(f"{path} holds no word: give it at least a few thousand sentences")
    return tokens


def index_words(texts: Iterable[str]) -> IndexedCorpus:
    """The tokens of blocks of text, each made of whole lines (see `read_tokens`)."""
    number = _Ranks({"": 0, "\n": 1})
    pieces: list[I32] = []
    for text in texts:
        text = text if text.endswith("\n") else text + "\n"
        parts = text.lower().replace("\n", " \n ").split(" ")
        piece = np.fromiter(map(number.__getitem__, parts), dtype=np.int32, count=len(parts))
        pieces.append(piece[piece != 0])
    ids = np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int32)
    frequencies = np.bincount(ids, minlength=len(number))[2:]
    order = np.argsort(-frequencies, kind="stable")
    rank = np.empty(len(number), dtype=np.int32)
    rank[:2] = SENTENCE_BREAK
    rank[order + 2] = np.arange(len(order), dtype=np.int32)
    types = list(number)[2:]
    return IndexedCorpus(tuple(types[index] for index in order), frequencies[order], rank[ids])


def count_pairs(ids: I32, words: int, contexts: int, windows: Iterable[int]) -> dict[int, Counts]:
    """Co-occurrence counts of the first ``words`` words with the first ``contexts`` words on both sides.

    The sum of both sides of `count_left_right`, with its arguments: a (words, contexts) float32 matrix for
    each window, indices sorted.
    """
    by_window = count_left_right(ids, words, contexts, windows)
    return {window: sum_sides(*sides) for window, sides in by_window.items()}


def count_left_right(
    ids: I32, words: int, contexts: int, windows: Iterable[int]
) -> dict[int, tuple[Counts, Counts]]:
    """How often each of the first ``words`` words has each of the first ``contexts`` after it, and before it.

    ids: (positions,) int32, frequent words first, `SENTENCE_BREAK` between sentences; larger ids keep their
        place but are not counted.
    windows: the distances up to which a word counts.
    Returns two (words, contexts) float32 matrices for each window.
    Raises ValueError when a window is not positive or ``contexts`` does not lie in 1..``words``.
    """
    distances = sorted(set(windows))
    if not distances or distances[0] < 1:
        raise ValueError(f"windows must be positive, got {distances}")
    if not 1 <= contexts <= words:
        raise ValueError(f"contexts must lie in 1..words, got {contexts} contexts and {words} words")
    # what follows, seen from the other side, is what precedes
    return {
        window: (following[:, :contexts], following[:contexts].T.tocsr())
        for window, following in zip(
            distances, _count_following(ids, words, contexts, distances), strict=True
        )
    }


def sum_sides(after: Counts, before: Counts) -> Counts:
    """The sum of right and left counts, indices sorted."""
    both = (after + before).tocsr()
    both.sort_indices()
    return both


def _pad(ids: I32, words: int, width: int) -> I32:
    """``ids`` with ``width`` trash ids at each break, so that no window reaches a neighbour sentence."""
    repeats = np.where(ids == SENTENCE_BREAK, width, 1)
    repeats[-1:] += width
    known = np.where((ids < 0) | (ids >= words), words, ids).astype(np.int32)
    return np.repeat(known, repeats)


def _count_following(ids: I32, words: int, contexts: int, windows: list[int]) -> list[Counts]:
    """For each window (words, words) counts of the words after; two non-contexts are not a pair."""
    padded = _pad(ids, words, windows[-1])
    width = words + 1  # the last column is trash
    height = max(_CELLS // width, words // 60_000 + 1)  # at most 60,000 groups
    group = (padded // height).astype(np.uint16)
    group[padded == words] = np.iinfo(np.uint16).max
    # a stable sort of 16-bit numbers is a radix sort, and keeps the positions of a group ascending
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group, minlength=1 << 16)
    blocks: list[list[Counts]] = [[] for _ in windows]
    begin = 0
    for index, top in enumerate(range(0, words, height)):
        positions = order[begin : begin + sizes[index]]
        begin += sizes[index]
        rows, columns = min(height, words - top), words if top < contexts else contexts
        dense = np.zeros(rows * width, dtype=np.int64)
        before = 0
        for ring, window in enumerate(windows):
            for start in range(0, len(positions), _CHUNK):
                block = positions[start : start + _CHUNK]
                base = (padded[block].astype(np.int64) - top) * width
                for offset in range(before + 1, window + 1):
                    dense += np.bincount(base + padded[block + offset], minlength=len(dense))
            before = window
            blocks[ring].append(_sparse(dense.reshape(rows, width), columns, words))
    return [sp.vstack(each, format="csr") for each in blocks]


def _sparse(dense: I64, columns: int, words: int) -> Counts:
    row, column = np.divmod(np.flatnonzero(dense), dense.shape[1])
    chosen = column < columns
    row, column = row[chosen], column[chosen]
    starts = np.searchsorted(row, np.arange(len(dense) + 1))
    values = dense[row, column].astype(np.float32)
    return sp.csr_matrix((values, column.astype(np.int32), starts), shape=(len(dense), words))


def read_counts(path: Path) -> dict[str, float]:
    """Word -> how often it was counted. Raises `BadInput` for a line that is not a word and a number."""
    counts = {}
    try:
        with path.open("rb") as raw:
            text = decompressed(path, raw, wanted="a word and its count a line").read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, *CORRUPT_ERRORS) as error:
        raise BadInput(f"{path} cannot be read as text: {error}") from error
    for number, line in enumerate(text.split("\n"), start=1):
        parts = line.rsplit(None, 1)
        if parts and (len(parts) < 2 or not parts[1].isdecimal() or not 0 < float(parts[1]) < math.inf):
            raise BadInput(f"{path} line {number} is not a word, a space or tab, and its count")
        counts.update({parts[0].strip(): float(parts[1])} if parts else {})
    return counts

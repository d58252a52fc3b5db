"""Extraction of phrase pairs from word-aligned sentences (Och & Ney 2004)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from umt.runtime.jit import inlined, jit
from umt.smt.ngram import UNKNOWN
from umt.smt.phrase_table import MAX_PHRASE, WORD_BITS, PhrasePairs
from umt.types import I32, I64


class WordAlignedSentences(NamedTuple):
    """Sentence pairs with word links i * 65536 + j; ids and offsets of both sides."""

    source: I32
    source_offsets: I64
    target: I32
    target_offsets: I64
    links: I64
    link_offsets: I64


class _Reach(NamedTuple):
    """First and last word that each word of a sentence pair is linked to; last -1 where there is none.

    first, last: (N,) target words of each source word.  source_first, source_last: (M,) the other way round.
    """

    first: I64
    last: I64
    source_first: I64
    source_last: I64


class _Room(NamedTuple):
    """Output arrays, (P,) each, as in `PhrasePairs`; P = 0 where the pairs are only counted."""

    source: I64
    target: I64
    links: I64


@jit
def _extract(linked: WordAlignedSentences, limit: int, room: _Room) -> int:
    """The number of consistent phrase pairs up to ``limit`` words a side; fills ``room`` if not empty."""
    count, widest = 0, 1
    for s in range(len(linked.target_offsets) - 1):
        widest = max(widest, linked.target_offsets[s + 1] - linked.target_offsets[s])
        widest = max(widest, linked.source_offsets[s + 1] - linked.source_offsets[s])
    reach = _Reach(
        np.empty(widest, np.int64),
        np.empty(widest, np.int64),
        np.empty(widest, np.int64),
        np.empty(widest, np.int64),
    )
    for s in range(len(linked.target_offsets) - 1):
        x = linked.source[linked.source_offsets[s] : linked.source_offsets[s + 1]]
        y = linked.target[linked.target_offsets[s] : linked.target_offsets[s + 1]]
        links = linked.links[linked.link_offsets[s] : linked.link_offsets[s + 1]]
        _set_reach(links, len(x), len(y), reach)
        for start in range(len(x)):
            if x[start] == UNKNOWN:
                continue
            if reach.last[start] < 0:
                if len(room.source):
                    room.source[count] = x[start] + 1
                    room.target[count] = room.links[count] = 0
                count += 1
                continue
            count = _from(start, x, y, links, limit, reach, room, count)
    return count


@jit
def _set_reach(links: I64, source: int, target: int, reach: _Reach) -> None:
    """Write the reach of a pair of ``source`` and ``target`` words with these ``links``."""
    reach.first[:source], reach.last[:source] = 1 << 30, -1
    reach.source_first[:target], reach.source_last[:target] = 1 << 30, -1
    for link in links:
        i, j = link >> 16, link & 65535
        reach.first[i], reach.last[i] = min(reach.first[i], j), max(reach.last[i], j)
        reach.source_first[j] = min(reach.source_first[j], i)
        reach.source_last[j] = max(reach.source_last[j], i)


@inlined
def _from(start: int, x: I32, y: I32, links: I64, limit: int, reach: _Reach, room: _Room, count: int) -> int:
    """The new ``count`` after all pairs whose source phrase begins at ``start``, which has a link."""
    key = 0
    left, right = 1 << 30, -1  # first and last target word that the source phrase is linked to
    for end in range(start, min(start + limit, len(x))):
        if x[end] == UNKNOWN:
            break
        key = (key << WORD_BITS) | (x[end] + 1)
        left, right = min(left, reach.first[end]), max(right, reach.last[end])
        if reach.last[end] < 0:
            continue
        if right - left >= limit:
            break
        if _consistent(start, end, left, right, reach):
            count = _with_targets(start, end, left, right, key, y, links, limit, reach, room, count)
    return count


@jit
def _consistent(start: int, end: int, left: int, right: int, reach: _Reach) -> bool:
    """Whether no link of target words left..right leaves source words start..end."""
    for j in range(left, right + 1):
        if reach.source_last[j] >= 0 and (reach.source_first[j] < start or reach.source_last[j] > end):
            return False
    return True


@inlined
def _with_targets(
    start: int,
    end: int,
    left: int,
    right: int,
    key: int,
    y: I32,
    links: I64,
    limit: int,
    reach: _Reach,
    room: _Room,
    count: int,
) -> int:
    """The new ``count`` after source words start..end, packed in ``key``, with every target phrase they have.

    That is target words left..right, and words without a link that join at either end.
    """
    first = left
    while True:
        last = right
        while True:
            packed = _pack(y, first, last)
            if packed >= 0:
                if len(room.source):
                    room.source[count], room.target[count] = key, packed
                    room.links[count] = _pattern(links, start, end, first)
                count += 1
            last += 1
            if last >= len(y) or last - first >= limit or reach.source_last[last] >= 0:
                break
        first -= 1
        if first < 0 or right - first >= limit or reach.source_last[first] >= 0:
            return count


@jit
def _pack(words: I32, first: int, last: int) -> int:
    """Words first..last as one number, `WORD_BITS` a word; -1 when one is unknown."""
    packed = 0
    for place in range(first, last + 1):
        if words[place] == UNKNOWN:
            return -1
        packed = (packed << WORD_BITS) | (words[place] + 1)
    return packed


@jit
def _pattern(links: I64, start: int, end: int, first: int) -> int:
    """The links of source words start..end and target words from ``first`` on, as bits of `PhraseTable`."""
    pattern = 0
    for link in links:
        if start <= link >> 16 <= end:
            pattern |= 1 << (((link >> 16) - start) * MAX_PHRASE + (link & 65535) - first)
    return pattern


def extract(linked: WordAlignedSentences, limit: int) -> PhrasePairs:
    """All occurrences of consistent phrase pairs up to ``limit`` words a side (Och & Ney 2004).

    A source word without a link is paired with the empty phrase.
    """
    count = _extract(linked, limit, _room(0))
    room = _room(count)
    _extract(linked, limit, room)
    ones = np.ones(count)
    return PhrasePairs(room.source, room.target, room.links, ones, ones)


def _room(pairs: int) -> _Room:
    return _Room(np.empty(pairs, np.int64), np.empty(pairs, np.int64), np.empty(pairs, np.int64))

"""Phrase-based beam search (Koehn et al. 2003) with an n-gram language model: many sentences a call.

A source span is replaced by one of its options, in an order that may jump back and forth within a window; the
score is the options' own plus the language model's, less a price per word of jump. Hypotheses compete with
those that cover as many source words; what lies ahead is estimated from the best options of the open spans.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from umt.compiled import compiled
from umt.ngram import END, START, UNKNOWN, Floats, Ints, Longs, Tables, advance, find
from umt.processes import cores

LONGEST = 4
"""Words in the longest phrase of either side."""
BITS = 15
"""Bits of a word in a packed phrase, which bounds the vocabulary of either side."""


_BLOCK = 64


class Options(NamedTuple):
    """What each source phrase may become; H hash slots, P phrases, O options.

    keys: (H,) packed phrases or -1.  nodes: (H,) the phrase's number.  begins: (P + 1,) its options.
    words: (O, LONGEST) target words.  sizes: (O,) how many of them count; 0 deletes the phrase.
    lengths: (O,) what they count for where length is rewarded; a word that is copied counts 1.
    scores: (O,) log score of the option without the language model.  guess: (O,) log p of its words out of
    context.  links: (O,) bit i * LONGEST + j set when source word i and target word j correspond.
    barriers: (source vocabulary,) words that no reordering may cross.
    """

    keys: Longs
    nodes: Ints
    begins: Longs
    words: Ints
    sizes: Longs
    lengths: Floats
    scores: Floats
    guess: Floats
    links: Longs
    barriers: NDArray[np.bool_]


class Search(NamedTuple):
    """How to search: hypotheses kept per stack, longest jump, and the weights."""

    beam: int
    jump: int
    model: float
    word: float
    distortion: float


@compiled
def _hash(state: Any, first: Any, mask: Any, end: Any) -> Any:
    return ((np.int64(state) * 1000003 + first) * 1000003 + mask) * 1000003 + end


@compiled
def decode(ids: Any, offsets: Any, options: Any, tables: Any, search: Any) -> tuple[Any, Any, Any, Any]:
    """Translate sentences ids[offsets[i]:offsets[i + 1]].

    Returns (words, word offsets, links, link offsets) of the outputs; a word -1 - i copies source word i,
    a link is i * 65536 + j for source word i and target word j.
    """
    count = len(offsets) - 1
    longest = 1
    for sentence in range(count):
        longest = max(longest, offsets[sentence + 1] - offsets[sentence])
    beam = search.beam
    room = (offsets[count] - offsets[0]) * LONGEST + 1
    out_words, out_links = np.empty(room, np.int32), np.empty(room, np.int64)
    word_offsets, link_offsets = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    begins = np.zeros((longest, LONGEST + 1), np.int64)
    ends = np.zeros((longest, LONGEST + 1), np.int64)
    best = np.zeros((longest, LONGEST + 1), np.float32)
    ahead = np.zeros((longest + 2, longest + 2), np.float32)
    filled = np.zeros(longest + 1, np.int64)
    totals = np.zeros((longest + 1, beam), np.float32)  # score with the estimate of what lies ahead
    scores = np.zeros((longest + 1, beam), np.float32)
    states = np.zeros((longest + 1, beam), np.int32)
    firsts = np.zeros((longest + 1, beam), np.int64)  # first open source word
    masks = np.zeros((longest + 1, beam), np.int64)  # bit k: word first + k is covered
    lasts = np.zeros((longest + 1, beam), np.int64)  # where the next phrase starts if nothing jumps
    hashes = np.zeros((longest + 1, beam), np.int64)
    origins = np.zeros((longest + 1, beam), np.int64)  # slot in the stack it came from
    starts = np.zeros((longest + 1, beam), np.int64)
    lengths = np.zeros((longest + 1, beam), np.int64)
    chosen = np.zeros((longest + 1, beam), np.int64)
    steps = np.zeros((longest + 1, 3), np.int64)
    unknown = tables.logp[1 + UNKNOWN]
    for sentence in range(count):
        source = ids[offsets[sentence] : offsets[sentence + 1]]
        size = len(source)
        # Options of every span, and the best score each open stretch can hope for.
        for i in range(size):
            key = np.int64(0)
            for length in range(1, min(LONGEST, size - i) + 1):
                key = (key << BITS) | (np.int64(source[i + length - 1]) + 1)
                phrase = find(options.keys, options.nodes, key)
                begins[i, length] = ends[i, length] = 0
                best[i, length] = -1e9
                if phrase >= 0:
                    begins[i, length], ends[i, length] = options.begins[phrase], options.begins[phrase + 1]
                    for option in range(begins[i, length], ends[i, length]):
                        value = options.scores[option] + search.model * options.guess[option]
                        value += search.word * options.lengths[option]
                        best[i, length] = max(best[i, length], value)
                elif length == 1:
                    begins[i, 1], ends[i, 1] = -1, 0
                    best[i, 1] = search.model * unknown + search.word
        for i in range(size, -1, -1):
            ahead[i, i] = 0.0
            for j in range(i + 1, size + 1):
                value = np.float32(-1e9)
                for length in range(1, min(LONGEST, j - i) + 1):
                    value = max(value, best[i, length] + ahead[i + length, j])
                ahead[i, j] = value
        filled[: size + 1] = 0
        filled[0] = 1
        scores[0, 0] = 0.0
        totals[0, 0] = ahead[0, size]
        states[0, 0] = tables.after[1 + START]
        firsts[0, 0] = masks[0, 0] = lasts[0, 0] = 0
        for covered in range(size):
            for slot in range(filled[covered]):
                first, mask = firsts[covered, slot], masks[covered, slot]
                for k in range(search.jump + 1):
                    start = first + k
                    if start >= size:
                        break
                    if (mask >> k) & 1:
                        continue
                    for length in range(1, LONGEST + 1):
                        stop = start + length
                        if stop > size or (mask >> (k + length - 1)) & 1:
                            break
                        if k > 0 and options.barriers[source[stop - 1]]:
                            break
                        if begins[start, length] == ends[start, length]:
                            continue
                        new_mask = mask | (((np.int64(1) << length) - 1) << k)
                        new_first = first
                        while new_mask & 1:
                            new_mask >>= 1
                            new_first += 1
                        future = np.float32(0.0)
                        gap, rest = new_first, new_mask
                        while rest:
                            run = 0
                            while not (rest >> run) & 1:
                                run += 1
                            future += ahead[gap, gap + run]
                            gap, rest = gap + run, rest >> run
                            while rest & 1:
                                gap, rest = gap + 1, rest >> 1
                        future += ahead[gap, size]
                        base = scores[covered, slot] - search.distortion * abs(start - lasts[covered, slot])
                        to = covered + length
                        worst = 0
                        floor = np.float32(-1e30)
                        if filled[to] == beam:
                            for other in range(1, beam):
                                if totals[to, other] < totals[to, worst]:
                                    worst = other
                            floor = totals[to, worst]
                        for option in range(begins[start, length], ends[start, length]):
                            score, state = base, states[covered, slot]
                            if option < 0:
                                logp, state = advance(tables, state, UNKNOWN)
                                score += search.model * logp + search.word
                            else:
                                score += options.scores[option] + search.word * options.lengths[option]
                                if score + future < floor:
                                    continue
                                for j in range(options.sizes[option]):
                                    logp, state = advance(tables, state, options.words[option, j])
                                    score += search.model * logp
                            if to == size:
                                score += search.model * advance(tables, state, END)[0]
                            total = score + future
                            if total <= floor:
                                continue
                            signature = _hash(state, new_first, new_mask, stop)
                            place = -1
                            for other in range(filled[to]):
                                if hashes[to, other] == signature:
                                    place = other
                                    break
                            if place >= 0:
                                if totals[to, place] >= total:
                                    continue
                            elif filled[to] < beam:
                                place = filled[to]
                                filled[to] += 1
                            else:
                                place = worst
                            totals[to, place], scores[to, place] = total, score
                            states[to, place], hashes[to, place] = state, signature
                            firsts[to, place], masks[to, place], lasts[to, place] = new_first, new_mask, stop
                            origins[to, place], chosen[to, place] = slot, option
                            starts[to, place], lengths[to, place] = start, length
                            if filled[to] == beam:
                                worst = 0
                                for other in range(1, beam):
                                    if totals[to, other] < totals[to, worst]:
                                        worst = other
                                floor = totals[to, worst]
        # Read the best hypothesis backwards, then write it forwards.
        slot = 0
        for other in range(1, filled[size]):
            if totals[size, other] > totals[size, slot]:
                slot = other
        at, depth = size, 0
        while at > 0:
            steps[depth, 0], steps[depth, 1] = starts[at, slot], lengths[at, slot]
            steps[depth, 2] = chosen[at, slot]
            slot, at = origins[at, slot], at - lengths[at, slot]
            depth += 1
        words, links = word_offsets[sentence], link_offsets[sentence]
        for step in range(depth - 1, -1, -1):
            start, length, option = steps[step, 0], steps[step, 1], steps[step, 2]
            place = words - word_offsets[sentence]
            if option < 0:
                out_words[words] = -1 - start
                out_links[links] = start * 65536 + place
                words += 1
                links += 1
                continue
            for j in range(options.sizes[option]):
                out_words[words] = options.words[option, j]
                words += 1
            for i in range(length):
                for j in range(options.sizes[option]):
                    if (options.links[option] >> (i * LONGEST + j)) & 1:
                        out_links[links] = (start + i) * 65536 + place + j
                        links += 1
        word_offsets[sentence + 1], link_offsets[sentence + 1] = words, links
    return out_words[:words], word_offsets, out_links[:links], link_offsets


def decode_all(
    ids: Ints, offsets: Longs, options: Options, tables: Tables, search: Search, threads: int
) -> tuple[Ints, Longs, Longs, Longs]:
    """`decode`, with its arguments and arrays, in blocks over ``threads`` (0: one a core), whose number
    changes nothing."""

    def block(first: int) -> tuple[Ints, Longs, Longs, Longs]:
        last = min(first + _BLOCK, len(offsets) - 1)
        part = ids[offsets[first] : offsets[last]], offsets[first : last + 1] - offsets[first]
        result: tuple[Ints, Longs, Longs, Longs] = decode(*part, options, tables, search)
        return result

    with ThreadPoolExecutor(cores(threads)) as pool:
        blocks = list(pool.map(block, range(0, len(offsets) - 1, _BLOCK)))
    words, links = [part[0] for part in blocks], [part[2] for part in blocks]
    return (
        np.concatenate([np.zeros(0, np.int32), *words]),
        _joined([part[1] for part in blocks]),
        np.concatenate([np.zeros(0, np.int64), *links]),
        _joined([part[3] for part in blocks]),
    )


def known(options: Options) -> list[int]:
    """The single words that have options, by number."""
    words = options.keys[(options.keys > 0) & (options.keys < 1 << BITS)]
    return sorted(int(word) - 1 for word in words)


def _joined(offsets: list[Longs]) -> Longs:
    """Offsets of blocks, each from 0, as offsets of the whole."""
    lengths = np.concatenate([np.zeros(1, np.int64), *(np.diff(part) for part in offsets)])
    return np.cumsum(lengths)

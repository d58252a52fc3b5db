"""Phrase-based beam search (Koehn et al. 2003) with an n-gram language model: many sentences a call.

Source spans are translated by their options in an order with limited reordering; the score is that of the
options plus that of the language model, less a distortion penalty per word. Hypotheses compete with those
that cover as many source words, by their score plus the future cost of the others (`umt.smt.future_cost`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from umt.runtime.jit import inlined, jit
from umt.runtime.processes import cores
from umt.smt.future_cost import COPY, Spans, compute_future_costs, look_up_spans, uncovered_cost
from umt.smt.hypotheses import (
    HYPOTHESIS,
    NOWHERE,
    Phrase,
    Stacks,
    begin,
    recombine,
    sign,
    trace_back,
    worst_of,
)
from umt.smt.ngram import END, START, UNKNOWN, NGramTables, score_next
from umt.smt.phrase_table import MAX_PHRASE, PhraseTable
from umt.types import I32, I64

_BLOCK = 64  # sentences a thread translates at a time


class DecoderWeights(NamedTuple):
    """Search limits and weights of the log-linear model.

    beam: hypotheses per stack.  jump: distortion limit in words.  model: weight of the language model.
    word: word reward.  distortion: penalty per word of reordering.  All scores in nats.
    """

    beam: int
    jump: int
    model: float
    word: float
    distortion: float


class _Output(NamedTuple):
    """Translations of S sentences end to end: words and links as of `decode`, (S + 1,) offsets of either."""

    words: I32
    word_offsets: I64
    links: I64
    link_offsets: I64


@jit
def decode(
    ids: I32, offsets: I64, options: PhraseTable, tables: NGramTables, search: DecoderWeights
) -> tuple[I32, I64, I64, I64]:
    """Translate sentences ids[offsets[i]:offsets[i + 1]].

    Returns (words, word offsets, links, link offsets) of the outputs; a word -1 - i copies source word i,
    a link is i * 65536 + j for source word i and target word j.
    """
    count = len(offsets) - 1
    longest = 1
    for sentence in range(count):
        longest = max(longest, offsets[sentence + 1] - offsets[sentence])
    room = (offsets[count] - offsets[0]) * MAX_PHRASE + 1
    output = _Output(
        np.empty(room, np.int32),
        np.zeros(count + 1, np.int64),
        np.empty(room, np.int64),
        np.zeros(count + 1, np.int64),
    )
    spans = Spans(
        np.zeros((longest, MAX_PHRASE + 1), np.int64),
        np.zeros((longest, MAX_PHRASE + 1), np.int64),
        np.zeros((longest, MAX_PHRASE + 1), np.float32),
        np.zeros((longest + 2, longest + 2), np.float32),
    )
    stacks = Stacks(
        np.zeros(longest + 1, np.int64),
        np.zeros((longest + 1, search.beam), np.float32),
        np.zeros((longest + 1, search.beam), np.int64),
        np.zeros((longest + 1, search.beam), HYPOTHESIS),
    )
    path = np.zeros((longest, 2), np.int64)
    for sentence in range(count):
        source = ids[offsets[sentence] : offsets[sentence + 1]]
        look_up_spans(source, options, tables, search.model, search.word, spans)
        compute_future_costs(len(source), spans)
        begin(len(source), tables.after[1 + START], spans.future_cost[0, len(source)], stacks)
        for covered in range(len(source)):
            for slot in range(stacks.filled[covered]):
                _expand(source, covered, slot, options, tables, search, spans, stacks)
        steps = trace_back(len(source), stacks, path)
        _write(sentence, path[:steps], options, stacks, output)
    words, links = output.word_offsets[count], output.link_offsets[count]
    return output.words[:words], output.word_offsets, output.links[:links], output.link_offsets


@inlined
def _expand(
    source: I32,
    covered: int,
    slot: int,
    options: PhraseTable,
    tables: NGramTables,
    search: DecoderWeights,
    spans: Spans,
    stacks: Stacks,
) -> None:
    """Translate every open span within reach of the hypothesis in ``slot`` of the stack ``covered``."""
    size = len(source)
    hypothesis = stacks.hypotheses[covered, slot]
    score, first, mask, last = hypothesis.score, hypothesis.first, hypothesis.mask, hypothesis.stop
    for jump in range(search.jump + 1):
        start = first + jump
        if start >= size:
            break
        if (mask >> jump) & 1:
            continue
        for length in range(1, MAX_PHRASE + 1):
            stop = start + length
            if stop > size or (mask >> (jump + length - 1)) & 1:
                break
            if jump > 0 and options.reordering_walls[source[stop - 1]]:
                break
            if spans.begins[start, length] == spans.ends[start, length]:
                continue
            new_mask = mask | (((np.int64(1) << length) - 1) << jump)
            new_first = first
            while new_mask & 1:
                new_mask >>= 1
                new_first += 1
            base = score - search.distortion * abs(start - last)
            future = uncovered_cost(size, new_first, new_mask, spans.future_cost)
            phrase = Phrase(slot, start, length, new_first, new_mask, base, future)
            _translate(size, covered, phrase, options, tables, search, spans, stacks)


@inlined
def _translate(
    size: int,
    covered: int,
    phrase: Phrase,
    options: PhraseTable,
    tables: NGramTables,
    search: DecoderWeights,
    spans: Spans,
    stacks: Stacks,
) -> None:
    """Enter a hypothesis for every option of ``phrase`` that its stack has a slot for."""
    to, stop = covered + phrase.length, phrase.start + phrase.length
    totals, signatures = stacks.totals[to], stacks.signatures[to]
    worst, floor = 0, np.float32(-1e30)
    if stacks.filled[to] == len(totals):
        worst = worst_of(totals)
        floor = totals[worst]
    before = stacks.hypotheses[covered, phrase.slot].state
    for option in range(spans.begins[phrase.start, phrase.length], spans.ends[phrase.start, phrase.length]):
        score, state = phrase.base, before
        if option == COPY:
            logp, state = score_next(tables, state, UNKNOWN)
            score += search.model * logp + search.word
        else:
            score += options.scores[option] + search.word * options.lengths[option]
            if score + phrase.future < floor:
                continue
            for word in range(options.sizes[option]):
                logp, state = score_next(tables, state, options.words[option, word])
                score += search.model * logp
        if to == size:
            score += search.model * score_next(tables, state, END)[0]
        total = score + phrase.future
        if total <= floor:
            continue
        signature = sign(state, phrase.first, phrase.mask, stop)
        place = recombine(totals, signatures, stacks.filled[to], signature, total, worst)
        if place == NOWHERE:
            continue
        stacks.filled[to] = max(stacks.filled[to], place + 1)
        totals[place], signatures[place] = total, signature
        hypothesis = stacks.hypotheses[to, place]
        hypothesis.score, hypothesis.state = score, state
        hypothesis.first, hypothesis.mask, hypothesis.stop = phrase.first, phrase.mask, stop
        hypothesis.origin, hypothesis.option = phrase.slot, option
        hypothesis.start, hypothesis.length = phrase.start, phrase.length
        if stacks.filled[to] == len(totals):
            worst = worst_of(totals)
            floor = totals[worst]


@jit
def _write(sentence: int, path: I64, options: PhraseTable, stacks: Stacks, output: _Output) -> None:
    """Write the words and links of a translation; ``path`` (phrases, 2): as of `trace_back`."""
    first = output.word_offsets[sentence]
    words, links = first, output.link_offsets[sentence]
    for step in range(len(path) - 1, -1, -1):
        phrase = stacks.hypotheses[path[step, 0], path[step, 1]]
        place = words - first
        if phrase.option == COPY:
            output.words[words] = -1 - phrase.start
            output.links[links] = phrase.start * 65536 + place
            words += 1
            links += 1
            continue
        for j in range(options.sizes[phrase.option]):
            output.words[words] = options.words[phrase.option, j]
            words += 1
        for i in range(phrase.length):
            for j in range(options.sizes[phrase.option]):
                if (options.links[phrase.option] >> (i * MAX_PHRASE + j)) & 1:
                    output.links[links] = (phrase.start + i) * 65536 + place + j
                    links += 1
    output.word_offsets[sentence + 1], output.link_offsets[sentence + 1] = words, links


def decode_all(
    ids: I32, offsets: I64, options: PhraseTable, tables: NGramTables, search: DecoderWeights, threads: int
) -> tuple[I32, I64, I64, I64]:
    """`decode`, with its arguments and arrays, in blocks over ``threads`` (0: one a core), whose number
    changes nothing."""

    def block(first: int) -> tuple[I32, I64, I64, I64]:
        last = min(first + _BLOCK, len(offsets) - 1)
        part = ids[offsets[first] : offsets[last]], offsets[first : last + 1] - offsets[first]
        result: tuple[I32, I64, I64, I64] = decode(*part, options, tables, search)
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


def _joined(offsets: list[I64]) -> I64:
    """Offsets of blocks, each from 0, as offsets of the whole."""
    lengths = np.concatenate([np.zeros(1, np.int64), *(np.diff(part) for part in offsets)])
    return np.cumsum(lengths)

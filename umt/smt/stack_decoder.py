"""Phrase-based beam search (Koehn et al. 2003) with an n-gram language model: many sentences a call.

A source span is replaced by one of its options, in an order that may jump back and forth within a window; the
score is the options' own plus the language model's, less a price per word of jump. Hypotheses compete with
those that cover as many source words; what lies ahead is estimated from the best options of the open spans.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from umt.runtime.jit import inlined, jit
from umt.runtime.processes import cores
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
from umt.smt.ngram import END, START, UNKNOWN, NGramTables, find, score_next
from umt.smt.phrase_table import MAX_PHRASE, WORD_BITS, PhraseTable
from umt.types import F32, I32, I64

_BLOCK = 64  # sentences a thread translates at a time
_COPY = -1  # the option of a word that has none: it stays as it is
_HOPELESS = -1e9  # log score of a span without options


class DecoderWeights(NamedTuple):
    """How to search: hypotheses kept per stack, longest jump, and the weights."""

    beam: int
    jump: int
    model: float
    word: float
    distortion: float


class _Spans(NamedTuple):
    """The options of every span of one sentence of up to N words, and what its open words can still hope for.

    A span is a row and a column: its first word and its length.
    begins, ends: (N, LONGEST + 1) its options, from ``begins`` to before ``ends``; `_COPY` alone for a word
    that has none.  best: (N, LONGEST + 1) highest score of a span by its options and their words out of
    context, in nats.  ahead: (N + 2, N + 2) the same for the words from a row to before a column, cut into
    spans in the best way.
    """

    begins: I64
    ends: I64
    best: F32
    future_cost: F32


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
    spans = _Spans(
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
        _span_options(source, options, tables, search, spans)
        _future_costs(len(source), spans)
        begin(len(source), tables.after[1 + START], spans.future_cost[0, len(source)], stacks)
        for covered in range(len(source)):
            for slot in range(stacks.filled[covered]):
                _expand(source, covered, slot, options, tables, search, spans, stacks)
        steps = trace_back(len(source), stacks, path)
        _write(sentence, path[:steps], options, stacks, output)
    words, links = output.word_offsets[count], output.link_offsets[count]
    return output.words[:words], output.word_offsets, output.links[:links], output.link_offsets


@jit
def _span_options(
    source: I32, options: PhraseTable, tables: NGramTables, search: DecoderWeights, spans: _Spans
) -> None:
    """Look up the options of all spans of ``source`` (words,), and the best score of each out of context."""
    size = len(source)
    for start in range(size):
        key = np.int64(0)
        for length in range(1, min(MAX_PHRASE, size - start) + 1):
            key = (key << WORD_BITS) | (np.int64(source[start + length - 1]) + 1)
            phrase = find(options.keys, options.nodes, key)
            spans.begins[start, length] = spans.ends[start, length] = 0
            spans.best[start, length] = _HOPELESS
            if phrase >= 0:
                spans.begins[start, length] = options.begins[phrase]
                spans.ends[start, length] = options.begins[phrase + 1]
                for option in range(options.begins[phrase], options.begins[phrase + 1]):
                    value = options.scores[option] + search.model * options.lm_estimate[option]
                    value += search.word * options.lengths[option]
                    spans.best[start, length] = max(spans.best[start, length], value)
            elif length == 1:
                spans.begins[start, 1], spans.ends[start, 1] = _COPY, _COPY + 1
                spans.best[start, 1] = search.model * tables.logp[1 + UNKNOWN] + search.word


@jit
def _future_costs(size: int, spans: _Spans) -> None:
    """What every stretch of a sentence of ``size`` words can hope for: the best cut into spans."""
    for start in range(size, -1, -1):
        spans.future_cost[start, start] = 0.0
        for stop in range(start + 1, size + 1):
            value = np.float32(_HOPELESS)
            for length in range(1, min(MAX_PHRASE, stop - start) + 1):
                value = max(value, spans.best[start, length] + spans.future_cost[start + length, stop])
            spans.future_cost[start, stop] = value


@jit
def _future(size: int, first: int, mask: int, ahead: F32) -> np.float32:
    """Estimate for the open words of a sentence of ``size``, in nats; first, mask: as in `HYPOTHESIS`."""
    future = np.float32(0.0)
    while mask:
        run = 0
        while not (mask >> run) & 1:
            run += 1
        future += ahead[first, first + run]
        first, mask = first + run, mask >> run
        while mask & 1:
            first, mask = first + 1, mask >> 1
    return future + ahead[first, size]  # type: ignore[no-any-return]


@inlined
def _expand(
    source: I32,
    covered: int,
    slot: int,
    options: PhraseTable,
    tables: NGramTables,
    search: DecoderWeights,
    spans: _Spans,
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
            future = _future(size, new_first, new_mask, spans.future_cost)
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
    spans: _Spans,
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
        if option == _COPY:
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
        if phrase.option == _COPY:
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

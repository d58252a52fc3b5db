"""Translation options of the spans of a sentence, and the future cost of its uncovered words.

The future cost of a hypothesis is the best score that its uncovered words can reach by their options and the
language model out of context (Koehn et al. 2003).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from umt.runtime.jit import jit
from umt.smt.ngram import UNKNOWN, NGramTables, find
from umt.smt.phrase_table import MAX_PHRASE, WORD_BITS, PhraseTable
from umt.types import F32, I32, I64

COPY = -1
"""The option of a word without options: it is copied."""

_IMPOSSIBLE = -1e9
"""Log score of a span without options."""


class Spans(NamedTuple):
    """The options of every span of one sentence of up to N words, and their best scores.

    A span is a row and a column: its first word and its length.
    begins, ends: (N, MAX_PHRASE + 1) its options, from ``begins`` to before ``ends``; `COPY` alone for a word
    that has none.  best: (N, MAX_PHRASE + 1) highest score of a span by its options and their words out of
    context, in nats.  future_cost: (N + 2, N + 2) the same for the words from a row to before a column, in
    the best segmentation into spans.
    """

    begins: I64
    ends: I64
    best: F32
    future_cost: F32


@jit
def look_up_spans(
    source: I32, options: PhraseTable, tables: NGramTables, lm_weight: float, word_reward: float, spans: Spans
) -> None:
    """Look up the options of all spans of ``source`` (words,), and the best score of each out of context."""
    size = len(source)
    for start in range(size):
        key = np.int64(0)
        for length in range(1, min(MAX_PHRASE, size - start) + 1):
            key = (key << WORD_BITS) | (np.int64(source[start + length - 1]) + 1)
            phrase = find(options.keys, options.nodes, key)
            spans.begins[start, length] = spans.ends[start, length] = 0
            spans.best[start, length] = _IMPOSSIBLE
            if phrase >= 0:
                spans.begins[start, length] = options.begins[phrase]
                spans.ends[start, length] = options.begins[phrase + 1]
                for option in range(options.begins[phrase], options.begins[phrase + 1]):
                    value = options.scores[option] + lm_weight * options.lm_estimate[option]
                    value += word_reward * options.lengths[option]
                    spans.best[start, length] = max(spans.best[start, length], value)
            elif length == 1:
                spans.begins[start, 1], spans.ends[start, 1] = COPY, COPY + 1
                spans.best[start, 1] = lm_weight * tables.logp[1 + UNKNOWN] + word_reward


@jit
def compute_future_costs(size: int, spans: Spans) -> None:
    """Best score of every stretch of a sentence of ``size`` words, over its segmentations into spans."""
    for start in range(size, -1, -1):
        spans.future_cost[start, start] = 0.0
        for stop in range(start + 1, size + 1):
            value = np.float32(_IMPOSSIBLE)
            for length in range(1, min(MAX_PHRASE, stop - start) + 1):
                value = max(value, spans.best[start, length] + spans.future_cost[start + length, stop])
            spans.future_cost[start, stop] = value


@jit
def uncovered_cost(size: int, first: int, mask: int, future_cost: F32) -> np.float32:
    """Future cost of the uncovered words, in nats; size: of the sentence; first, mask: as in `HYPOTHESIS`."""
    future = np.float32(0.0)
    while mask:
        run = 0
        while not (mask >> run) & 1:
            run += 1
        future += future_cost[first, first + run]
        first, mask = first + run, mask >> run
        while mask & 1:
            first, mask = first + 1, mask >> 1
    return future + future_cost[first, size]  # type: ignore[no-any-return]

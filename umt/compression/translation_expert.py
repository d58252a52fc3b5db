"""Word translation as an expert of a code: each sentence points at one of the other language, which is known.

The decoder reads a pointer, then a sentence. From the pairs so far it learns IBM model 1 (Brown et al. 1993,
"The mathematics of statistical machine translation"), which predicts the symbols of the next sentence from
those of the one pointed at; a symbol that earlier ones have explained counts for less. The table begins empty
and is learned from pointers and coded text alone. So whatever chose the pointers, they are all that is paid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from umt.compression.symbols import CodedText
from umt.runtime.jit import jit
from umt.runtime.validate import require
from umt.types import F32, I64


@dataclass(frozen=True)
class TranslationExpert:
    """IBM model 1, learned on line.

    growth: by which the text grows until the table is learned again from all pairs so far.
    rounds: of EM then.
    prior: of a row towards the frequencies of symbols, in occurrences.
    coverage: the weight of a symbol falls by exp(-coverage) for each symbol that it has explained.
    """

    growth: float = 1.25
    rounds: int = 4
    prior: float = 2.0
    coverage: float = 1.0

    def __post_init__(self) -> None:
        require(self, positive="rounds prior", at_least_zero="coverage", within={"growth": "(1, inf)"})

    def log_odds(self, text: CodedText, other: CodedText, pointers: I64) -> F32:
        """Log odds of the decisions of ``text``, as `umt.compression.context_mixing.code_length` takes them.

        pointers: (sentences of ``text``,) a sentence of ``other`` each.
        """
        starts, sources = offsets(text), offsets(other)
        parts, learned, count = [], 0, len(text.ends)
        while learned < count:
            end = min(count, max(learned + 20, int(learned * self.growth)))
            table = self.table(text, other, pointers[:learned])
            for first in range(learned, end, 20):
                last = min(end, first + 20)
                symbols = text.codes[starts[first] : starts[last]]
                chances = np.zeros((len(symbols), table.shape[1]), np.float32)
                for number in range(first, last):
                    source = other.codes[sources[pointers[number]] : sources[pointers[number] + 1]]
                    place = starts[number] - starts[first]
                    target = text.codes[starts[number] : starts[number + 1]]
                    _predict(table, source, target, self.coverage, chances[place : place + len(target)])
                parts.append(text.tree.log_odds(torch.from_numpy(chances), symbols))
            learned = end
        return np.concatenate(parts)

    def table(self, text: CodedText, other: CodedText, pointers: I64) -> F32:
        """(symbols of ``other``, symbols of ``text``) p(symbol | symbol), from the first sentences.

        pointers: of these sentences only.
        """
        count = len(pointers)
        starts = offsets(text)
        frequencies = np.bincount(text.codes[: starts[count]], minlength=len(text.numbers)) + 0.5
        unigrams = (frequencies / frequencies.sum()).astype(np.float32)
        table = np.tile(unigrams, (len(other.numbers), 1))
        for _ in range(self.rounds if count else 0):
            counts = np.zeros_like(table)
            _expect(table, other.codes, offsets(other), text.codes, starts, pointers, counts)
            counts += self.prior * unigrams
            table = counts / counts.sum(1, keepdims=True)
        return table


def offsets(text: CodedText) -> I64:
    """(sentences + 1,) where each sentence begins, and the end."""
    return np.concatenate([[0], text.ends]).astype(np.int64)


@jit
def _expect(
    table: F32, sources: I64, source_starts: I64, targets: I64, target_starts: I64, pointers: I64, counts: F32
) -> None:
    """Add the expected counts of all pairs to ``counts``, which is as large as ``table``."""
    for number in range(len(pointers)):
        source = sources[source_starts[pointers[number]] : source_starts[pointers[number] + 1]]
        for target in targets[target_starts[number] : target_starts[number + 1]]:
            total = 0.0
            for symbol in source:
                total += table[symbol, target]
            for symbol in source:
                counts[symbol, target] += table[symbol, target] / total


@jit
def _predict(table: F32, source: I64, target: I64, coverage: float, chances: F32) -> None:
    """Write p(next symbol) at every place of ``target`` to ``chances`` (places, symbols)."""
    weights = np.ones(len(source))
    for place in range(len(target)):
        scaled = weights / weights.sum()
        for number in range(len(source)):
            chances[place] += np.float32(scaled[number]) * table[source[number]]
        total = chances[place, target[place]]
        for number in range(len(source)):
            explained = scaled[number] * table[source[number], target[place]] / total
            weights[number] *= np.exp(-coverage * explained)

"""Word translation as an expert of a code: each sentence points at one of the other language, which is known.

The decoder reads a pointer, then a sentence. From the pairs so far it learns IBM model 1 (Brown et al. 1993,
"The mathematics of statistical machine translation"), which predicts the symbols of the next sentence from
those of the one pointed at, the more so those near to what the last symbol translates. The table begins empty
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
    jump: scale of the distance between the source places of neighbouring symbols, about one to the right.
    uniform: probability of any other source place (Vogel, Ney and Tillmann 1996, "HMM-based word alignment").
    """

    growth: float = 1.25
    rounds: int = 4
    prior: float = 2.0
    jump: float = 2.0
    uniform: float = 0.4

    def __post_init__(self) -> None:
        require(self, positive="rounds prior jump", share="uniform", within={"growth": "(1, inf)"})

    def log_odds(self, text: CodedText, other: CodedText, pointers: I64) -> F32:
        """Log odds of the decisions of ``text``, as `context_mixing.code_length` takes them.

        pointers: (sentences of ``text``,) a sentence of ``other`` each, or -1 for none.
        """
        starts, sources = offsets(text), offsets(other)
        parts, learned, count = [], 0, len(text.ends)
        while learned < count:
            end = min(count, max(learned + 20, int(learned * self.growth)))
            table = self.table(text, other, pointers[:learned])
            for first in range(learned, end, 20):
                last = min(end, first + 20)
                symbols = text.codes[starts[first] : starts[last]]
                chances = []
                for number in range(first, last):
                    pointer = pointers[number]
                    source = other.codes[sources[pointer] : sources[pointer + 1]] if pointer >= 0 else [-1]
                    rows = table[source]  # (sources, symbols)
                    likely = np.ascontiguousarray(rows[:, text.codes[starts[number] : starts[number + 1]]].T)
                    weights = np.zeros_like(likely)
                    _attend(likely, self.jump, self.uniform, weights)
                    chances += [each @ rows for each in weights]  # one by one, as a decoder must, bit for bit
                parts.append(text.tree.log_odds(torch.from_numpy(np.stack(chances)), symbols))
            learned = end
        return np.concatenate(parts)

    def table(self, text: CodedText, other: CodedText, pointers: I64) -> F32:
        """(symbols of ``other`` + 1, symbols of ``text``) p(symbol | symbol), from the first sentences.

        The last row holds the frequencies of symbols, for a sentence without a pointer.
        pointers: of these sentences only, as in `log_odds`.
        """
        count = len(pointers)
        starts = offsets(text)
        frequencies = np.bincount(text.codes[: starts[count]], minlength=len(text.numbers)) + 0.5
        unigrams = (frequencies / frequencies.sum()).astype(np.float32)
        table = np.tile(unigrams, (len(other.numbers) + 1, 1))
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
    for number in np.flatnonzero(pointers >= 0):
        source = sources[source_starts[pointers[number]] : source_starts[pointers[number] + 1]]
        for target in targets[target_starts[number] : target_starts[number + 1]]:
            total = 0.0
            for symbol in source:
                total += table[symbol, target]
            for symbol in source:
                counts[symbol, target] += table[symbol, target] / total


@jit
def _attend(likely: F32, jump: float, uniform: float, weights: F32) -> None:
    """Write p(source place) at every target place to ``weights`` (targets, sources), from what stands before.

    likely: (targets, sources) p(target symbol | source symbol).
    """
    count = likely.shape[1]
    prior = np.full(count, 1 / count)
    jumps = np.exp(-np.abs(np.arange(-count, count) - 1.0) / jump)
    for place in range(len(likely)):
        weights[place] = prior
        posterior = prior * likely[place]
        posterior /= posterior.sum()
        prior[:] = 0.0
        for here in range(count):
            for there in range(count):
                prior[there] += posterior[here] * jumps[there - here + count]
        prior *= (1 - uniform) / prior.sum()
        prior += uniform / count

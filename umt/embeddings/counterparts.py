"""Whether the sentences of a text have counterparts in another: one book in two languages, lines shuffled."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.sparse as sp
import torch

from umt.embeddings.lexicon import Lexicon
from umt.types import F64

_RANKS = 10
_WORDS = range(8, 61)
_TRANSLATED = 0.3  # share of the words of a counterpart that the lexicon accounts for
_AT_ONCE = 10_000_000  # pairs of sentences


def counterpart_excess(
    source: Sequence[str], target: Sequence[str], lexicon: Lexicon, sample: int = 500
) -> tuple[int, float, float]:
    """How far the best match of a sentence stands out from the next ones, by a lexicon without pairs.

    source, target: segmented sentences; ``sample`` evenly spaced ones are looked for.
    A pair scores the log likelihood ratio of the target's words as translations of the source sentence
    against words of the target text (a translation model for retrieval: Xu, Weischedel and Nguyen 2001,
    "Evaluating a probabilistic model for cross-lingual information retrieval"), over the root of the largest
    possible score.
    Where there is no counterpart, the best scores are the largest of many alike: the difference of the i-th
    to the next, times i, then has one mean for all i (Rényi 1953, "On the theory of order statistics").
    Returns the number of sentences, the mean first difference as a multiple of that of the next nine, and its
    standard error.
    """
    chosen = [line for line in _spaced(source, 3 * sample) if line.count(" ") + 1 in _WORDS][:sample]
    x = _bags(chosen, lexicon.index)
    y = _bags(target, lexicon.target_index)
    frequency = (np.asarray(y.sum(0)).ravel() + 1) / (y.shape[0] + 1)
    words, candidates = lexicon.candidates.shape
    table = sp.csr_matrix(
        (lexicon.probabilities.double().numpy().ravel(), lexicon.candidates.numpy().ravel(),
         np.arange(words + 1) * candidates),
        shape=(words, len(lexicon.target)),
    )  # fmt: skip
    translated = (x @ table).tocsr()
    likelihood_ratios = _TRANSLATED * translated.data / frequency[translated.indices]
    translated.data = np.log1p(likelihood_ratios).astype(np.float32)
    largest = np.maximum(y @ -np.log(frequency), 1e-9)
    y = (sp.diags((largest**-0.5).astype(np.float32)) @ y).tocsr()
    first: list[F64] = []
    step = max(1, _AT_ONCE // max(1, len(target)))
    for start in range(0, len(chosen), step):
        scores = y @ translated[start : start + step].toarray().T  # dense, since most pairs share a word
        best = torch.from_numpy(scores.T.copy()).topk(_RANKS + 1).values.numpy()
        gaps = (best[:, :-1] - best[:, 1:]) * np.arange(1, _RANKS + 1)
        others = gaps[:, 1:].mean(1)
        first.append(gaps[others > 0, 0] / others[others > 0])
    ratios = np.concatenate(first)
    return len(ratios), float(ratios.mean()), float(ratios.std() / max(len(ratios), 1) ** 0.5)


def _spaced(lines: Sequence[str], count: int) -> list[str]:
    """At most ``count`` of the lines, evenly spaced."""
    return [lines[place] for place in np.linspace(0, len(lines) - 1, min(count, len(lines))).astype(int)]


def _bags(lines: Sequence[str], index: Mapping[str, int]) -> sp.csr_matrix:
    """(lines, words) 1 where a line holds a word."""
    columns, ends = array("i"), array("q", [0])
    for line in lines:
        columns.extend(sorted({index[word] for word in line.lower().split(" ") if word in index}))
        ends.append(len(columns))
    ones = np.ones(len(columns), np.float32)
    return sp.csr_matrix((ones, np.asarray(columns), np.asarray(ends)), (len(lines), len(index)))

"""Whether two texts run alike line by line though lines are missing or inserted: one book, two languages."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from umt.runtime.jit import jit
from umt.types import F64

_LINES = 1500
_NULLS = 12
_BLOCK = 25  # lines that stay together, reversed, in a target without order
_AROUND = 50
_CORRELATION = 0.7  # of the lengths of a line and its translation
_GAP = 1.5  # nats for a line without counterpart


def same_sequence(
    source: NDArray[Any], target: NDArray[Any], generator: np.random.Generator
) -> dict[str, Any]:
    """Local alignment (Smith and Waterman 1981, "Identification of common molecular subsequences") of the
    lengths of the first lines of either side.

    A pair of lines scores the log likelihood ratio of its normalised lengths, in nats: those of a translation
    against those of unrelated lines.  The null are targets whose blocks of lines are reversed and permuted.
    ``found`` where the score exceeds all of those by half and their mean by 8 deviations, ``z``; ``items``
    lines compared, of ``needed``.
    """
    first, second = source[:_LINES], target[:_LINES]
    size, needed = min(len(first), len(second)), 100
    if size < needed:
        return {"found": False, "items": size, "needed": needed, "score": 0.0, "z": 0.0}
    x, y = (_normalised(lengths, generator) for lengths in (first, second))
    score = _local_alignment(x, y)
    starts = np.arange(0, len(y), _BLOCK)
    null = np.array(
        [
            _local_alignment(
                x, np.concatenate([y[at : at + _BLOCK][::-1] for at in generator.permutation(starts)])
            )
            for _ in range(_NULLS)
        ]
    )
    z = (score - float(null.mean())) / (float(null.std()) + 1e-9)
    aligned = score > 1.5 * float(null.max()) and z > 8
    return {"found": aligned, "items": size, "needed": needed, "score": round(score, 1), "z": round(z, 1)}


def _normalised(lengths: NDArray[Any], generator: np.random.Generator) -> F64:
    """Logarithms as ranks among `_AROUND` lines before and after, as deviations of a normal distribution.

    So a trend that both texts have, such as short lines first, is no alignment. Ties are broken by chance.
    """
    values = np.log(lengths + generator.random(len(lengths)))
    around = np.pad(values, _AROUND, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(around, 2 * _AROUND + 1)
    deviations: F64 = ndtri(((windows < values[:, None]).sum(1) + 0.5) / (2 * _AROUND + 1))
    return deviations


@jit
def _local_alignment(x: F64, y: F64) -> float:
    """Score in nats of the best local alignment of two sequences of normalised lengths."""
    rest = 1 - _CORRELATION**2
    row, best = np.zeros(len(y) + 1), 0.0
    for a in x:
        diagonal = 0.0  # of the row above, one to the left
        for j in range(1, len(y) + 1):
            b = y[j - 1]
            pair = -0.5 * np.log(rest) - (_CORRELATION**2 * (a * a + b * b) - 2 * _CORRELATION * a * b) / (
                2 * rest
            )
            score = max(0.0, diagonal + pair, row[j] - _GAP, row[j - 1] - _GAP)
            diagonal, row[j] = row[j], score
            best = max(best, score)
    return best

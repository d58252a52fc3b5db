"""The only similarity search: nearest neighbours and CSLS, exact, both directions, in bounded memory.

The similarity matrix is made block by block and never kept. On a CPU one compiled pass over each block
updates the k best of its rows and of all columns: nearly every entry costs two comparisons, no sort. On
other devices the blocks are sorted by `torch.topk`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from umt.compiled import compiled

_ENTRIES = {"cpu": 1 << 23, "cuda": 1 << 28}  # similarities in memory at a time


@dataclass(frozen=True)
class Neighbours:
    """The nearest vectors of the other side, best first.

    indices: (rows, k) int64; scores: (rows, k) float, descending.
    """

    indices: Tensor
    scores: Tensor


def nearest(source: Tensor, target: Tensor, k: int = 1) -> tuple[Neighbours, Neighbours]:
    """The ``k`` largest inner products of every row of either side: exact, both ways in one pass.

    source: (sources, dim); target: (targets, dim), on one device; unit rows make it the cosine.
    Returns the neighbours of the source rows, then those of the target rows; ``k`` is cut to what there is.
    Raises ValueError when the shapes do not fit or ``k`` is not positive.
    """
    _check(source, target, k)
    k_row, k_column = min(k, len(target)), min(k, len(source))
    return _sweep(source, target, k_row, k_column)


def csls(
    source: Tensor, target: Tensor, k: int = 1, neighbourhood: int = 10
) -> tuple[Neighbours, Neighbours]:
    """The ``k`` best of cross-domain similarity local scaling (Conneau et al., 2018), both ways, exact.

    csls(x, y) = 2 x.y - r(x) - r(y), r being the mean similarity to the ``neighbourhood`` nearest vectors
    of the other side: it takes away from hubs. Arguments and result as in `nearest`.
    """
    _check(source, target, k)
    if neighbourhood < 1:
        raise ValueError(f"neighbourhood must be positive, got {neighbourhood}")
    means = [each.scores.mean(1) for each in nearest(source, target, neighbourhood)]
    # one more product gives 2 x.y - r(x) - r(y) at once
    one = [torch.ones_like(mean) for mean in means]
    left = torch.cat([2 * source, -means[0][:, None], one[0][:, None]], 1)
    right = torch.cat([target, one[1][:, None], -means[1][:, None]], 1)
    return _sweep(left, right, min(k, len(target)), min(k, len(source)))


def mutual(forward: Neighbours, backward: Neighbours) -> Tensor:
    """(pairs, 2) indices of the source and target rows that are each other's best."""
    best = forward.indices[:, 0]
    rows = torch.arange(len(best), device=best.device)
    chosen = backward.indices[best, 0] == rows
    return torch.stack([rows[chosen], best[chosen]], 1)


def _check(source: Tensor, target: Tensor, k: int) -> None:
    if source.dim() != 2 or target.dim() != 2 or source.shape[1] != target.shape[1]:
        raise ValueError(f"shapes {tuple(source.shape)} and {tuple(target.shape)} do not fit together")
    if not len(source) or not len(target) or k < 1:
        raise ValueError(f"k and both sides must not be empty, got k={k}, {len(source)}, {len(target)}")


def _sweep(source: Tensor, target: Tensor, k_row: int, k_column: int) -> tuple[Neighbours, Neighbours]:
    kind = source.device.type
    rows = _empty(len(source), k_row, source)
    columns = _empty(len(target), k_column, source)
    height = max(1, _ENTRIES.get(kind, 1 << 26) // len(target))
    buffer = source.new_empty(height, len(target))
    for top in range(0, len(source), height):
        piece = source[top : top + height]
        scores = torch.mm(piece, target.T, out=buffer[: len(piece)])  # (rows of the block, targets)
        if kind == "cpu":
            arrays = [each.numpy() for pair in (rows, columns) for each in (pair.indices, pair.scores)]
            _scan(scores.numpy(), top, *arrays)
        else:
            best = scores.topk(k_row)
            rows.indices[top : top + len(piece)] = best.indices
            rows.scores[top : top + len(piece)] = best.values
            _fold(columns, scores.T, top)
    return rows, columns


def _empty(rows: int, k: int, like: Tensor) -> Neighbours:
    indices = torch.full((rows, k), -1, device=like.device)
    return Neighbours(indices, like.new_full((rows, k), -torch.inf))


def _fold(columns: Neighbours, scores: Tensor, top: int) -> None:
    """Let the entries of ``scores`` (columns, rows of the block) compete with the best so far."""
    best = scores.topk(min(columns.scores.shape[1], scores.shape[1]))
    merged = torch.cat([columns.scores, best.values], 1).topk(columns.scores.shape[1])
    indices = torch.cat([columns.indices, best.indices + top], 1).gather(1, merged.indices)
    columns.indices.copy_(indices)
    columns.scores.copy_(merged.values)


@compiled
def _scan(
    scores: npt.NDArray[Any],
    top: int,
    row_indices: npt.NDArray[np.int64],
    row_scores: npt.NDArray[Any],
    column_indices: npt.NDArray[np.int64],
    column_scores: npt.NDArray[Any],
) -> None:
    """Enter a block of similarities, whose first row is ``top``, into the lists of the k best."""
    height, width = scores.shape
    k_row, k_column = row_scores.shape[1], column_scores.shape[1]
    column_floor = column_scores[:, k_column - 1].copy()
    for row in range(height):
        line = scores[row]
        row_floor = row_scores[top + row, k_row - 1]
        for start in range(0, width, 32):
            stop = min(start + 32, width)
            if stop - start == 32:
                # a loop of fixed length without a branch compares a whole register at a time
                some, floors = line[start:stop], column_floor[start:stop]
                hits = np.int32(0)
                for place in range(32):
                    hits += np.int32(some[place] > min(row_floor, floors[place]))
                if not hits:
                    continue
            for column in range(start, stop):
                value = line[column]
                if value > row_floor:
                    place = k_row - 1
                    while place > 0 and row_scores[top + row, place - 1] < value:
                        row_scores[top + row, place] = row_scores[top + row, place - 1]
                        row_indices[top + row, place] = row_indices[top + row, place - 1]
                        place -= 1
                    row_scores[top + row, place] = value
                    row_indices[top + row, place] = column
                    row_floor = row_scores[top + row, k_row - 1]
                if value > column_floor[column]:
                    place = k_column - 1
                    while place > 0 and column_scores[column, place - 1] < value:
                        column_scores[column, place] = column_scores[column, place - 1]
                        column_indices[column, place] = column_indices[column, place - 1]
                        place -= 1
                    column_scores[column, place] = value
                    column_indices[column, place] = top + row
                    column_floor[column] = column_scores[column, k_column - 1]

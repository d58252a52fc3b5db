"""Compiled passes over a block of similarities: the best of its rows and of its columns, without a sort."""

from __future__ import annotations

from typing import Any

import numpy as np

from umt.runtime.jit import jit


@jit
def _insert(indices: Any, scores: Any, row: Any, index: Any, value: Any) -> Any:
    """Put a value that is large enough in its place; returns the smallest that stays."""
    place = scores.shape[1] - 1
    while place > 0 and scores[row, place - 1] < value:
        scores[row, place] = scores[row, place - 1]
        indices[row, place] = indices[row, place - 1]
        place -= 1
    scores[row, place] = value
    indices[row, place] = index
    return scores[row, scores.shape[1] - 1]


@jit
def update_row_topk(
    first: Any,
    last: Any,
    scores: Any,
    charges: Any,
    numbers: Any,
    indices: Any,
    values: Any,
    charged_indices: Any,
    charged_values: Any,
) -> None:
    """Rows ``first`` to ``last`` of the block; ``charges``: of each column, ``numbers``: of the rows."""
    width = scores.shape[1]
    for row in range(first, last):
        line, number = scores[row], numbers[row]
        floor, bar = np.float32(np.inf), np.float32(np.inf)
        if values.shape[1]:
            floor = values[number, values.shape[1] - 1]
        if charged_values.shape[1]:
            bar = charged_values[number, charged_values.shape[1] - 1]
        for start in range(0, width, 32):
            stop = min(start + 32, width)
            if stop - start == 32:
                # a loop of fixed length without a branch compares a whole register at a time
                some, charge = line[start:stop], charges[start:stop]
                hits = np.int32(0)
                for place in range(32):
                    hits += np.int32((some[place] > floor) | (some[place] - charge[place] > bar))
                if not hits:
                    continue
            for column in range(start, stop):
                value = line[column]
                if value > floor:
                    floor = _insert(indices, values, number, column, value)
                if value - charges[column] > bar:
                    bar = _insert(charged_indices, charged_values, number, column, value - charges[column])


@jit
def update_column_topk(
    first: Any,
    last: Any,
    scores: Any,
    charges: Any,
    numbers: Any,
    indices: Any,
    values: Any,
    charged_indices: Any,
    charged_values: Any,
) -> None:
    """Columns ``first`` to ``last``; ``charges`` and ``numbers``: of the rows of the block."""
    floors, bars = np.full(scores.shape[1], np.float32(np.inf)), np.full(scores.shape[1], np.float32(np.inf))
    if values.shape[1]:
        floors[:] = values[:, values.shape[1] - 1]
    if charged_values.shape[1]:
        bars[:] = charged_values[:, charged_values.shape[1] - 1]
    for row in range(len(scores)):
        line, charge = scores[row], charges[row]
        for start in range(first, last, 32):
            stop = min(start + 32, last)
            if stop - start == 32:
                some, floor, bar = line[start:stop], floors[start:stop], bars[start:stop]
                hits = np.int32(0)
                for place in range(32):
                    hits += np.int32((some[place] > floor[place]) | (some[place] - charge > bar[place]))
                if not hits:
                    continue
            for column in range(start, stop):
                value = line[column]
                if value > floors[column]:
                    floors[column] = _insert(indices, values, column, numbers[row], value)
                if value - charge > bars[column]:
                    bars[column] = _insert(
                        charged_indices, charged_values, column, numbers[row], value - charge
                    )

"""Compiled top-k of the rows and of the columns of a block of similarities, without a sort."""

from __future__ import annotations

from typing import Any

import numpy as np

from umt.runtime.jit import jit


@jit
def _insert(indices: Any, scores: Any, row: Any, index: Any, value: Any) -> Any:
    """Insert a value into a descending list; returns the smallest value that remains."""
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
    penalties: Any,
    numbers: Any,
    indices: Any,
    values: Any,
    penalised_indices: Any,
    penalised_values: Any,
) -> None:
    """Update the lists of rows ``first`` to ``last``; penalties: of the columns, numbers: of the rows."""
    width = scores.shape[1]
    for row in range(first, last):
        line, number = scores[row], numbers[row]
        threshold, penalised_threshold = np.float32(np.inf), np.float32(np.inf)
        if values.shape[1]:
            threshold = values[number, values.shape[1] - 1]
        if penalised_values.shape[1]:
            penalised_threshold = penalised_values[number, penalised_values.shape[1] - 1]
        for start in range(0, width, 32):
            stop = min(start + 32, width)
            if stop - start == 32:
                # a loop of fixed length without a branch compares a whole register at a time
                some, penalty = line[start:stop], penalties[start:stop]
                hits = np.int32(0)
                for place in range(32):
                    hits += np.int32(
                        (some[place] > threshold) | (some[place] - penalty[place] > penalised_threshold)
                    )
                if not hits:
                    continue
            for column in range(start, stop):
                value = line[column]
                if value > threshold:
                    threshold = _insert(indices, values, number, column, value)
                if value - penalties[column] > penalised_threshold:
                    penalised_threshold = _insert(
                        penalised_indices, penalised_values, number, column, value - penalties[column]
                    )


@jit
def update_column_topk(
    first: Any,
    last: Any,
    scores: Any,
    penalties: Any,
    numbers: Any,
    indices: Any,
    values: Any,
    penalised_indices: Any,
    penalised_values: Any,
) -> None:
    """Update the lists of columns ``first`` to ``last``; penalties, numbers: of the rows."""
    thresholds, penalised_thresholds = (
        np.full(scores.shape[1], np.float32(np.inf)),
        np.full(scores.shape[1], np.float32(np.inf)),
    )
    if values.shape[1]:
        thresholds[:] = values[:, values.shape[1] - 1]
    if penalised_values.shape[1]:
        penalised_thresholds[:] = penalised_values[:, penalised_values.shape[1] - 1]
    for row in range(len(scores)):
        line, penalty = scores[row], penalties[row]
        for start in range(first, last, 32):
            stop = min(start + 32, last)
            if stop - start == 32:
                some, threshold, penalised_threshold = (
                    line[start:stop],
                    thresholds[start:stop],
                    penalised_thresholds[start:stop],
                )
                hits = np.int32(0)
                for place in range(32):
                    hits += np.int32(
                        (some[place] > threshold[place])
                        | (some[place] - penalty > penalised_threshold[place])
                    )
                if not hits:
                    continue
            for column in range(start, stop):
                value = line[column]
                if value > thresholds[column]:
                    thresholds[column] = _insert(indices, values, column, numbers[row], value)
                if value - penalty > penalised_thresholds[column]:
                    penalised_thresholds[column] = _insert(
                        penalised_indices, penalised_values, column, numbers[row], value - penalty
                    )

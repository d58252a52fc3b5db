"""Rows of unlike length as one array, and batches of them within a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

Row = TypeVar("Row")


def pad(rows: Sequence[Any], fill: int, width: int = 0) -> Tensor:
    """(rows, longest) int64: each row of whole numbers from the left, ``fill`` after its end.

    rows: arrays, tensors or lists. width: the least width of the outcome.
    """
    lengths = [len(row) for row in rows]
    ids = np.full((len(rows), max(width, *lengths, 0)), fill, dtype=np.int64)
    ids[inside(lengths, ids.shape[1]).numpy()] = np.concatenate([np.empty(0, np.int64), *rows])
    return torch.from_numpy(ids)


def inside(lengths: Sequence[int], width: int) -> Tensor:
    """(rows, width) bool: the places of padded rows before their ends."""
    return torch.arange(width) < torch.tensor(lengths, dtype=torch.long)[:, None]


def budgeted(rows: Iterable[Row], tokens: int, length: Callable[[Row], int]) -> Iterator[list[Row]]:
    """Batches of consecutive rows that, padded to the longest of a batch, hold at most ``tokens``.

    A row that is longer than that makes a batch of its own.
    """
    batch: list[Row] = []
    longest = 0
    for row in rows:
        size = length(row)
        longest = max(longest, size)
        if batch and longest * (len(batch) + 1) > tokens:
            yield batch
            batch, longest = [], size
        batch.append(row)
    if batch:
        yield batch

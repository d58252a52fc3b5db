"""Padding keeps every row, batches keep order and budget and are as large as they can be."""

from __future__ import annotations

import numpy as np
import torch

from umt.runtime.batching import budgeted, inside, pad


def test_padding_keeps_rows_of_any_kind() -> None:
    rows = [np.array([3, 4, 5], np.uint16), torch.tensor([6]), [7, 8]]
    padded = pad(rows, -1)
    assert padded.dtype == torch.int64
    assert padded.tolist() == [[3, 4, 5], [6, -1, -1], [7, 8, -1]]
    assert pad(rows, 0, width=4).shape == (3, 4)


def test_padding_of_nothing() -> None:
    assert pad([], 0).shape == (0, 0)
    assert pad([[], []], 9, width=1).tolist() == [[9], [9]]


def test_inside_is_where_rows_are() -> None:
    lengths = [3, 0, 1]
    where = inside(lengths, 3)
    assert where.sum(1).tolist() == lengths
    assert (pad([[1] * length for length in lengths], 0) == 1).equal(where)


def test_batches_keep_order_and_budget_and_cannot_grow() -> None:
    generator = np.random.default_rng(0)
    for budget in (1, 7, 50, 10_000):
        rows = [[number] * int(size) for number, size in enumerate(generator.integers(0, 12, 300))]
        batches = list(budgeted(iter(rows), budget, len))
        assert [row for batch in batches for row in batch] == rows
        for batch, following in zip(batches, [*batches[1:], None], strict=True):
            assert len(batch) == 1 or len(batch) * max(map(len, batch)) <= budget
            if following is not None:
                grown = [*batch, following[0]]
                assert len(grown) * max(map(len, grown)) > budget
    assert list(budgeted([], 5, len)) == []

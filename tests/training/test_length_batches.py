"""Batches: every sentence once an epoch, within the budget, and the same after a restart."""

from __future__ import annotations

import numpy as np
import pytest

from umt.training.length_batches import LengthBatches
from umt.types import BadInput

LENGTHS = np.random.default_rng(0).integers(0, 60, size=500)


def test_an_epoch_holds_every_fitting_sentence_once_within_the_budget() -> None:
    batches, seen = LengthBatches(LENGTHS, 256, 40, seed=1), []
    while batches.epoch == 0:
        batch = batches.draw()
        if batches.epoch == 0:
            assert len(batch) * LENGTHS[batch].max() <= 256
            seen += batch.tolist()
    assert sorted(seen) == np.flatnonzero((LENGTHS > 0) & (LENGTHS <= 40)).tolist()


def test_it_goes_on_where_it_stood() -> None:
    one, other = LengthBatches(LENGTHS, 256, 60, seed=1), LengthBatches(LENGTHS, 256, 60, seed=1)
    for _ in range(100):
        one.draw()
    other.restore(one.state())
    assert all((one.draw() == other.draw()).all() for _ in range(50))


def test_epochs_differ() -> None:
    batches = LengthBatches(LENGTHS, 256, 60, seed=1)
    first = [batches.draw().tolist() for _ in range(3)]
    while batches.epoch == 0:
        last = batches.draw().tolist()
    assert last not in first


def test_nothing_that_fits_is_named() -> None:
    with pytest.raises(BadInput, match="500 sentences"):
        LengthBatches(LENGTHS + 100, 50, 60, seed=1)

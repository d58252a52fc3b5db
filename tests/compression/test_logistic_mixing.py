"""Mixing by hand: the probability of one decision and every number that learning from it changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from umt.compression.mixing.logistic_mixing import (
    LENGTHS,
    Curves,
    Mixers,
    Situation,
    empty_curves,
    empty_mixers,
    mix,
    update_curves,
    update_mixers,
)
from umt.types import F64

HERE = Situation(depth=1, node=2, last=3, order=4, kind=5, match=6, pair=7)
INPUTS = np.array([0.7, -1.2, 2.0])


def squash(logit: float) -> float:
    return 1 / (1 + float(np.exp(-logit)))


def learners(seed: int = 0) -> tuple[Mixers, Curves]:
    """Tables of random values, so that no two entries are alike."""
    random = np.random.default_rng(seed)
    mixers = empty_mixers(5, 3, 2, 1)
    curves = Curves(empty_curves(5), empty_curves(9))
    for table in mixers:
        table[:] = random.uniform(0.05, 0.6, table.shape)
    for curve in curves:
        curve[:] = random.uniform(0.1, 0.9, curve.shape)
    return mixers, curves


def rows(mixers: Mixers) -> list[F64]:
    """The weights that predict in `HERE`: of the four regressions, and of the last."""
    return [
        mixers.by_match[4 * LENGTHS + 6],
        mixers.by_node[2],
        mixers.by_depth[1 * 8 + 5],
        mixers.by_last[3],
        mixers.final[4 * 3 + 1],
    ]


def test_curves_begin_without_a_correction_from_minus_8_to_8() -> None:
    curves = empty_curves(2)
    logits = np.arange(-8, 8.01, 0.5)
    np.testing.assert_allclose(curves, np.tile(1 / (1 + np.exp(-logits)), (2, 1)), rtol=1e-6)


def test_own_inputs_begin_alike_and_experts_share_a_weight() -> None:
    mixers = empty_mixers(5, 3, 2, 4)
    assert [table.shape for table in mixers] == [(112, 6), (5, 6), (24, 6), (5, 6), (21, 4)]
    for table in mixers[:4]:
        np.testing.assert_array_equal(table, np.tile([0.15, 0.15, 0.1, 0.1, 0.1, 0.1], (len(table), 1)))
    np.testing.assert_array_equal(mixers.final, np.full((21, 4), 0.25))


@pytest.mark.parametrize("scale", [1.0, -1.0, 100.0])
def test_the_probability_is_that_of_regressions_and_curves(scale: float) -> None:
    mixers, curves = learners()
    result: Any = mix(HERE, INPUTS * scale, mixers, curves)
    *four, final = rows(mixers)
    opinions = [float(weights @ (INPUTS * scale)) for weights in four]
    logit = float(final @ opinions)
    np.testing.assert_allclose(
        [result.first, result.second, result.third, result.fourth], opinions, rtol=1e-12
    )
    assert result.logit == pytest.approx(logit, rel=1e-12)
    support = np.arange(-8, 8.01, 0.5)
    curved = [
        np.interp(np.clip(logit, -7.999, 7.999), support, curve)
        for curve in (curves.by_node[2], curves.by_pair[7])
    ]
    expected = 0.5 * squash(np.clip(logit, -20, 20)) + 0.2 * curved[0] + 0.3 * curved[1]
    assert result.chance == pytest.approx(np.clip(expected, 1e-5, 1 - 1e-5), rel=1e-6)


@pytest.mark.parametrize("bit", [0, 1])
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_learning_is_one_step_down_the_log_loss_of_each_regression(bit: int, scale: float) -> None:
    mixers, curves = learners()
    before = [weights.copy() for weights in rows(mixers)]
    everything = [table.copy() for table in mixers]
    result: Any = mix(HERE, INPUTS * scale, mixers, curves)
    update_mixers(bit, 0.01, HERE, result, INPUTS * scale, mixers)
    opinions = [result.first, result.second, result.third, result.fourth]
    for old, new, opinion in zip(before[:4], rows(mixers)[:4], opinions, strict=True):
        error = bit - squash(np.clip(opinion, -20, 20))
        np.testing.assert_allclose(new, old + 0.01 * error * INPUTS * scale, rtol=1e-9)
    error = 0.002 * (bit - squash(np.clip(result.logit, -20, 20)))
    np.testing.assert_allclose(rows(mixers)[4], before[4] + error * np.clip(opinions, -8, 8), rtol=1e-9)
    for table, old in zip(mixers, everything, strict=True):
        assert (table != old).any(axis=1).sum() == 1, "one row a table"


@pytest.mark.parametrize("bit", [0, 1])
def test_curves_move_towards_the_outcome_where_they_were_read(bit: int) -> None:
    mixers, curves = learners()
    old = [table.copy() for table in curves]
    result: Any = mix(HERE, INPUTS, mixers, curves)
    update_curves(bit, HERE, result, curves)
    low, share = int((result.logit + 8) * 2), (result.logit + 8) * 2 % 1
    for table, before, row, rate in zip(curves, old, (2, 7), (0.02, 0.03), strict=True):
        expected = before.copy()
        for step, part in ((low, 1 - share), (low + 1, share)):
            expected[row, step] += (bit - before[row, step]) * rate * part
        np.testing.assert_allclose(table, expected, rtol=1e-5)

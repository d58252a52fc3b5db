"""Learning rates, options and updates of the optimisers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Generator

from umt.training.muon import Muon, newton_schulz
from umt.training.optimiser import OptimiserConfig


def test_the_rate_rises_and_falls() -> None:
    levels = [OptimiserConfig(100, warmup=0.1, decay=0.5).lr_factor(step) for step in range(100)]
    assert levels[0] == pytest.approx(0.1)
    assert levels[9:51] == [1.0] * 42
    assert levels[75] == pytest.approx(0.5)
    assert levels[99] == pytest.approx(0.02)


@pytest.mark.parametrize(
    "options", [{"steps": 0}, {"learning_rate": 0.0}, {"warmup": 2.0}, {"method": "sgd"}, {"clip": -1.0}]
)
def test_optimiser_config_refuses_bad_values(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        OptimiserConfig(**{"steps": 1, **options})


@pytest.mark.parametrize("shape", [(20, 20), (12, 40), (40, 12)])
def test_muon_makes_singular_values_alike(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=Generator().manual_seed(1))
    wide = matrix if shape[0] <= shape[1] else matrix.T
    values = torch.linalg.svdvals(newton_schulz(torch.stack([wide, 2 * wide])))
    assert float(values.min()) > 0.4
    assert float(values.max()) < 1.3
    weight = torch.zeros(shape, requires_grad=True)
    weight.grad = matrix
    Muon([weight], 1.0, 0.0).step()
    assert float(weight.detach().pow(2).mean().sqrt()) == pytest.approx(0.2, rel=0.3)

"""Compiled loops say what torch says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from umt.lm.kernels.cpu_loops import as_array, exponential, gated_act, max_by_bits
from umt.lm.kernels.decoding_loops import argmax_nll


def test_powers_of_e_are_as_precise_as_the_numbers() -> None:
    x = np.linspace(-86, 80, 5001, dtype=np.float32)
    result = np.array([exponential(each) for each in x])
    assert np.abs(result / np.exp(x.astype(np.float64)) - 1).max() < 1e-6
    assert exponential(np.float32(-1e9)) < 1e-37
    assert np.isfinite(exponential(np.float32(1e9)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shift", [-9.0, 0.0, 9.0])
def test_the_largest_is_the_largest(dtype: torch.dtype, shift: float) -> None:
    lines = (torch.randn(40, 37, generator=torch.Generator().manual_seed(1)) + shift).to(dtype)
    lines[:10, :36] = -torch.inf
    lines[10], lines[11, 5] = -torch.inf, torch.inf
    result = [float(max_by_bits(as_array(line))) for line in lines]
    assert result == lines.float().amax(1).tolist()


@pytest.mark.parametrize("smooth", [True, False])
def test_a_gate_opens_as_that_of_torch_does(smooth: bool) -> None:
    made = 6 * torch.randn(7, 2 * 33, generator=torch.Generator().manual_seed(1))
    made[0, :3] = torch.tensor([-1e3, 1e3, 0.0])
    active = torch.empty(7, 33)
    gated_act(made.numpy(), smooth, active.numpy())
    gates, up = made.chunk(2, 1)
    expected = (F.gelu(gates, approximate="tanh") if smooth else F.silu(gates)) * up
    torch.testing.assert_close(active, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [1, 64, 200])
def test_the_likeliest_is_the_first_of_the_largest(size: int, dtype: torch.dtype) -> None:
    logits = torch.randn(50, size, generator=torch.Generator().manual_seed(size)).mul_(8).round_().to(dtype)
    # rounded, so that many are equal
    logits[0] = -torch.inf
    logits[0, -1] = 0  # one alone is possible
    chosen, nats = np.empty(50, np.int64), np.empty(50, np.float32)
    argmax_nll(as_array(logits), chosen, nats)
    logits = logits.float()
    best = logits.amax(1, keepdim=True)
    assert chosen.tolist() == (logits == best).int().argmax(1).tolist()
    expected = -logits.log_softmax(1).amax(1)
    torch.testing.assert_close(torch.from_numpy(nats), expected, rtol=1e-5, atol=1e-5)


def test_what_is_no_number_is_still_a_place() -> None:
    logits = np.full((2, 100), np.nan, np.float32)
    chosen, nats = np.empty(2, np.int64), np.empty(2, np.float32)
    argmax_nll(logits, chosen, nats)
    assert ((chosen >= 0) & (chosen < 100)).all()

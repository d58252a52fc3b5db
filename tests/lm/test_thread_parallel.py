"""A batch on several threads is the batch on one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Generator

from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.thread_parallel import sum_nll


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_threads_change_nothing_but_rounding(two_threads: None, bidirectional: bool) -> None:
    model = JointLM.create(Architecture(16, 2, 2, 24, 32), 50, Generator().manual_seed(1))
    ids = torch.randint(50, (7, 12), generator=Generator().manual_seed(2))
    asked = torch.rand(7, 11, generator=Generator().manual_seed(3)) < 0.5

    def measured() -> tuple[float, list[torch.Tensor]]:
        model.zero_grad()
        nats = sum_nll(model, ids[:, :-1], ids[:, 1:], asked, bidirectional)
        (nats / 10).backward()  # type: ignore[no-untyped-call]
        return float(nats.detach()), [weight.grad.clone() for weight in model.parameters()]  # type: ignore[union-attr]

    together, gradients = measured()
    again, _ = measured()
    torch.set_num_threads(1)
    alone, expected = measured()
    assert together == again
    assert together == pytest.approx(alone, rel=1e-6)
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_threads_are_given_back(two_threads: None) -> None:
    model = JointLM.create(Architecture(16, 1, 2, 24, 32), 50, Generator().manual_seed(1))
    ids = torch.zeros(4, 5, dtype=torch.long)
    sum_nll(model, ids, ids, torch.ones_like(ids, dtype=torch.bool))
    assert torch.get_num_threads() == 2


def test_the_rows_of_a_gpu_stay_together(two_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads are for a processor's cores, wherever the rows were drawn."""
    model = JointLM.create(Architecture(16, 1, 2, 24, 32), 50, Generator().manual_seed(1))
    ids = torch.zeros(4, 6, dtype=torch.long)
    monkeypatch.setattr(JointLM, "device", torch.device("meta"))
    monkeypatch.setattr(JointLM, "forward", lambda model, *parts: parts)
    output = sum_nll(model, ids, ids, torch.ones_like(ids, dtype=torch.bool))
    assert len(output[0]) == len(ids)

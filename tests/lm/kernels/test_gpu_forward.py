"""What runs on a GPU only: compiled layers, compiled loss, decoding in bf16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from umt.lm.beam_search import Beam
from umt.lm.generation import Direction, Generation, Search
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.kernels import cross_entropy
from umt.lm.mixed_precision import training_dtype
from umt.lm.search import Greedy, Sampling

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]


def divided() -> JointLM:
    architecture = Architecture(width=128, layers=3, heads=2, hidden=256, context=256)
    model = JointLM.create(architecture, 1000, Generator().manual_seed(1), gpu_kernels=True)
    model = model.as_encoder_decoder().to("cuda")
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 1:
                weight.add_(0.3 * torch.randn(weight.shape, generator=Generator().manual_seed(2)).to("cuda"))
    return model


def batch(rows: int, length: int, begins: int) -> tuple[Tensor, Tensor]:
    generator = Generator().manual_seed(rows)
    starts = begins + torch.randint(5, (rows, 1), generator=generator)
    return torch.randint(5, 1000, (rows, length), generator=generator), torch.arange(length) > starts


def learned(model: JointLM, exact: bool, ids: Tensor, asked: Tensor) -> tuple[float, dict[str, Tensor]]:
    """The loss and its gradients."""
    model.zero_grad()
    dtype = training_dtype(model.device, exact)
    nats = model.nll(model.target_states(ids, asked, dtype=dtype), ids[asked], dtype).sum()
    nats.backward()  # type: ignore[no-untyped-call]
    named = model.named_parameters()
    return float(nats.detach()), {
        name: weight.grad.clone() for name, weight in named if weight.grad is not None
    }


@pytest.mark.parametrize(("exact", "error"), [(True, 1e-3), (False, 0.1)])
def test_compiled_layers_are_theirs(exact: bool, error: float) -> None:
    model = divided()
    shapes = ((40, 50, 20), (31, 33, 7), (64, 100, 51))
    ours = [learned(model, exact, *batch(*shape)) for shape in shapes]
    plain = JointLM(model.network, model.encoder, kernels=False)
    for (nats, gradients), shape in zip(ours, shapes, strict=True):
        expected, theirs = learned(plain, True, *(part.to("cuda") for part in batch(*shape)))
        assert nats == pytest.approx(expected, rel=error / 100)
        for name, gradient in gradients.items():
            told = theirs.get(name, torch.zeros_like(gradient))
            assert (gradient - told).norm() <= error * told.norm()


def test_compiled_cross_entropy() -> None:
    generator = Generator().manual_seed(1)
    hidden, head = (torch.randn(rows, 64, generator=generator).to("cuda") for rows in (3000, 777))
    targets = torch.randint(777, (3000,), generator=generator).to("cuda")

    def both(loss: Callable[..., Tensor]) -> list[Tensor]:
        given = [each.clone().requires_grad_() for each in (hidden, head)]
        nats = loss(given[0], given[1])
        (nats * torch.linspace(0, 1, len(nats), device="cuda")).sum().backward()  # type: ignore[no-untyped-call]
        return [nats.detach(), *(each.grad for each in given if each.grad is not None)]

    def theirs(hidden: Tensor, head: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(hidden @ head.T, targets, reduction="none")

    def ours(hidden: Tensor, head: Tensor) -> Tensor:
        return cross_entropy(hidden, head, targets, compiled=True)

    for one, other in zip(both(ours), both(theirs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("search", [Greedy(), Beam(3), Sampling()])
def test_what_is_written_costs_what_the_network_says(search: Search) -> None:
    model = divided().eval()
    chance = np.random.default_rng(1)
    sources: list[Any] = [
        chance.integers(5, 1000, 3 + number % 40).astype(np.uint16) for number in range(200)
    ]
    with torch.no_grad():
        outputs = Generation(search).generate(
            model, sources, Direction(2, 3, 1, torch.arange(1000)), Generator().manual_seed(1)
        )
        for source, (best, *_) in zip(sources[:20], outputs[:20], strict=True):
            said = best.ids.tolist() + [1] * best.ended
            ids = torch.tensor([[2, *source.tolist(), 3, *said]])
            asked = torch.arange(ids.shape[1] - 1)[None] > len(source)
            nats = model.nll(model.target_states(ids[:, :-1], asked), ids[:, 1:][asked]).sum()
            assert best.nll == pytest.approx(float(nats), rel=0.02, abs=0.5)

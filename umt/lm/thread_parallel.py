"""Data parallelism over threads: each thread takes some rows of a batch forward and backward.

The matrices of a small network are small for two threads: with rows of their own a training step is 8 to 17%
faster on two cores than with threads inside every product (docs/lab-book/2026-11-25.md).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

from umt.lm.joint_lm import JointLM
from umt.lm.kernels import Network, on_cpu
from umt.runtime.threads import map_in_threads


def sum_nll(
    model: JointLM,
    inputs: Tensor,
    targets: Tensor,
    predicted: Tensor,
    bidirectional: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Negative log-likelihood of ``targets`` where ``predicted``, summed: a scalar in nats with a gradient.

    inputs, targets, predicted: (rows, length) input subwords, the subword to predict at each position, and
    which positions count. dtype: of products by weights. On a processor the rows are dealt out to the
    threads and the gradient is computed at once; numbers depend on the number of threads by rounding only.
    """
    threads = min(torch.get_num_threads(), len(inputs))
    inner = cast(Network, model.inner)
    undivided = threads < 2 or not torch.is_grad_enabled() or not model.trains_by_kernels
    if undivided or model.device.type != "cpu" or not on_cpu(inner, inputs):
        return cast(Tensor, model(inputs, targets, predicted, bidirectional, dtype))
    parts = [(inputs[n::threads], targets[n::threads], predicted[n::threads]) for n in range(threads)]
    calls = [(*part, bidirectional, dtype) for part in parts]
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    return cast(Tensor, _ThreadParallelLoss.apply(model, calls, *weights))  # type: ignore[no-untyped-call]


class _ThreadParallelLoss(Function):
    """Forward and backward of every part in a thread of its own; gradients add up in a fixed order."""

    @staticmethod
    def forward(
        context: Any,
        model: JointLM,
        parts: list[tuple[Any, ...]],
        *weights: Tensor,
    ) -> Tensor:
        """parts: what a call of the model takes, for each thread."""

        def through(part: tuple[Any, ...]) -> tuple[Tensor, tuple[Tensor | None, ...]]:
            with torch.enable_grad():
                nats = model(*part)
                return nats.detach(), torch.autograd.grad(nats, weights, allow_unused=True)

        outcomes = map_in_threads(through, parts)
        context.gradients = []
        for gradients in zip(*(each for _, each in outcomes), strict=True):
            known = [each for each in gradients if each is not None]
            for other in known[1:]:
                known[0] += other
            context.gradients.append(known[0] if known else None)
        return torch.stack([nats for nats, _ in outcomes]).sum()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        summed, context.gradients = (
            context.gradients,
            None,
        )  # a tensor without other owners becomes .grad uncopied
        torch._foreach_mul_([each for each in summed if each is not None], gradients[0])
        return None, None, *summed

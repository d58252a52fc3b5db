"""Linear head and cross entropy in one, in blocks that stay in a processor's cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

_KEPT = 1 << 28
"""Most logits that a forward pass keeps for its backward pass (1 GB in fp32); more are computed twice."""

_BLOCK = 1 << 20
"""Logits worked on at once: 4 MB, which a processor's cache holds."""


def cross_entropy(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """-log softmax at ``targets`` (n,) of ``hidden`` (n, width) by ``head`` (vocabulary, width): (n,), nats.

    No logit outlives its block unless the backward pass needs it.
    """
    return cast(Tensor, _Nats.apply(hidden, head, targets))  # type: ignore[no-untyped-call]


class _Nats(Function):
    """With gradients of ``hidden`` and ``head``."""

    @staticmethod
    def forward(context: Any, hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
        context.save_for_backward(hidden, head, targets)
        keep = any(context.needs_input_grad) and len(hidden) * len(head) <= _KEPT
        context.kept = []
        nats = torch.empty(len(hidden), dtype=torch.float32, device=hidden.device)
        for rows in _blocks(hidden, head):
            logits = hidden[rows] @ head.T
            if keep:
                likely = torch.softmax(logits, 1, dtype=torch.float32)
                chosen = likely.gather(1, targets[rows, None])[:, 0]
                context.kept.append(likely.to(head.dtype))
                nats[rows] = -chosen.log()
                lost = chosen < 1e-30  # too small to take the logarithm of
                if lost.any():
                    nats[rows][lost] = _surprise(logits[lost], targets[rows][lost])
            else:
                nats[rows] = _surprise(logits, targets[rows])
        return nats

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        hidden, head, targets = context.saved_tensors
        weights = gradients[0][:, None].to(hidden.dtype)
        weighted = hidden * weights  # the weights of the rows go into the small factors of both products
        into_hidden = torch.empty_like(hidden)
        into_head = torch.zeros_like(head, dtype=torch.float32)
        for number, rows in enumerate(_blocks(hidden, head)):
            wrong = context.kept[number] if context.kept else torch.softmax(hidden[rows] @ head.T, 1)
            wrong = wrong.to(head.dtype)
            wrong[torch.arange(len(wrong), device=wrong.device), targets[rows]] -= 1
            torch.mm(wrong, head, out=into_hidden[rows])
            if head.dtype == torch.float32:
                into_head.addmm_(wrong.T, weighted[rows])
            else:
                into_head += wrong.T @ weighted[rows]
        context.kept = []
        return into_hidden.mul_(weights), into_head.to(head.dtype), None


def _surprise(logits: Tensor, targets: Tensor) -> Tensor:
    """-log softmax of ``targets`` (n,) in fp32."""
    return torch.logsumexp(logits.float(), 1) - logits.gather(1, targets[:, None])[:, 0].float()


def _blocks(hidden: Tensor, head: Tensor) -> Iterator[slice]:
    size = max(64, _BLOCK // len(head)) if hidden.device.type == "cpu" else max(1024, (1 << 27) // len(head))
    for start in range(0, len(hidden), size):
        yield slice(start, start + size)

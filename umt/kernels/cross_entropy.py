"""Linear head and cross entropy in one, in blocks that stay in a processor's cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

from umt.kernels.cpu_loops import bits, surprise
from umt.kernels.gpu_compile import by_rows

_KEPT = 1 << 28
"""Most logits that a forward pass keeps for its backward pass (1 GB in fp32; on a GPU 16 times as many); more
are computed twice."""

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
        most = _KEPT << 4 if hidden.is_cuda else _KEPT
        keep = any(context.needs_input_grad) and len(hidden) * len(head) <= most
        nats = torch.empty(len(hidden), dtype=torch.float32, device=hidden.device)
        wrong = hidden.new_empty(len(hidden) if keep else 0, len(head))
        for rows in _blocks(hidden, head):
            if keep:
                torch.mm(hidden[rows], head.T, out=wrong[rows])
                _to_gradient(wrong[rows], targets[rows], nats[rows])
            else:
                nats[rows] = _surprise(hidden[rows] @ head.T, targets[rows])
        context.save_for_backward(hidden, head, targets, wrong)
        return nats

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        hidden, head, targets, wrong = context.saved_tensors
        weights = gradients[0][:, None].to(hidden.dtype)
        weighted = hidden * weights  # the weights of the rows go into the small factors of both products
        if len(wrong):
            return (wrong @ head).mul_(weights), wrong.T @ weighted, None
        into_hidden, into_head = torch.empty_like(hidden), torch.zeros_like(head, dtype=torch.float32)
        for rows in _blocks(hidden, head):
            again = hidden[rows] @ head.T
            _to_gradient(again, targets[rows], torch.empty_like(weights[rows, 0], dtype=torch.float32))
            torch.mm(again, head, out=into_hidden[rows])
            into_head += again.T @ weighted[rows]
        return into_hidden.mul_(weights), into_head.to(head.dtype), None


def _to_gradient(logits: Tensor, targets: Tensor, nats: Tensor) -> None:
    """Fill ``nats`` (n,); ``logits`` (n, vocabulary) become the gradients of these by themselves."""
    if logits.device.type == "cpu" and logits.dtype in (torch.float32, torch.bfloat16):
        surprise(bits(logits), bits(targets), bits(nats))
        return
    summed, turned = _two_passes(logits.is_cuda)
    found, total = summed(logits, targets)
    nats.copy_(found)
    turned(logits, targets, total)


@cache
def _two_passes(compiled: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Over logits: their nats and log of sums, and then to their gradient, in place.

    Two functions, for torch 2.11 compiles one that reads what it has overwritten.
    """

    def summed(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        total = torch.logsumexp(logits.float(), 1, keepdim=True)
        return (total - logits.gather(1, targets[:, None]).float())[:, 0], total

    def turned(logits: Tensor, targets: Tensor, total: Tensor) -> None:
        right = torch.arange(logits.shape[1], device=logits.device) == targets[:, None]
        logits.copy_((logits.float() - total).exp() - right.float())

    if not compiled:
        return summed, turned
    return by_rows(summed, 2), by_rows(turned, 3)


def _surprise(logits: Tensor, targets: Tensor) -> Tensor:
    """-log softmax of ``targets`` (n,) in fp32."""
    return torch.logsumexp(logits.float(), 1) - logits.gather(1, targets[:, None])[:, 0].float()


def _blocks(hidden: Tensor, head: Tensor) -> Iterator[slice]:
    size = max(64, _BLOCK // len(head)) if hidden.device.type == "cpu" else max(1024, (1 << 27) // len(head))
    for start in range(0, len(hidden), size):
        yield slice(start, start + size)

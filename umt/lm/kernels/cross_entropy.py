"""Linear head and cross entropy in one, in blocks that stay in a processor's cache."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from umt.lm.kernels.cpu_loops import as_array, exponential, load, max_by_bits, store
from umt.runtime.jit import jit_fastmath

_KEPT = 1 << 28
"""Most logits that a forward pass keeps for its backward pass (1 GB in fp32); more are
computed twice."""

_BLOCK = 1 << 20
"""Logits worked on at once: 4 MB, which a processor's cache holds."""


def cross_entropy(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """-log softmax at ``targets`` (n,) of ``hidden`` (n, width) by ``head`` (vocabulary, width): (n,), nats.

    All on a processor, ``hidden`` and ``head`` in fp32 or bf16. No logit outlives its block unless the
    backward pass needs it.
    """
    return cast(Tensor, _Nll.apply(hidden, head, targets))  # type: ignore[no-untyped-call]


class _Nll(Function):
    """`cross_entropy` with gradients of ``hidden`` and ``head``."""

    @staticmethod
    def forward(context: Any, hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
        """(n,) nats; keeps the gradients of the logits where these fit, else the backward pass makes them."""
        keep = any(context.needs_input_grad) and len(hidden) * len(head) <= _KEPT
        nll = torch.empty(len(hidden), dtype=torch.float32)
        logit_gradients = hidden.new_empty(len(hidden) if keep else 0, len(head))
        for rows in _blocks(hidden, head):
            if keep:
                torch.mm(hidden[rows], head.T, out=logit_gradients[rows])
                softmax_nll(as_array(logit_gradients[rows]), as_array(targets[rows]), as_array(nll[rows]))
            else:
                nll[rows] = _nll(hidden[rows] @ head.T, targets[rows])
        context.save_for_backward(hidden, head, targets, logit_gradients)
        return nll

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """gradients: of the nats, (n,)."""
        hidden, head, targets, logit_gradients = context.saved_tensors
        weights = gradients[0][:, None].to(hidden.dtype)
        weighted = hidden * weights  # the weights of the rows go into the small factors of both products
        if len(logit_gradients):
            return (logit_gradients @ head).mul_(weights), logit_gradients.T @ weighted, None
        into_hidden, into_head = torch.empty_like(hidden), torch.zeros_like(head, dtype=torch.float32)
        for rows in _blocks(hidden, head):
            again = hidden[rows] @ head.T
            unused = torch.empty_like(weights[rows, 0], dtype=torch.float32)
            softmax_nll(as_array(again), as_array(targets[rows]), as_array(unused))
            torch.mm(again, head, out=into_hidden[rows])
            into_head += again.T @ weighted[rows]
        return into_hidden.mul_(weights), into_head.to(head.dtype), None


def _nll(logits: Tensor, targets: Tensor) -> Tensor:
    """-log softmax of ``targets`` (n,) in fp32."""
    return torch.logsumexp(logits.float(), 1) - logits.gather(1, targets[:, None])[:, 0].float()


def _blocks(hidden: Tensor, head: Tensor) -> Iterator[slice]:
    size = max(64, _BLOCK // len(head))
    for start in range(0, len(hidden), size):
        yield slice(start, start + size)


@jit_fastmath
def softmax_nll(logits: Any, targets: Any, nll: Any) -> None:
    """Fill in ``nll`` (rows,), -log softmax of ``logits`` (rows, n) at ``targets`` (rows,); the logits become
    its gradient. Logits may be the bits of bf16.
    """
    rows, size = logits.shape
    line = np.empty(size, np.float32)
    for row in range(rows):
        mine, target = logits[row], targets[row]
        top = max_by_bits(mine)
        whole = np.float32(0)
        for i in range(size):
            line[i] = exponential(load(mine[i]) - top)
            whole += line[i]
        nll[row] = math.log(whole) + top - load(mine[target])
        share = np.float32(1) / whole
        for i in range(size):
            mine[i] = store(share * line[i], mine[i])
        mine[target] = store(share * line[target] - np.float32(1), mine[target])

"""Linear head and cross entropy in one, in blocks that stay in a processor's cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from umt.lm.kernels.cpu_loops import as_array, exponential, load, max_by_bits, store
from umt.lm.kernels.gpu_compile import compile_dynamic_rows
from umt.runtime.jit import jit_fastmath

_KEPT = 1 << 28
"""Most logits that a forward pass keeps for its backward pass (1 GB in fp32; on a GPU 16 times as many); more
are computed twice."""

_BLOCK = 1 << 20
"""Logits worked on at once: 4 MB, which a processor's cache holds."""


def cross_entropy(hidden: Tensor, head: Tensor, targets: Tensor, compiled: bool = False) -> Tensor:
    """-log softmax at ``targets`` (n,) of ``hidden`` (n, width) by ``head`` (vocabulary, width): (n,), nats.

    No logit outlives its block unless the backward pass needs it. compiled: compile what works on a block, on
    a GPU.
    """
    return cast(Tensor, _Nll.apply(hidden, head, targets, compiled))  # type: ignore[no-untyped-call]


class _Nll(Function):
    """`cross_entropy` with gradients of ``hidden`` and ``head``."""

    @staticmethod
    def forward(context: Any, hidden: Tensor, head: Tensor, targets: Tensor, compiled: bool) -> Tensor:
        """(n,) nats; keeps the gradients of the logits where these fit, else the backward pass makes them."""
        context.compiled = compiled and hidden.is_cuda
        most = _KEPT << 4 if hidden.is_cuda else _KEPT
        keep = any(context.needs_input_grad) and len(hidden) * len(head) <= most
        nll = torch.empty(len(hidden), dtype=torch.float32, device=hidden.device)
        logit_gradients = hidden.new_empty(len(hidden) if keep else 0, len(head))
        for rows in _blocks(hidden, head):
            if keep:
                torch.mm(hidden[rows], head.T, out=logit_gradients[rows])
                _to_gradient(logit_gradients[rows], targets[rows], nll[rows], context.compiled)
            else:
                nll[rows] = _nll(hidden[rows] @ head.T, targets[rows])
        context.save_for_backward(hidden, head, targets, logit_gradients)
        return nll

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """gradients: of the nats, (n,)."""
        hidden, head, targets, logit_gradients = context.saved_tensors
        weights = gradients[0][:, None].to(hidden.dtype)
        weighted = hidden * weights  # the weights of the rows go into the small factors of both products
        if len(logit_gradients):
            return (logit_gradients @ head).mul_(weights), logit_gradients.T @ weighted, None, None
        into_hidden, into_head = torch.empty_like(hidden), torch.zeros_like(head, dtype=torch.float32)
        for rows in _blocks(hidden, head):
            again = hidden[rows] @ head.T
            unused = torch.empty_like(weights[rows, 0], dtype=torch.float32)
            _to_gradient(again, targets[rows], unused, context.compiled)
            torch.mm(again, head, out=into_hidden[rows])
            into_head += again.T @ weighted[rows]
        return into_hidden.mul_(weights), into_head.to(head.dtype), None, None


def _to_gradient(logits: Tensor, targets: Tensor, nll: Tensor, compiled: bool) -> None:
    """Fill in ``nll`` (n,) at ``targets`` (n,); ``logits`` (n, vocabulary) become its gradient."""
    if logits.device.type == "cpu" and logits.dtype in (torch.float32, torch.bfloat16):
        softmax_nll(as_array(logits), as_array(targets), as_array(nll))
        return
    nll_pass, gradient_pass = _two_passes(compiled)
    values, total = nll_pass(logits, targets)
    nll.copy_(values)
    gradient_pass(logits, targets, total)


@cache
def _two_passes(compiled: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Over logits: their nll and log of sums, and then to their gradient, in place.

    Two functions, for torch 2.11 compiles one that reads what it has overwritten.
    """

    def nll_pass(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        total = torch.logsumexp(logits.float(), 1, keepdim=True)
        return (total - logits.gather(1, targets[:, None]).float())[:, 0], total

    def gradient_pass(logits: Tensor, targets: Tensor, total: Tensor) -> None:
        right = torch.arange(logits.shape[1], device=logits.device) == targets[:, None]
        logits.copy_((logits.float() - total).exp() - right.float())

    if not compiled:
        return nll_pass, gradient_pass
    return compile_dynamic_rows(nll_pass, 2), compile_dynamic_rows(gradient_pass, 3)


def _nll(logits: Tensor, targets: Tensor) -> Tensor:
    """-log softmax of ``targets`` (n,) in fp32."""
    return torch.logsumexp(logits.float(), 1) - logits.gather(1, targets[:, None])[:, 0].float()


def _blocks(hidden: Tensor, head: Tensor) -> Iterator[slice]:
    size = max(64, _BLOCK // len(head)) if hidden.device.type == "cpu" else max(1024, (1 << 27) // len(head))
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

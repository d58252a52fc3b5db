"""Matrices that multiply one normed input, as one matrix with the gains of that norm in it.

Done anew at every training step, in torch these are two dozen passes over all weights, forward and backward;
here it is one each way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from umt.lm.kernels.cpu_loops import as_array, load, store
from umt.runtime.jit import jit_fastmath


class FusedPart(NamedTuple):
    """One of the matrices: rows ``order`` (out,) of ``matrix`` (out, in), each once, times ``scale``."""

    matrix: Tensor
    order: Tensor
    scale: float = 1.0


def fuse(
    parts: Sequence[FusedPart], gains: Tensor, dtype: torch.dtype, values: Tensor | None = None
) -> Tensor:
    """(all rows, in) of ``dtype``: the rows of ``parts`` below each other, times ``gains`` (in,).

    values: the same matrix where an earlier call has computed it; gradients flow all the same.
    """
    matrices = [part.matrix for part in parts]
    exact = all(each.dtype == torch.float32 and each.device.type == "cpu" for each in (*matrices, gains))
    if exact and dtype in (torch.float32, torch.bfloat16):
        how = [(part.order, part.scale) for part in parts]
        return cast(Tensor, _Fuse.apply(gains, dtype, values, how, *matrices))  # type: ignore[no-untyped-call]
    return (torch.cat([matrix[order] * scale for matrix, order, scale in parts]) * gains).to(dtype)


def converted(weight: Tensor, dtype: torch.dtype, values: Tensor | None = None) -> Tensor:
    """``weight`` in ``dtype``; values: the same where an earlier call has converted it."""
    if values is None or weight.dtype == dtype:
        return weight.to(dtype)
    return cast(Tensor, _Convert.apply(weight, values))  # type: ignore[no-untyped-call]


class _Convert(Function):
    """A conversion whose outcome is known."""

    @staticmethod
    def forward(context: Any, weight: Tensor, values: Tensor) -> Tensor:
        context.dtype = weight.dtype
        return values.detach()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0].to(context.dtype), None


class _Fuse(Function):
    """`fuse` with gradients of the gains and of every matrix."""

    @staticmethod
    def forward(
        context: Any,
        gains: Tensor,
        dtype: torch.dtype,
        values: Tensor | None,
        how: list[tuple[Tensor, float]],
        *matrices: Tensor,
    ) -> Tensor:
        context.save_for_backward(gains, *matrices)
        context.how = how
        if values is not None:
            return values.detach()
        rows = [len(order) for order, _ in how]
        fused = gains.new_empty(sum(rows), len(gains), dtype=dtype)
        for matrix, (order, scale), out in zip(matrices, how, torch.split(fused, rows), strict=True):
            _fuse(as_array(matrix), as_array(order), scale, as_array(gains), as_array(out))
        return fused

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        gains, *matrices = context.saved_tensors
        into_gains, into = torch.zeros_like(gains), [torch.empty_like(matrix) for matrix in matrices]
        into_rows = torch.split(gradients[0].contiguous(), [len(order) for order, _ in context.how])
        for matrix, (order, scale), rows, out in zip(matrices, context.how, into_rows, into, strict=True):
            _fuse_backward(
                as_array(rows), as_array(matrix), as_array(order), scale,
                as_array(gains), as_array(out), as_array(into_gains),
            )  # fmt: skip
        return into_gains, None, None, None, *into


@jit_fastmath
def _fuse(matrix: Any, order: Any, scale: Any, gains: Any, fused: Any) -> None:
    """``fused`` (rows, in) is rows ``order`` (rows,) of ``matrix`` (out, in), times ``scale`` and ``gains``
    (in,).
    """
    for row in range(len(order)):
        mine, out = matrix[order[row]], fused[row]
        for i in range(len(gains)):
            out[i] = store(mine[i] * np.float32(scale) * gains[i], out[i])


@jit_fastmath
def _fuse_backward(
    into_fused: Any, matrix: Any, order: Any, scale: Any, gains: Any, into_matrix: Any, into_gains: Any
) -> None:
    """The gradient ``into_matrix`` and, added to ``into_gains``, that of the gains; shapes as in `_fuse`."""
    for row in range(len(order)):
        mine, more, out = matrix[order[row]], into_fused[row], into_matrix[order[row]]
        for i in range(len(gains)):
            scaled = load(more[i]) * np.float32(scale)
            out[i] = scaled * gains[i]
            into_gains[i] += scaled * mine[i]

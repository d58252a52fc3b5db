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

from umt.compiled import vectorised
from umt.kernels.cpu_loops import bits, load, store


class Fold(NamedTuple):
    """One of them: rows ``order`` of ``matrix`` (out, in), each once, times ``scale``."""

    matrix: Tensor
    order: Tensor
    scale: float = 1.0


def folded(folds: Sequence[Fold], gains: Tensor, products: torch.dtype) -> Tensor:
    """The rows of ``folds`` below each other, times ``gains`` (in,), in the precision of ``products``."""
    matrices = [each.matrix for each in folds]
    exact = all(each.dtype == torch.float32 and each.device.type == "cpu" for each in (*matrices, gains))
    if exact and products in (torch.float32, torch.bfloat16):
        how = [(each.order, each.scale) for each in folds]
        return cast(Tensor, _Folded.apply(gains, products, how, *matrices))  # type: ignore[no-untyped-call]
    return (torch.cat([matrix[order] * scale for matrix, order, scale in folds]) * gains).to(products)


class _Folded(Function):
    @staticmethod
    def forward(
        context: Any,
        gains: Tensor,
        products: torch.dtype,
        how: list[tuple[Tensor, float]],
        *matrices: Tensor,
    ) -> Tensor:
        rows = [len(order) for order, _ in how]
        joint = gains.new_empty(sum(rows), len(gains), dtype=products)
        for matrix, (order, scale), out in zip(matrices, how, torch.split(joint, rows), strict=True):
            _fold(bits(matrix), bits(order), scale, bits(gains), bits(out))
        context.save_for_backward(gains, *matrices)
        context.how = how
        return joint

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        gains, *matrices = context.saved_tensors
        into_gains, into = torch.zeros_like(gains), [torch.empty_like(matrix) for matrix in matrices]
        given = torch.split(gradients[0].contiguous(), [len(order) for order, _ in context.how])
        for matrix, (order, scale), rows, found in zip(matrices, context.how, given, into, strict=True):
            _unfold(bits(rows), bits(matrix), bits(order), scale, bits(gains), bits(found), bits(into_gains))
        return into_gains, None, None, *into


@vectorised
def _fold(matrix: Any, order: Any, scale: Any, gains: Any, folded: Any) -> None:
    """``folded`` (rows, width) is rows ``order`` of ``matrix``, times ``scale``, times ``gains`` (width,)."""
    for row in range(len(order)):
        mine, out = matrix[order[row]], folded[row]
        for i in range(len(gains)):
            out[i] = store(mine[i] * np.float32(scale) * gains[i], out[i])


@vectorised
def _unfold(given: Any, matrix: Any, order: Any, scale: Any, gains: Any, into: Any, total: Any) -> None:
    """The gradient ``into`` of ``matrix`` and, added to ``total``, that of the gains, of ``given``."""
    for row in range(len(order)):
        mine, more, out = matrix[order[row]], given[row], into[order[row]]
        for i in range(len(gains)):
            wrong = load(more[i]) * np.float32(scale)
            out[i] = wrong * gains[i]
            total[i] += wrong * mine[i]

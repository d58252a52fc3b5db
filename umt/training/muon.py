"""Muon: momentum orthogonalised by Newton-Schulz iterations (Jordan et al., 2024)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import chain
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

from umt.lm.mixed_precision import native_bf16
from umt.runtime.threads import map_in_threads


class Muon(Optimizer):
    """Momentum whose singular values are all made about one (Jordan et al., 2024).

    An update of a (rows, columns) matrix has root mean square 0.2 at any shape, as AdamW's has (Moonlight,
    2025), so that one rate serves both.
    """

    def __init__(self, matrices: Iterable[Tensor], peak: float, weight_decay: float) -> None:
        super().__init__(matrices, {"lr": peak, "peak": peak, "weight_decay": weight_decay, "momentum": 0.95})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update."""
        for group in self.param_groups:
            alike: dict[tuple[int, int], list[Tensor]] = {}
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                if not self.state[weight]:
                    self.state[weight]["momentum"] = torch.zeros_like(weight)
                alike.setdefault((min(weight.shape), max(weight.shape)), []).append(weight)
            for shape, weights in alike.items():
                rate = -0.2 * group["lr"] * math.sqrt(shape[1])
                gradients = [cast(Tensor, weight.grad) for weight in weights]
                momenta = [self.state[weight]["momentum"] for weight in weights]
                torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
                updates = torch._foreach_lerp(gradients, momenta, group["momentum"])
                turned = [weight.shape != shape for weight in weights]
                lying = [update.T if turn else update for update, turn in zip(updates, turned, strict=True)]
                steps = [
                    step.T if turn else step for step, turn in zip(_orthogonal(lying), turned, strict=True)
                ]
                torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(weights, steps, alpha=rate)


def _orthogonal(matrices: list[Tensor]) -> Iterable[Tensor]:
    """`orthogonalised`, dealt out to the threads on a processor: matrices so small are work for one each."""
    threads = min(torch.get_num_threads(), len(matrices))
    if matrices[0].is_cuda or threads < 2:
        return newton_schulz(torch.stack(matrices))
    size = -(-len(matrices) // threads)
    parts = [torch.stack(matrices[start : start + size]) for start in range(0, len(matrices), size)]
    return chain.from_iterable(map_in_threads(newton_schulz, parts))


def newton_schulz(matrices: Tensor, rounds: int = 5) -> Tensor:
    """The nearest orthogonal matrix of each, roughly: singular values between 0.7 and 1.2.

    matrices: (n, rows, columns), no more rows than columns. Newton-Schulz with the quintic of Jordan et al.
    (2024), in bf16 as they do where that is fast; all at once, for one is too small to keep a device busy.
    """
    x = matrices.bfloat16() if matrices.is_cuda or native_bf16() else matrices
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for _ in range(rounds):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
    return x.to(matrices.dtype)

"""Optimiser and learning-rate schedule: AdamW or Muon, warm-up and decay, clipping."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from torch.optim import AdamW, Optimizer

from umt.lm.joint_lm import JointLM
from umt.runtime.validate import require
from umt.training.muon import Muon


@dataclass(frozen=True)
class OptimiserConfig:
    """Hyper-parameters of the optimiser of one training run.

    steps: updates. learning_rate: the highest; of Muon for the matrices where ``method`` is ``muon`` (its
        updates have a fixed size), else of AdamW. warmup, decay: shares of the steps in which the rate rises
        from and falls to zero, in straight lines. clip: largest norm of the gradient; 0: any.
    accumulation: batches an update. weight_decay: per step, times the rate, of matrices. betas: of AdamW.
    method: ``adamw``, or ``muon`` for the matrices between embeddings and head, with AdamW at
        ``adamw_learning_rate`` for the others. freeze_embeddings: share of the steps in which the embeddings
        keep their values.
    """

    steps: int
    learning_rate: float = 3e-3
    warmup: float = 0.05
    decay: float = 0.8
    clip: float = 1.0
    accumulation: int = 1
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.98)
    method: Literal["adamw", "muon"] = "adamw"
    adamw_learning_rate: float = 3e-3
    freeze_embeddings: float = 0.0

    def __post_init__(self) -> None:
        require(
            self,
            positive="steps accumulation learning_rate adamw_learning_rate",
            at_least_zero="clip weight_decay",
            share="warmup decay freeze_embeddings",
        )

    def lr_factor(self, step: int) -> float:
        """The learning rate of an update as a share of its peak."""
        rising = (step + 1) / (self.warmup * self.steps) if self.warmup else 1.0
        falling = (self.steps - step) / (self.decay * self.steps) if self.decay else 1.0
        return min(1.0, rising, falling)

    def optimisers(self, model: JointLM) -> list[Optimizer]:
        """The optimisers of ``model``; every weight belongs to one of them."""
        named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
        outer = {id(model.embeddings), id(model.head)}
        matrices = [weight for _, weight in named if weight.ndim == 2 and id(weight) not in outer]
        others = [weight for _, weight in named if weight.ndim != 2 or id(weight) in outer]
        rest = self.learning_rate if self.method == "adamw" else self.adamw_learning_rate
        groups = [{"params": others, "weight_decay": 0.0, "lr": rest, "peak": rest}]
        made: list[Optimizer] = []
        if self.method == "adamw":
            groups.append(
                {
                    "params": matrices,
                    "weight_decay": self.weight_decay,
                    "lr": self.learning_rate,
                    "peak": self.learning_rate,
                }
            )
        else:
            made.append(Muon(matrices, self.learning_rate, self.weight_decay))
        return [*made, AdamW(groups, betas=self.betas, fused=True)]

    def schedule(self, optimisers: Iterable[Optimizer], step: int) -> float:
        """Set the learning rates of update ``step``; returns `lr_factor`."""
        level = self.lr_factor(step)
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * level
        return level

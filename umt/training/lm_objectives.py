"""What one step of training minimises: `Causal` and `Masked` language modelling on packed rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator

from umt.lm.joint_lm import JointLM
from umt.lm.thread_parallel import total_nats
from umt.runtime.validate import require
from umt.training.objective import Loss
from umt.training.packing import Packed


@dataclass
class Causal(Packed):
    """Predict the next subword."""

    weight: float = 1.0

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """Every position of every row."""
        rows = self.mine(self.draw())
        bytes_ = int(self.byte_lengths[rows[:, 1:]].sum())
        seen, wanted = rows[:, :-1], rows[:, 1:]
        nats = total_nats(model, seen, wanted, torch.ones_like(wanted, dtype=torch.bool), dtype=dtype)
        return Loss(nats, wanted.numel(), bytes_, self.weight)


@dataclass
class Masked(Packed):
    """Predict hidden subwords from both sides: BERT's 80% masked, 10% random, 10% kept; no code length."""

    weight: float = 1.0
    rate: float = 0.15

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, within={"rate": "(0, 1)"})
        self.special = torch.tensor(sorted(self.tokenizer.special))

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """The chosen positions, drawn alike by every process; tags and sentence ends are never chosen."""
        rows = self.draw()[:, :-1]
        chance = torch.rand(rows.shape, generator=generator)
        chosen = (chance < self.rate) & ~torch.isin(rows, self.special)
        if not chosen.any():
            return None
        seen = rows.clone()
        seen[chosen & (chance < 0.8 * self.rate)] = self.tokenizer.mask
        swapped = chosen & (chance >= 0.9 * self.rate)
        others = torch.randint(
            len(self.special), len(self.tokenizer), (int(swapped.sum()),), generator=generator
        )
        seen[swapped] = others
        rows, chosen, seen = self.mine(rows), self.mine(chosen), self.mine(seen)
        bytes_ = int(self.byte_lengths[rows[chosen]].sum())
        nats = total_nats(model, seen, rows, chosen, bidirectional=True, dtype=dtype)
        return Loss(nats, int(chosen.sum()), bytes_, self.weight)

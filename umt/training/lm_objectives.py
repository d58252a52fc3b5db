"""What one step of training minimises: `CausalLM` and `MaskedLM` language modelling on packed rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator

from umt.lm.joint_lm import JointLM
from umt.lm.thread_parallel import sum_nll
from umt.runtime.validate import require
from umt.training.objective import Loss
from umt.training.packing import PackedMixture


@dataclass
class CausalLM(PackedMixture):
    """Predict the next subword."""

    weight: float = 1.0

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """Every position of every row."""
        rows = self.local_rows(self.draw())
        bytes_ = int(self.byte_lengths[rows[:, 1:]].sum())
        seen, wanted = rows[:, :-1], rows[:, 1:]
        nats = sum_nll(model, seen, wanted, torch.ones_like(wanted, dtype=torch.bool), dtype=dtype)
        return Loss(nats, wanted.numel(), bytes_, self.weight)


@dataclass
class MaskedLM(PackedMixture):
    """Predict hidden subwords from both sides: BERT's 80% masked, 10% random, 10% kept; no code length."""

    weight: float = 1.0
    mask_rate: float = 0.15

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, within={"mask_rate": "(0, 1)"})
        self.special = torch.tensor(sorted(self.tokenizer.special_ids))

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """The chosen positions, drawn alike by every process; tags and sentence ends are never chosen."""
        rows = self.draw()[:, :-1]
        chance = torch.rand(rows.shape, generator=generator)
        chosen = (chance < self.mask_rate) & ~torch.isin(rows, self.special)
        if not chosen.any():
            return None
        seen = rows.clone()
        seen[chosen & (chance < 0.8 * self.mask_rate)] = self.tokenizer.mask
        swapped = chosen & (chance >= 0.9 * self.mask_rate)
        others = torch.randint(
            len(self.special), len(self.tokenizer), (int(swapped.sum()),), generator=generator
        )
        seen[swapped] = others
        rows, chosen, seen = self.local_rows(rows), self.local_rows(chosen), self.local_rows(seen)
        bytes_ = int(self.byte_lengths[rows[chosen]].sum())
        nats = sum_nll(model, seen, rows, chosen, bidirectional=True, dtype=dtype)
        return Loss(nats, int(chosen.sum()), bytes_, self.weight)

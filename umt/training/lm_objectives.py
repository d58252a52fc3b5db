"""Language-modelling objectives on packed rows: `CausalLM` and `MaskedLM`."""

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
        inputs, targets = rows[:, :-1], rows[:, 1:]
        nats = sum_nll(model, inputs, targets, torch.ones_like(targets, dtype=torch.bool), dtype=dtype)
        return Loss(nats, targets.numel(), bytes_, self.weight)


@dataclass
class MaskedLM(PackedMixture):
    """Masked language modelling, 80% masked, 10% random, 10% unchanged (Devlin et al. 2019)."""

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
        inputs = rows.clone()
        inputs[chosen & (chance < 0.8 * self.mask_rate)] = self.tokenizer.mask
        swapped = chosen & (chance >= 0.9 * self.mask_rate)
        others = torch.randint(
            len(self.special), len(self.tokenizer), (int(swapped.sum()),), generator=generator
        )
        inputs[swapped] = others
        rows, chosen, inputs = self.local_rows(rows), self.local_rows(chosen), self.local_rows(inputs)
        bytes_ = int(self.byte_lengths[rows[chosen]].sum())
        nats = sum_nll(model, inputs, rows, chosen, bidirectional=True, dtype=dtype)
        return Loss(nats, int(chosen.sum()), bytes_, self.weight)

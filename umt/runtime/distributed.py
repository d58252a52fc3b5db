"""The processes that train one model together, started by ``torchrun`` or ``accelerate launch``, or just
one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as processes
from torch import Tensor


@dataclass(frozen=True)
class ProcessGroup:
    """This process is number ``rank`` of ``size``; all draw the same batch, and each works on its rows."""

    rank: int = 0
    size: int = 1

    def sum(self, number: float) -> float:
        """The sum of ``number`` over the group."""
        if self.size == 1:
            return number
        total = torch.tensor([number], dtype=torch.float64, device=_device())
        processes.all_reduce(total)
        return float(total)

    def broadcast_bool(self, yes: bool) -> bool:
        """``yes`` of the first process, in all of them: decisions by the clock must agree, or a collective
        operation hangs."""
        return yes if self.size == 1 else self.sum(float(yes and self.rank == 0)) > 0

    def all_reduce_(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its sum over the group, in as few messages as possible."""
        if self.size == 1:
            return
        held = list(tensors)
        if not held:
            return
        flat = torch.cat([each.flatten() for each in held])
        processes.all_reduce(flat)
        for tensor, summed in zip(held, torch.split(flat, [each.numel() for each in held]), strict=True):
            tensor.copy_(summed.view_as(tensor))

    def barrier(self) -> None:
        """Wait until every process has come to this point."""
        if self.size > 1:
            processes.barrier()


SINGLE = ProcessGroup()


def init_process_group() -> ProcessGroup:
    """The group that the launcher's environment describes."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return SINGLE
    if not processes.is_initialized():
        processes.init_process_group(
            "nccl" if torch.cuda.is_available() else "gloo", timeout=timedelta(days=1)
        )
    return ProcessGroup(processes.get_rank(), size)


def _device() -> str:
    return "cuda" if processes.get_backend() == "nccl" else "cpu"

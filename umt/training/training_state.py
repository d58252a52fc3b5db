"""Tensors of a model and its optimisers for a checkpoint, whole even where they are sharded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from umt.lm.joint_lm import JointLM
from umt.training.fsdp import distribute_like, full_tensor


def state_tensors(
    model: JointLM, optimisers: Sequence[Optimizer], average: AveragedModel | None = None
) -> dict[str, Tensor]:
    """Name -> tensor; all processes must call it at once."""
    tensors = {f"model.{name}": full_tensor(weight.data) for name, weight in model.named_parameters()}
    for number, optimiser in enumerate(optimisers):
        for place, weight in enumerate(_parameters(optimiser)):
            for key, value in optimiser.state.get(weight, {}).items():
                tensors[f"optimiser.{number}.{place}.{key}"] = full_tensor(value)
    return tensors | {name: tensor.detach() for name, tensor in _of_average(average)}


@torch.no_grad()
def restore(
    model: JointLM,
    optimisers: Sequence[Optimizer],
    tensors: Mapping[str, Tensor],
    average: AveragedModel | None = None,
) -> None:
    """Put back the tensors of `state_tensors`."""
    for name, parameter in model.named_parameters():
        parameter.copy_(distribute_like(tensors[f"model.{name}"], parameter))
    for number, optimiser in enumerate(optimisers):
        for place, weight in enumerate(_parameters(optimiser)):
            prefix = f"optimiser.{number}.{place}."
            for name, tensor in tensors.items():
                if name.startswith(prefix):
                    key = name.removeprefix(prefix)
                    stays = key == "step" and not weight.is_cuda
                    optimiser.state[weight][key] = tensor if stays else distribute_like(tensor, weight)
    for name, tensor in _of_average(average):
        tensor.copy_(tensors[name])


def _of_average(average: AveragedModel | None) -> Iterator[tuple[str, Tensor]]:
    """Averaged weights and how many updates they are of, by name; weights that are tied once."""
    if average is not None:
        yield "average.count", average.n_averaged
        yield from ((f"average.{name}", weight) for name, weight in average.module.named_parameters())


def _parameters(optimiser: Optimizer) -> list[Tensor]:
    return [weight for group in optimiser.param_groups for weight in group["params"]]

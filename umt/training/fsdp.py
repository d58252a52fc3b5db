"""Weights, gradients and optimiser state divided among a team, for a model that does not fit on each device
(FSDP: Zhao et al. 2023; here PyTorch's ``fully_shard``)."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from umt.lm.joint_lm import JointLM
from umt.runtime.distributed import ProcessGroup
from umt.types import BadInput

ALONE = (
    "lm.sharded=true divides a model among processes: start them with torchrun --nproc-per-node N train.py"
)


def shard(model: JointLM, team: ProcessGroup) -> None:
    """Keep a part of every matrix of ``model`` with each process; a layer is whole only while it works.

    Gradients come as their sum over the team. Raises BadInput when there is no team, or when the network's
    layers cannot be found.
    """
    if team.size < 2:
        raise BadInput(ALONE)
    inner: Any = model.network.base_model
    if not hasattr(inner, "layers"):
        raise BadInput(f"lm.sharded=true knows no layers in a {type(model.network).__name__}")
    mesh = init_device_mesh(model.device.type, (team.size,))
    for part in (*inner.layers, model):
        told = cast(FSDPModule, fully_shard(part, mesh=mesh))
        told.set_gradient_divide_factor(1.0)
        told.set_force_sum_reduction_for_comms(True)  # a plain sum is all that gloo knows


def gather_full(model: JointLM, team: ProcessGroup) -> JointLM:
    """What `divide` divided, in one piece, with the first process; the others get a model without sense."""
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    state = get_model_state_dict(model, options=options)
    network: Any = model.network
    whole = JointLM(type(network)(network.config), kernels=model.kernels, gpu_kernels=model.gpu_kernels)
    if team.rank == 0:
        whole.load_state_dict(state)
    return whole


def full_tensor(tensor: Tensor) -> Tensor:
    """All of a tensor of which each process has a part, or what is whole already; any shape, asked by all."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def distribute_like(tensor: Tensor, weight: Tensor) -> Tensor:
    """``tensor``, which all processes have, where and as ``weight`` is."""
    tensor = tensor.to(weight.device)
    if isinstance(weight, DTensor) and tensor.shape == weight.shape:
        return distribute_tensor(tensor, weight.device_mesh, weight.placements)
    return tensor


def is_sharded(tensor: Tensor) -> bool:
    """Whether other processes have the rest of ``tensor``."""
    return isinstance(tensor, DTensor)

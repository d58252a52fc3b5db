"""Weights, gradients and optimiser state sharded over processes, for a model too large for one device.

FSDP (Zhao et al. 2023), here PyTorch's ``fully_shard``.
"""

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

NEEDS_PROCESSES = (
    "runtime.sharded=true shards a model over processes: run torchrun --nproc-per-node N train.py"
)


def shard(model: JointLM, team: ProcessGroup) -> None:
    """Shard every matrix of ``model`` over the processes; a layer is gathered only while it is computed.

    Gradients are summed over the processes. Raises BadInput when there is only one, or when the network's
    layers cannot be found.
    """
    if team.size < 2:
        raise BadInput(NEEDS_PROCESSES)
    inner: Any = model.network.base_model
    if not hasattr(inner, "layers"):
        raise BadInput(
            f"runtime.sharded=true finds no layers in a {type(model.network).__name__}: leave it out"
        )
    mesh = init_device_mesh(model.device.type, (team.size,))
    for part in (*inner.layers, model):
        module = cast(FSDPModule, fully_shard(part, mesh=mesh))
        module.set_gradient_divide_factor(1.0)
        module.set_force_sum_reduction_for_comms(True)  # a plain sum is all that gloo knows


def gather_full(model: JointLM, team: ProcessGroup) -> JointLM:
    """The sharded ``model`` in one piece in the first process; the others get random weights."""
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    state = get_model_state_dict(model, options=options)
    network: Any = model.network
    whole = JointLM(type(network)(network.config), kernels=model.kernels)
    if team.rank == 0:
        whole.load_state_dict(state)
    return whole


def full_tensor(tensor: Tensor) -> Tensor:
    """The whole of a sharded tensor, any other tensor as it is; all processes must call it at once."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def distribute_like(tensor: Tensor, weight: Tensor) -> Tensor:
    """``tensor``, which all processes have, where and as ``weight`` is."""
    tensor = tensor.to(weight.device)
    if isinstance(weight, DTensor) and tensor.shape == weight.shape:
        return distribute_tensor(tensor, weight.device_mesh, weight.placements)
    return tensor


def is_sharded(tensor: Tensor) -> bool:
    """Whether ``tensor`` is sharded over processes."""
    return isinstance(tensor, DTensor)

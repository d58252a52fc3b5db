"""Hand-written code for the networks that ``transformers`` computes; the one door to it.

Nobody outside imports a submodule. Here are training on a processor (`forward`, `encode`), the loss
(`cross_entropy`) and decoding (`DecodingWeights`, `KVCache`). Whether a network is of a kind that they know
is asked once, when a model is built (`supported`, `standard`); what can change afterwards, its device,
precision or division among processes, at every call.
"""

from __future__ import annotations

import torch
from torch import Tensor

from umt.lm.kernels import cpu_forward
from umt.lm.kernels.cpu_forward import EncoderMemory, is_plain_fp32
from umt.lm.kernels.cpu_forward import is_standard as standard
from umt.lm.kernels.cross_entropy import cross_entropy
from umt.lm.kernels.decoding_weights import DecodingWeights
from umt.lm.kernels.kv_cache import BLOCK, KVCache
from umt.lm.kernels.layer_weights import Network, supported

__all__ = [
    "BLOCK",
    "DecodingWeights",
    "EncoderMemory",
    "KVCache",
    "Network",
    "cross_entropy",
    "encode",
    "forward",
    "on_cpu",
    "standard",
    "supported",
]


def on_cpu(network: Network, ids: Tensor) -> bool:
    """Whether `forward` computes ``network``, a `standard` one, on ``ids`` (batch, length) on a processor."""
    return ids.device.type == "cpu" and ids.shape[1] <= cpu_forward.MAX_LENGTH and is_plain_fp32(network)


def forward(
    network: Network,
    ids: Tensor,
    *,
    bidirectional: bool = False,
    dtype: torch.dtype = torch.float32,
    memory: EncoderMemory | None = None,
) -> Tensor | None:
    """(batch, length, width), fp32: last hidden states of ``ids`` (batch, length), none of them padding.

    network: a `standard` one. dtype: of products by weights. memory: what stands before each row, from
    `encode`. None: not a case of these kernels; ``transformers`` computes it.
    """
    if on_cpu(network, ids):
        return cpu_forward.hidden_states(network, ids, bidirectional, dtype, memory)
    return None


def encode(
    encoder: Network, decoder: Network, ids: Tensor, lengths: Tensor, *, dtype: torch.dtype = torch.float32
) -> EncoderMemory | None:
    """What ``decoder`` attends to when ``encoder`` reads, from both sides, the first ``lengths`` (batch,) of
    ``ids`` (batch, longest).

    dtype, and None: as in `forward`.
    """
    if on_cpu(encoder, ids):
        return cpu_forward.encode(encoder, decoder, ids, lengths, dtype)
    return None

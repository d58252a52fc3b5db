"""Hidden states of a Llama, a Qwen 3 or a Gemma 3 on a GPU, with few kernels.

Around attention, which torch has kernels for, a layer is two compiled functions of the rows of all sentences
end to end: norms, casts, rotations and gates melt into each other.  They are compiled once for all layers and
lengths, on the first training step.  The numbers are those of ``transformers`` up to rounding (tested).
An option (``gpu_kernels`` of `umt.lm.joint_lm.JointLM`): its speed has not been measured against plain
``transformers``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm

from umt.lm.kernels.cpu_forward import EncoderMemory
from umt.lm.kernels.gpu_compile import compile_dynamic_rows
from umt.lm.kernels.layer_weights import Network, activation, rms_gain, rope

_ALIGNED = 8
"""Rows of a mask begin at multiples of so many numbers, or attention copies it in every layer."""


class _LayerSpec(NamedTuple):
    """What the layers of a network have in common.

    heads; dim: of a head; gate: its activation; offset: what a norm adds to its weight; dtype: of products;
    scale: of attention.
    """

    heads: int
    dim: int
    epsilon: float
    gate: str
    offset: float
    dtype: torch.dtype
    scale: float

    @classmethod
    def of(cls, network: Network, dtype: torch.dtype) -> _LayerSpec:
        """That of ``network``."""
        config: Any = network.config
        return cls(
            config.num_attention_heads,
            config.head_dim,
            config.rms_norm_eps,
            activation(network),
            1.0 if isinstance(network.norm, Gemma3RMSNorm) else 0.0,
            dtype,
            cast(Any, network.layers[0]).self_attn.scaling,
        )


class _Layer(NamedTuple):
    """The weights of one layer, in the order in which they are used."""

    before: Tensor
    query: Tensor
    key: Tensor
    value: Tensor
    query_norm: Tensor | None
    key_norm: Tensor | None
    output: Tensor
    after_attention: Tensor | None
    between: Tensor
    gate: Tensor
    up: Tensor
    down: Tensor
    after_mlp: Tensor | None


def hidden_states(
    network: Network,
    ids: Tensor,
    bidirectional: bool = False,
    dtype: torch.dtype = torch.float32,
    memory: EncoderMemory | None = None,
) -> Tensor:
    """(batch, length, width), see `umt.lm.kernels.cpu_forward.hidden_states`."""
    length, device = ids.shape[1], ids.device
    mask = None
    before = torch.zeros(1, 1, dtype=torch.long, device=device)
    if memory is not None:
        before = memory.places[:, None]
        ahead = torch.ones(length, length, dtype=torch.bool, device=device).triu_(1)
        hidden = torch.cat(
            [~memory.visible[:, None].expand(-1, length, -1), ahead.expand(len(ids), -1, -1)], -1
        )
        mask = _mask(hidden[:, None], dtype)
    x = _through(network, ids, before, mask, not bidirectional, dtype, memory)
    return F.rms_norm(x, x.shape[-1:], rms_gain(network.norm), network.config.rms_norm_eps).view(
        *ids.shape, -1
    )


def encode(
    network: Network, ids: Tensor, lengths: Tensor, dtype: torch.dtype = torch.float32
) -> EncoderMemory:
    """See `umt.lm.kernels.cpu_forward.encode`; here a layer's cache is (2, batch, heads, longest, dim)."""
    visible = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
    mask = _mask(~visible[:, None, None], dtype).expand(-1, 1, ids.shape[1], -1)
    before = torch.zeros(1, 1, dtype=torch.long, device=ids.device)
    filled: list[Tensor] = []
    _through(network, ids, before, mask, False, dtype, None, filled)
    return EncoderMemory(filled, visible, visible.sum(1))


def _through(
    network: Network,
    ids: Tensor,
    before: Tensor,
    mask: Tensor | None,
    causal: bool,
    dtype: torch.dtype,
    memory: EncoderMemory | None,
    filled: list[Tensor] | None = None,
) -> Tensor:
    """(batch * length, width): the states of ``ids`` (batch, length) after the last layer.

    before: (batch or 1, 1), places that stand before each row. mask: (batch or 1, 1, length or 1, all keys),
    added to scores; None: nothing is hidden, but the future where ``causal``. memory: what stands before.
    filled: gets the keys and values of each layer, where it is given; the states are then of no use.
    """
    batch, length = ids.shape
    places = before + torch.arange(length, device=ids.device)
    cosine, sine = (
        part[:, None] for part in rope(network, places.expand(batch, -1).flatten(), network.norm.weight)
    )
    spec = _LayerSpec.of(network, dtype)
    qkv, output_and_mlp = _halves(spec, ids.is_cuda and torch.is_grad_enabled())
    x: Tensor = network.embed_tokens(ids.flatten()).float()
    with torch.autocast(ids.device.type, enabled=False):
        for number, layer in enumerate(network.layers):
            weights = _weights_of(layer)
            queries, keys, values = (
                part.view(batch, length, spec.heads, spec.dim).transpose(1, 2)
                for part in qkv(x, cosine, sine, *weights[:6])
            )
            if filled is not None:
                filled.append(torch.stack([keys, values]))
                if len(filled) == len(network.layers):
                    break
            if memory is not None:
                past, passed = memory.cache[number]
                keys, values = torch.cat([past, keys], 2), torch.cat([passed, values], 2)
            attended = F.scaled_dot_product_attention(
                queries, keys, values, mask, is_causal=causal and mask is None, scale=spec.scale
            )
            x = output_and_mlp(x, attended.transpose(1, 2).reshape(batch * length, -1), *weights[6:])
    return x


@cache
def _halves(spec: _LayerSpec, compiled: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """What a layer does before attention and after it: two functions of x (rows, width) and of weights.

    The first gives queries, keys and values, (rows, heads, dim) each; the second takes what attention made of
    them, (rows, width), and gives x after the layer.
    """
    dtype = spec.dtype

    def norm(x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], weight + spec.offset, spec.epsilon)

    def rotated(x: Tensor, weight: Tensor | None, cosine: Tensor, sine: Tensor) -> Tensor:
        x = x.float() if weight is None else norm(x.float(), weight)
        one, other = x.chunk(2, -1)
        return torch.cat([one * cosine - other * sine, other * cosine + one * sine], -1).to(dtype)

    def qkv(
        x: Tensor,
        cosine: Tensor,
        sine: Tensor,
        before: Tensor,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        query_norm: Tensor | None,
        key_norm: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        made = F.linear(norm(x, before).to(dtype), torch.cat([query, key, value]).to(dtype))
        queries, keys, values = made.view(-1, 3, spec.heads, spec.dim).unbind(1)
        return rotated(queries, query_norm, cosine, sine), rotated(keys, key_norm, cosine, sine), values

    def output_and_mlp(
        x: Tensor,
        attended: Tensor,
        output: Tensor,
        after_attention: Tensor | None,
        between: Tensor,
        gate: Tensor,
        up: Tensor,
        down: Tensor,
        after_mlp: Tensor | None,
    ) -> Tensor:
        """(rows, width) ``x`` after attention and the feed-forward part. attended: (rows, width)."""
        added = F.linear(attended, output.to(dtype)).float()
        x = x + (added if after_attention is None else norm(added, after_attention))
        made = F.linear(norm(x, between).to(dtype), torch.cat([gate, up]).to(dtype))
        gates, ups = made.chunk(2, -1)
        gates = F.silu(gates) if spec.gate == "silu" else F.gelu(gates, approximate="tanh")
        added = F.linear(gates * ups, down.to(dtype)).float()
        return x + (added if after_mlp is None else norm(added, after_mlp))

    if not compiled:
        return qkv, output_and_mlp
    return compile_dynamic_rows(qkv, 3), compile_dynamic_rows(output_and_mlp, 2)


def _weights_of(layer: nn.Module) -> _Layer:
    """The weights of ``layer``, none of them copied."""
    attention, mlp = cast(Any, layer).self_attn, cast(Any, layer).mlp
    sandwiched = hasattr(layer, "pre_feedforward_layernorm")
    after = cast(Any, layer).post_attention_layernorm.weight
    return _Layer(
        cast(Any, layer).input_layernorm.weight,
        attention.q_proj.weight,
        attention.k_proj.weight,
        attention.v_proj.weight,
        attention.q_norm.weight if hasattr(attention, "q_norm") else None,
        attention.k_norm.weight if hasattr(attention, "k_norm") else None,
        attention.o_proj.weight,
        after if sandwiched else None,
        cast(Any, layer).pre_feedforward_layernorm.weight if sandwiched else after,
        mlp.gate_proj.weight,
        mlp.up_proj.weight,
        mlp.down_proj.weight,
        cast(Any, layer).post_feedforward_layernorm.weight if sandwiched else None,
    )


def _mask(hidden: Tensor, dtype: torch.dtype) -> Tensor:
    """What attention adds: -inf where ``hidden`` (..., keys)."""
    keys = hidden.shape[-1]
    padded = torch.zeros(
        *hidden.shape[:-1], -(-keys // _ALIGNED) * _ALIGNED, dtype=dtype, device=hidden.device
    )
    return padded[..., :keys].masked_fill_(hidden, -torch.inf)

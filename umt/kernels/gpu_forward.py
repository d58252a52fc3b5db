"""Hidden states of a Llama, a Qwen 3 or a Gemma 3 on a GPU, with few kernels.

Around attention, which torch has kernels for, a layer is two compiled functions of the rows of all sentences
end to end: norms, casts, rotations and gates melt into each other.  They are compiled once for all layers and
lengths, on the first training step.  The numbers are those of ``transformers`` up to rounding (tested).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm

from umt.kernels.cpu_forward import Given, plain
from umt.kernels.gpu_compile import by_rows
from umt.kernels.layer_weights import Network, activation, anatomy, gain, rotation

_ALIGNED = 8
"""Rows of a mask begin at multiples of so many numbers, or attention copies it in every layer."""


class _Kind(NamedTuple):
    """What the layers of a network have in common; offset: what a norm adds to its weight; scale: of
    attention."""

    heads: int
    dim: int
    epsilon: float
    gate: str
    offset: float
    products: torch.dtype
    scale: float

    @classmethod
    def of(cls, network: Network, products: torch.dtype) -> _Kind:
        """The kind of ``network``."""
        config: Any = network.config
        return cls(
            config.num_attention_heads,
            config.head_dim,
            config.rms_norm_eps,
            activation(network),
            1.0 if isinstance(network.norm, Gemma3RMSNorm) else 0.0,
            products,
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
    after_feeding: Tensor | None


def serves(network: nn.Module, ids: Tensor) -> bool:
    """Whether this module can stand in for the forward pass of ``network`` on ``ids`` (batch, length)."""
    inner = anatomy(network)
    return inner is not None and ids.device.type == "cuda" and plain(inner)


def hidden_states(
    network: Network,
    ids: Tensor,
    bidirectional: bool = False,
    products: torch.dtype = torch.float32,
    given: Given | None = None,
) -> Tensor:
    """(batch, length, width), see `umt.kernels.cpu_forward.hidden_states`."""
    length, device = ids.shape[1], ids.device
    mask = None
    before = torch.zeros(1, 1, dtype=torch.long, device=device)
    if given is not None:
        before = given.seen.sum(1, keepdim=True)
        ahead = torch.ones(length, length, dtype=torch.bool, device=device).triu_(1)
        hidden = torch.cat([~given.seen[:, None].expand(-1, length, -1), ahead.expand(len(ids), -1, -1)], -1)
        mask = _mask(hidden[:, None], products)
    x = _through(network, ids, before, mask, not bidirectional, products, given)
    return F.rms_norm(x, x.shape[-1:], gain(network.norm), network.config.rms_norm_eps).view(*ids.shape, -1)


def read(network: Network, ids: Tensor, lengths: Tensor, products: torch.dtype = torch.float32) -> Given:
    """See `umt.kernels.cpu_forward.read`; here what is kept is (2, batch, heads, longest, head)."""
    seen = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
    mask = _mask(~seen[:, None, None], products).expand(-1, 1, ids.shape[1], -1)
    before = torch.zeros(1, 1, dtype=torch.long, device=ids.device)
    kept: list[Tensor] = []
    _through(network, ids, before, mask, False, products, None, kept)
    return Given(kept, seen)


def _through(
    network: Network,
    ids: Tensor,
    before: Tensor,
    mask: Tensor | None,
    causal: bool,
    products: torch.dtype,
    given: Given | None,
    kept: list[Tensor] | None = None,
) -> Tensor:
    """(batch * length, width) of ``ids`` after the last layer.  Where ``kept`` is given it is filled with the
    keys and values of each layer, and nobody asks for what comes after the last.
    """
    batch, length = ids.shape
    places = before + torch.arange(length, device=ids.device)
    cosine, sine = (
        part[:, None] for part in rotation(network, places.expand(batch, -1).flatten(), network.norm.weight)
    )
    kind = _Kind.of(network, products)
    asking, answering = _halves(kind, ids.is_cuda and torch.is_grad_enabled())
    x: Tensor = network.embed_tokens(ids.flatten()).float()
    with torch.autocast(ids.device.type, enabled=False):
        for number, layer in enumerate(network.layers):
            weights = _taken(layer)
            queries, keys, values = (
                each.view(batch, length, kind.heads, kind.dim).transpose(1, 2)
                for each in asking(x, cosine, sine, *weights[:6])
            )
            if kept is not None:
                kept.append(torch.stack([keys, values]))
                if len(kept) == len(network.layers):
                    break
            if given is not None:
                past, passed = given.kept[number]
                keys, values = torch.cat([past, keys], 2), torch.cat([passed, values], 2)
            found = F.scaled_dot_product_attention(
                queries, keys, values, mask, is_causal=causal and mask is None, scale=kind.scale
            )
            x = answering(x, found.transpose(1, 2).reshape(batch * length, -1), *weights[6:])
    return x


@cache
def _halves(kind: _Kind, compiled: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """What a layer does before attention and after it."""
    products = kind.products

    def norm(x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], weight + kind.offset, kind.epsilon)

    def turned(x: Tensor, weight: Tensor | None, cosine: Tensor, sine: Tensor) -> Tensor:
        x = x.float() if weight is None else norm(x.float(), weight)
        one, other = x.chunk(2, -1)
        return torch.cat([one * cosine - other * sine, other * cosine + one * sine], -1).to(products)

    def asking(
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
        joint = F.linear(norm(x, before).to(products), torch.cat([query, key, value]).to(products))
        queries, keys, values = joint.view(-1, 3, kind.heads, kind.dim).unbind(1)
        return turned(queries, query_norm, cosine, sine), turned(keys, key_norm, cosine, sine), values

    def answering(
        x: Tensor,
        found: Tensor,
        output: Tensor,
        after_attention: Tensor | None,
        between: Tensor,
        gate: Tensor,
        up: Tensor,
        down: Tensor,
        after_feeding: Tensor | None,
    ) -> Tensor:
        added = F.linear(found, output.to(products)).float()
        x = x + (added if after_attention is None else norm(added, after_attention))
        made = F.linear(norm(x, between).to(products), torch.cat([gate, up]).to(products))
        gates, ups = made.chunk(2, -1)
        gates = F.silu(gates) if kind.gate == "silu" else F.gelu(gates, approximate="tanh")
        added = F.linear(gates * ups, down.to(products)).float()
        return x + (added if after_feeding is None else norm(added, after_feeding))

    if not compiled:
        return asking, answering
    return by_rows(asking, 3), by_rows(answering, 2)


def _taken(layer: nn.Module) -> _Layer:
    """The weights of ``layer``."""
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
    room = torch.zeros(*hidden.shape[:-1], -(-keys // _ALIGNED) * _ALIGNED, dtype=dtype, device=hidden.device)
    return room[..., :keys].masked_fill_(hidden, -torch.inf)

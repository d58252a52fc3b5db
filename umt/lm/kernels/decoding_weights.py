"""A network's weights laid out for decoding, and the steps between its products.

The arithmetic is that of ``transformers``' Llama, Qwen 3 and Gemma 3 (`umt.lm.kernels.layer_weights`); the
tests hold one against the other.  Queries, keys and values are one matrix product, gate and up another; a
rotation is one complex product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from umt.lm.kernels.cpu_loops import as_array, gated_act
from umt.lm.kernels.decoding_loops import add_and_norm
from umt.lm.kernels.layer_weights import (
    LayerWeights,
    Network,
    activation,
    embedding_scale,
    layer_weights,
    rms_gain,
    rope,
    supported,
)
from umt.types import BadInput


@dataclass(frozen=True)
class DecodingWeights:
    """A copy of a network, ready to decode.

    prompt_layers: the layers that read prompts: an encoder's, which look at a prompt from both sides, or the
    same.
    embeddings: (vocabulary, width); head: (allowed, width), the rows of the tokens that may be written.
    turns: (context, dim / 2) unit complex numbers, the rotation of each position.
    heads: of queries; groups: query heads that share a head of keys; dim: of a head. gate: its activation.
    """

    layers: tuple[LayerWeights, ...]
    prompt_layers: tuple[LayerWeights, ...]
    embeddings: Tensor
    head: Tensor
    turns: Tensor
    heads: int
    groups: int
    dim: int
    gate: str
    epsilon: float

    @classmethod
    @torch.no_grad()
    def of(
        cls,
        network: object,
        allowed: Tensor,
        dtype: torch.dtype | None = None,
        matmul_dtype: torch.dtype | None = None,
        encoder: Network | None = None,
    ) -> DecodingWeights:
        """Copy ``network``; encoder: what reads prompts in its place.

        allowed: (allowed,) numbers of the tokens that may be written.
        dtype: of everything if another than the network's; matmul_dtype: of the matrices if another yet.
        Raises BadInput when its layers are none that `umt.lm.kernels.layer_weights` knows.
        """
        inner = supported(network)
        if inner is None:
            raise BadInput(
                "generation knows the layers of Llama, Qwen 3 and Gemma 3 that see all that came before, "
                f"not those of {type(network).__name__}"
            )
        config: Any = inner.config
        heads, dim = int(config.num_attention_heads), int(config.head_dim)
        weight = inner.embed_tokens.weight
        dtype = dtype or weight.dtype
        matrices = matmul_dtype or dtype

        def copied(whole: Network, norm: nn.Module | None = None) -> tuple[LayerWeights, ...]:
            return tuple(layer_weights(layer, dim, matrices, dtype, norm) for layer in whole.layers)

        layers = copied(inner, None if encoder is None else encoder.norm)
        head = cast(Any, network).get_output_embeddings().weight
        exact = weight[:0] if weight.dtype == torch.float64 else weight[:0].float()
        places = torch.arange(config.max_position_embeddings, device=weight.device)
        return cls(
            layers=layers,
            prompt_layers=layers if encoder is None else copied(encoder),
            embeddings=(weight.detach() * embedding_scale(inner)).to(dtype),
            head=(head[allowed.to(weight.device)] * rms_gain(inner.norm)).to(matrices),
            turns=torch.complex(*rope(inner, places, exact)),
            heads=heads,
            groups=heads // int(config.num_key_value_heads or heads),
            dim=dim,
            gate=activation(inner),
            epsilon=float(config.rms_norm_eps),
        )

    @property
    def has_encoder(self) -> bool:
        """Whether ``layers`` make keys and values of an encoder's last states, and count places from 0."""
        return self.prompt_layers is not self.layers

    @property
    def by_loops(self) -> bool:
        """Whether `umt.lm.kernels.decoding_loops` can work with what lies between the products."""
        return self.embeddings.device.type == "cpu" and self.embeddings.dtype in (
            torch.float32,
            torch.float64,
        )

    @property
    def standard(self) -> bool:
        """Whether `umt.lm.kernels.cpu_forward` can read prompts with these layers."""
        heads_fill = self.heads * self.dim == self.embeddings.shape[1] and self.groups == 1
        return self.by_loops and heads_fill and self.embeddings.dtype == torch.float32

    def normal(self, hidden: Tensor) -> Tensor:
        """RMSNorm without its gain, of the last dimension."""
        if hidden.dtype in (torch.bfloat16, torch.float16):
            return F.rms_norm(hidden, hidden.shape[-1:], eps=self.epsilon)
        size: Tensor = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True)
        return hidden * size.square_().div_(hidden.shape[-1]).add_(self.epsilon).rsqrt_()

    def rotated(self, qkv: Tensor, qk_norm: Tensor | None, turns: Tensor) -> Tensor:
        """Norm, where there are gains for that, and rotate, in place, the queries and keys.

        qkv: (n, (heads + 2 key heads) * dim), also the outcome. qk_norm: (2, dim). turns: (n, dim / 2).
        """
        kv_heads = self.heads // self.groups
        both = qkv[:, : (self.heads + kv_heads) * self.dim].view(len(qkv), -1, self.dim)
        if qk_norm is not None:
            gains = torch.cat([qk_norm[:1].expand(self.heads, -1), qk_norm[1:].expand(kv_heads, -1)])
            both.copy_(self.normal(both) * gains)
        pairs = both.view(len(qkv), -1, self.dim // 2, 2)
        if qkv.dtype in (torch.bfloat16, torch.float16):
            pairs.copy_(torch.view_as_real(torch.view_as_complex(pairs.float()) * turns[:, None]))
        else:
            torch.view_as_complex(pairs).mul_(turns[:, None])
        return qkv

    def residual(self, hidden: Tensor, added: Tensor, after: Tensor | None) -> Tensor:
        """Add ``added`` to ``hidden``, in place, in its norm where that has gains; the norm of the sum.

        hidden, added, and the outcome, as products take it: (rows, width). after: (width,).
        """
        if self.by_loops:
            normed = torch.empty_like(hidden, dtype=self.head.dtype)
            gains = hidden.new_empty(0) if after is None else after
            add_and_norm(as_array(hidden), as_array(added), as_array(gains), self.epsilon, as_array(normed))
            return normed
        if after is None:
            hidden += added
        else:
            hidden.addcmul_(self.normal(added), after)
        return self.normal(hidden)

    def finish_layer(self, hidden: Tensor, attended: Tensor, layer: LayerWeights) -> Tensor:
        """Add what attention gave, and then the feed-forward part, to ``hidden``, in place; the norm of that.

        hidden: (rows, width). attended: (rows, heads * dim).
        """
        added = attended.to(layer.output.dtype) @ layer.output.T
        normed = self.residual(hidden, added, layer.after_attention)
        active = self.gated(normed.to(layer.gate_up.dtype) @ layer.gate_up.T)
        return self.residual(hidden, active @ layer.down.T, layer.after_mlp)

    def gated(self, made: Tensor) -> Tensor:
        """(rows, hidden) ``act(gate) * up`` of (rows, 2 hidden)."""
        if self.by_loops and made.dtype in (torch.float32, torch.bfloat16):
            active = made.new_empty(len(made), made.shape[1] // 2)
            gated_act(as_array(made), self.gate != "silu", as_array(active))
            return active
        gates, up = made.chunk(2, -1)
        act = F.silu(gates) if self.gate == "silu" else F.gelu(gates, approximate="tanh")
        return act.mul_(up)


def matmul(x: Tensor, weight: Tensor, like: Tensor) -> Tensor:
    """``x @ weight.T`` in the precision of ``weight``, converted to that of ``like``."""
    return (x.to(weight.dtype) @ weight.T).to(like.dtype)

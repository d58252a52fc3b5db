"""A network's weights laid out for decoding, and the steps between its products.

The arithmetic is that of ``transformers``' Llama, Qwen 3 and Gemma 3 (`umt.kernels.layer_weights`); the tests
hold one against the other.  Queries, keys and values are one matrix product, gate and up another; a rotation
is one complex product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from umt.kernels.cpu_loops import bits, gate
from umt.kernels.decoding_loops import join
from umt.kernels.layer_weights import (
    Network,
    Parts,
    activation,
    anatomy,
    embedding_scale,
    gain,
    parts,
    rotation,
)
from umt.types import BadInput


@dataclass(frozen=True)
class Weights:
    """A copy of a network, ready to decode.

    reading: the layers that read prompts: an encoder's, which look at a prompt from both sides, or the same.
    embeddings: (vocabulary, width); head: (allowed, width), the rows of the tokens that may be written.
    turns: (context, dim / 2) unit complex numbers, the rotation of each position.
    heads of queries; groups: query heads that share a head of keys; dim: of a head. gate: its activation.
    """

    layers: tuple[Parts, ...]
    reading: tuple[Parts, ...]
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
        products: torch.dtype | None = None,
        encoder: Network | None = None,
    ) -> Weights:
        """Copy ``network``; ``dtype`` of everything if another than the network's, ``products`` of the
        matrices if another than that; ``encoder``: what reads prompts in its place.

        Raises BadInput when its layers are none that `umt.kernels.layer_weights` knows.
        """
        inner = anatomy(network)
        if inner is None:
            raise BadInput(
                "generation knows the layers of Llama, Qwen 3 and Gemma 3 that see all that came before, "
                f"not those of {type(network).__name__}"
            )
        config: Any = inner.config
        heads, dim = int(config.num_attention_heads), int(config.head_dim)
        weight = inner.embed_tokens.weight
        kept = dtype or weight.dtype

        def copied(whole: Network) -> tuple[Parts, ...]:
            return tuple(parts(layer, dim, products or kept, kept) for layer in whole.layers)

        layers = copied(inner)
        head = cast(Any, network).get_output_embeddings().weight
        exact = weight[:0] if weight.dtype == torch.float64 else weight[:0].float()
        places = torch.arange(config.max_position_embeddings, device=weight.device)
        return cls(
            layers=layers,
            reading=layers if encoder is None else copied(encoder),
            embeddings=(weight.detach() * embedding_scale(inner)).to(kept),
            head=(head[allowed.to(weight.device)] * gain(inner.norm)).to(products or kept),
            turns=torch.complex(*rotation(inner, places, exact)),
            heads=heads,
            groups=heads // int(config.num_key_value_heads or heads),
            dim=dim,
            gate=activation(inner),
            epsilon=float(config.rms_norm_eps),
        )

    @property
    def exact(self) -> bool:
        """Whether `umt.kernels.decoding_loops` can work with what lies between the products."""
        return self.embeddings.device.type == "cpu" and self.embeddings.dtype in (
            torch.float32,
            torch.float64,
        )

    @property
    def whole(self) -> bool:
        """Whether `umt.kernels.cpu_forward` can read with these layers."""
        heads_fill = self.heads * self.dim == self.embeddings.shape[1] and self.groups == 1
        return self.exact and heads_fill and self.embeddings.dtype == torch.float32

    def room(self, share: float) -> int:
        """Positions whose keys and values fit into this share of the memory of the weights' GPU."""
        size = 2 * len(self.layers) * self.heads // self.groups * self.dim * self.embeddings.element_size()
        memory = torch.cuda.get_device_properties(self.embeddings.device).total_memory
        return max(1, int(share * memory) // size)

    def normal(self, hidden: Tensor) -> Tensor:
        """RMSNorm without its gain, of the last dimension."""
        if hidden.dtype in (torch.bfloat16, torch.float16):
            return F.rms_norm(hidden, hidden.shape[-1:], eps=self.epsilon)
        size: Tensor = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True)
        return hidden * size.square_().div_(hidden.shape[-1]).add_(self.epsilon).rsqrt_()

    def turn(self, joint: Tensor, turned: Tensor | None, turns: Tensor) -> Tensor:
        """Norm, where there are gains for that, and rotate, in place, the queries and keys in ``joint``
        (n, (heads + 2 kept) * dim) by (n, dim / 2).
        """
        kept = self.heads // self.groups
        both = joint[:, : (self.heads + kept) * self.dim].view(len(joint), -1, self.dim)
        if turned is not None:
            gains = torch.cat([turned[:1].expand(self.heads, -1), turned[1:].expand(kept, -1)])
            both.copy_(self.normal(both) * gains)
        pairs = both.view(len(joint), -1, self.dim // 2, 2)
        if joint.dtype in (torch.bfloat16, torch.float16):
            pairs.copy_(torch.view_as_real(torch.view_as_complex(pairs.float()) * turns[:, None]))
        else:
            torch.view_as_complex(pairs).mul_(turns[:, None])
        return joint

    def join(self, hidden: Tensor, added: Tensor, after: Tensor | None) -> Tensor:
        """Add to ``hidden``, in place, ``added`` in its norm, where that has gains; the norm of the sum, as
        products take it.
        """
        if self.exact:
            normed = torch.empty_like(hidden, dtype=self.head.dtype)
            gains = hidden.new_empty(0) if after is None else after
            join(bits(hidden), bits(added), bits(gains), self.epsilon, bits(normed))
            return normed
        if after is None:
            hidden += added
        else:
            hidden.addcmul_(self.normal(added), after)
        return self.normal(hidden)

    def onwards(self, hidden: Tensor, found: Tensor, layer: Parts) -> Tensor:
        """What attention has ``found`` joins ``hidden``, and so does the feed-forward part, in place; the
        norm of that.
        """
        normed = self.join(hidden, found.to(layer.output.dtype) @ layer.output.T, layer.after_attention)
        active = self.gated(normed.to(layer.gate_up.dtype) @ layer.gate_up.T)
        return self.join(hidden, active @ layer.down.T, layer.after_feeding)

    def gated(self, made: Tensor) -> Tensor:
        """(rows, hidden) ``act(gate) * up`` of (rows, 2 hidden)."""
        if self.exact and made.dtype in (torch.float32, torch.bfloat16):
            active = made.new_empty(len(made), made.shape[1] // 2)
            gate(bits(made), self.gate != "silu", bits(active))
            return active
        gates, up = made.chunk(2, -1)
        act = F.silu(gates) if self.gate == "silu" else F.gelu(gates, approximate="tanh")
        return act.mul_(up)


def product(x: Tensor, weight: Tensor, like: Tensor) -> Tensor:
    """``x @ weight.T`` in the precision of ``weight``, told in that of ``like``."""
    return (x.to(weight.dtype) @ weight.T).to(like.dtype)

"""A Llama one position at a time: its weights laid out for decoding, and a cache of keys and values.

The arithmetic is that of ``transformers``' Llama (RMSNorm, rotary positions, SwiGLU, grouped keys); the tests
hold one against the other.  Queries, keys and values are one matrix product, gate and up another; the gains
of the norms and the scale of attention are folded into the matrices; a rotation is one complex product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import LlamaForCausalLM, LlamaModel

from umt.attention import attend
from umt.types import BadInput

BLOCK = 64
"""Rows of logits are a multiple of this long, so that they can be searched in blocks."""


class Layer(NamedTuple):
    """The matrices of one layer, (out, in); ``joint``: queries, then keys, then values."""

    joint: Tensor
    output: Tensor
    gate_up: Tensor
    down: Tensor


@dataclass(frozen=True)
class Llama:
    """A copy of a network's weights, ready to decode.

    reading: the layers that read prompts: an encoder's, which look at a prompt from both sides, or the same.
    embeddings: (vocabulary, width); head: (allowed, width), the rows of the tokens that may be written.
    turns: (context, dim / 2) unit complex numbers, the rotation of each position.
    heads of queries; groups: query heads that share a head of keys; dim: of a head.
    """

    layers: tuple[Layer, ...]
    reading: tuple[Layer, ...]
    embeddings: Tensor
    head: Tensor
    turns: Tensor
    heads: int
    groups: int
    dim: int
    epsilon: float

    @classmethod
    @torch.no_grad()
    def of(
        cls,
        network: object,
        allowed: Tensor,
        dtype: torch.dtype | None = None,
        products: torch.dtype | None = None,
        encoder: LlamaModel | None = None,
    ) -> Llama:
        """Copy ``network``; ``dtype`` of everything if another than the network's, ``products`` of the
        matrices in the layers if another than that; ``encoder``: what reads prompts in its place.

        Raises BadInput when it is no Llama: other networks have other layers.
        """
        if not isinstance(network, LlamaForCausalLM) or network.config.attention_bias:
            raise BadInput(f"generation knows the layers of Llama only, not of {type(network).__name__}")
        config, model = network.config, network.model
        dim = int(config.head_dim or config.hidden_size // config.num_attention_heads)
        kept = {"dtype": dtype or model.embed_tokens.weight.dtype}
        inside = products or kept["dtype"]
        layers = tuple(_layer(layer, dim, inside) for layer in model.layers)
        weight = model.embed_tokens.weight
        places = torch.arange(config.max_position_embeddings, device=weight.device)[None]
        exact = weight[:0] if weight.dtype == torch.float64 else weight[:0].float()
        cosine, sine = (each[0, :, : dim // 2] for each in model.rotary_emb(exact, places))
        return cls(
            layers=layers,
            reading=layers
            if encoder is None
            else tuple(_layer(each, dim, inside) for each in encoder.layers),
            embeddings=weight.detach().to(**kept),
            head=(network.lm_head.weight[allowed.to(weight.device)] * model.norm.weight).to(**kept),
            turns=torch.complex(cosine, sine),
            heads=int(config.num_attention_heads),
            groups=int(
                config.num_attention_heads // (config.num_key_value_heads or config.num_attention_heads)
            ),
            dim=dim,
            epsilon=float(config.rms_norm_eps),
        )

    def normal(self, hidden: Tensor) -> Tensor:
        """RMSNorm without its gain."""
        if hidden.dtype in (torch.bfloat16, torch.float16):
            return F.rms_norm(hidden, hidden.shape[-1:], eps=self.epsilon)
        size: Tensor = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True)
        return hidden * size.square_().div_(hidden.shape[-1]).add_(self.epsilon).rsqrt_()

    def turn(self, joint: Tensor, turns: Tensor) -> Tensor:
        """Rotate, in place, the queries and keys in ``joint`` (n, (heads + 2 kept) * dim) by (n, dim / 2)."""
        turned = self.heads + self.heads // self.groups
        both = joint[:, : turned * self.dim].view(len(joint), turned, self.dim // 2, 2)
        if joint.dtype in (torch.bfloat16, torch.float16):
            both.copy_(torch.view_as_real(torch.view_as_complex(both.float()) * turns[:, None]))
        else:
            torch.view_as_complex(both).mul_(turns[:, None])
        return joint

    def feed(self, hidden: Tensor, layer: Layer) -> None:
        """Add the feed-forward part to ``hidden``, in place."""
        gate, up = product(self.normal(hidden), layer.gate_up).chunk(2, -1)
        add_product(hidden, F.silu(gate, inplace=True).mul_(up), layer.down)


def _layer(layer: Any, dim: int, dtype: torch.dtype) -> Layer:
    """Its matrices; ``dim``: of a head."""
    attention, mlp = layer.self_attn, layer.mlp
    # The halves that a rotation pairs come to lie side by side: a pair is one complex number.
    paired = torch.arange(dim).view(2, dim // 2).T.flatten()
    queries, keys = (
        part.weight.view(-1, dim, part.weight.shape[1])[:, paired].flatten(0, 1)
        for part in (attention.q_proj, attention.k_proj)
    )
    joint = torch.cat([queries * attention.scaling, keys, attention.v_proj.weight])
    gate_up = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])
    return Layer(
        (joint * layer.input_layernorm.weight).to(dtype),
        attention.o_proj.weight.to(dtype),
        (gate_up * layer.post_attention_layernorm.weight).to(dtype),
        mlp.down_proj.weight.to(dtype),
    )


def product(x: Tensor, weight: Tensor) -> Tensor:
    """``x @ weight.T`` in the precision of ``weight``, as that of ``x``."""
    if x.dtype == weight.dtype:
        return x @ weight.T
    return (x.to(weight.dtype) @ weight.T).to(x.dtype)


def add_product(sum_: Tensor, x: Tensor, weight: Tensor) -> None:
    """Add `product` to ``sum_``, in place."""
    if x.dtype == weight.dtype:
        sum_.addmm_(x, weight.T)
    else:
        sum_.add_(x.to(weight.dtype) @ weight.T)


class Cache:
    """Keys and values of a batch of prompts, and of what each of its beams has written since.

    The two are kept apart: beams share their prompt, all rows write the same column, and only prompts need
    a mask.

    prompts: (batch, longest), padded on the right; lengths: (batch,); each sentence has ``beams`` rows, and
    writes at most ``steps`` tokens. by_loop: attend in `umt.attention`, else by products over all rows.
    """

    def __init__(self, llama: Llama, prompts: Tensor, lengths: Tensor, beams: int, steps: int) -> None:
        self.llama, self.beams, self.written = llama, beams, 0
        exact = llama.embeddings.dtype in (torch.float32, torch.float64)
        self.by_loop = exact and prompts.device.type == "cpu"
        batch, longest = prompts.shape
        kept = llama.heads // llama.groups
        shape = (len(llama.layers), 2, batch, kept, longest, llama.dim)
        self.prompt = llama.embeddings.new_empty(shape)
        self.own = llama.embeddings.new_empty((*shape[:2], batch * beams, kept, steps, llama.dim))
        self.logits = llama.embeddings.new_empty(batch * beams, -(-len(llama.head) // BLOCK) * BLOCK)
        self.places = lengths.repeat_interleave(beams)
        self.mask: Tensor | None = None
        if int(lengths.min()) < longest:
            beyond = torch.arange(longest, device=prompts.device) >= lengths[:, None]
            self.mask = torch.zeros(beyond.shape, dtype=self.prompt.dtype, device=prompts.device)
            self.mask.masked_fill_(beyond, -torch.inf)
        self._read(prompts)

    @property
    def sentences(self) -> int:
        """How many are still being written."""
        return self.prompt.shape[2]

    def _read(self, prompts: Tensor) -> None:
        """Fill the cache of the prompts; of the last layer nothing but keys and values is needed."""
        llama, (batch, longest) = self.llama, prompts.shape
        kept = llama.heads // llama.groups
        hidden = llama.embeddings[prompts.flatten()]
        turns = llama.turns[:longest].repeat(batch, 1)
        both_ways = llama.reading is not llama.layers
        for number, layer in enumerate(llama.reading):
            joint = llama.turn(product(llama.normal(hidden), layer.joint), turns)
            queries, both = joint[:, : llama.heads * llama.dim], joint[:, llama.heads * llama.dim :]
            self.prompt[number] = both.view(batch, longest, 2, kept, llama.dim).permute(2, 0, 3, 1, 4)
            if number + 1 < len(llama.reading):
                seen = F.scaled_dot_product_attention(
                    queries.view(batch, longest, llama.heads, llama.dim).transpose(1, 2),
                    self.prompt[number, 0],
                    self.prompt[number, 1],
                    attn_mask=None if self.mask is None or not both_ways else self.mask[:, None, None],
                    is_causal=not both_ways,
                    scale=1.0,
                    enable_gqa=llama.groups > 1,
                )
                add_product(hidden, seen.transpose(1, 2).reshape(batch * longest, -1), layer.output)
                llama.feed(hidden, layer)

    def step(self, tokens: Tensor) -> Tensor:
        """Read one token a row, (rows,), and give the logits of the next: (rows, allowed and some more).

        What lies beyond the allowed ones is -inf and fills up the last `BLOCK`.  The caller may spoil the
        result; the next step overwrites it.
        """
        llama, rows = self.llama, len(tokens)
        hidden = llama.embeddings[tokens]
        for number, layer in enumerate(llama.layers):
            joint = product(llama.normal(hidden), layer.joint)
            add_product(hidden, self._attend(joint, number), layer.output)
            llama.feed(hidden, layer)
        self.written += 1
        torch.mm(llama.normal(hidden), llama.head.T, out=self.logits[:rows, : len(llama.head)])
        self.logits[:rows, len(llama.head) :] = -torch.inf
        return self.logits[:rows]

    def _attend(self, joint: Tensor, number: int) -> Tensor:
        """What the queries in ``joint`` find in the prompts and their own past: (rows, heads * dim).

        The keys and values in it join the past.
        """
        llama, rows = self.llama, len(joint)
        if self.by_loop:
            found = joint.new_empty(rows, llama.heads * llama.dim)
            cache = self.prompt[number].numpy(), self.own[number].numpy()
            attend(
                joint.numpy(), llama.turns.numpy(), self.places.numpy(), *cache, self.written, found.numpy()
            )
            return found
        places = (self.places + self.written).clamp_(max=len(llama.turns) - 1)  # finished rows
        joint = llama.turn(joint, llama.turns[places])
        queries, both = joint[:, : llama.heads * llama.dim], joint[:, llama.heads * llama.dim :]
        self.own[number, ..., self.written, :] = both.view(rows, 2, -1, llama.dim).transpose(0, 1)
        return self._attend_in_blocks(queries.contiguous(), number)

    def _attend_in_blocks(self, queries: Tensor, number: int) -> Tensor:
        """The same by products over all rows at once, of queries that are rotated and keys that are known."""
        llama, rows, batch = self.llama, len(queries), self.sentences
        kept = llama.heads // llama.groups
        (keys, values), (own_keys, own_values) = (
            self.prompt[number],
            self.own[number, ..., : self.written + 1, :],
        )
        longest = keys.shape[2]
        alone = queries.view(rows * kept, llama.groups, llama.dim)
        # Beams of one sentence are queries of one product with their common prompt.
        beams = queries.view(batch, self.beams, kept, -1, llama.dim).transpose(1, 2)
        shared = beams.reshape(batch * kept, -1, llama.dim)
        there = torch.bmm(shared, keys.flatten(0, 1).transpose(1, 2)).view(batch, kept, -1, longest)
        if self.mask is not None:
            there += self.mask[:, None, None]
        there = there.view(batch, kept, self.beams, -1, longest).transpose(1, 2)
        here = torch.bmm(alone, own_keys.flatten(0, 1).transpose(1, 2))
        weights = torch.cat([there.reshape(rows * kept, -1, longest), here], -1).softmax(-1)
        found = torch.bmm(weights[..., longest:], own_values.flatten(0, 1))
        theirs = weights[..., :longest].view(batch, self.beams, kept, -1, longest).transpose(1, 2)
        read = torch.bmm(theirs.reshape(batch * kept, -1, longest), values.flatten(0, 1))
        back = read.view(batch, kept, self.beams, -1, llama.dim).transpose(1, 2)
        return found.view(batch, self.beams, kept, -1, llama.dim).add_(back).view(rows, -1)

    def follow(self, parents: Tensor) -> None:
        """Row i goes on from what row ``parents[i]``, of the same sentence, has written."""
        changed = (parents != torch.arange(len(parents), device=parents.device)).nonzero()[:, 0]
        if len(changed):
            past = self.own[..., : self.written, :]
            past[:, :, changed] = past[:, :, parents[changed]]

    def keep(self, kept: Tensor) -> Tensor:
        """Let sentences go; ``kept`` (sentences,) says which stay.  The last ones move into the gaps.

        Returns (staying,) the former places of those that now are the batch, in their new order.
        """
        staying = int(kept.sum())
        gaps = (~kept[:staying]).nonzero()[:, 0]
        order = torch.arange(staying, device=kept.device)
        order[gaps] = movers = kept[staying:].nonzero()[:, 0] + staying
        self.prompt[:, :, gaps] = self.prompt[:, :, movers]
        layers, two, rows = self.own.shape[:3]
        own = self.own.view(layers, two, rows // self.beams, self.beams, *self.own.shape[3:])
        past = own[..., : self.written, :]
        past[:, :, gaps] = past[:, :, movers]
        self.prompt, self.own = self.prompt[:, :, :staying], self.own[:, :, : staying * self.beams]
        self.places = self.places.view(-1, self.beams)[order].flatten()
        self.mask = None if self.mask is None else self.mask[order]
        return order

"""A Llama's hidden states on a processor, with few passes over memory.

On a CPU a third of a training step of a small network goes into reading and writing: a norm of six
operations, a rotation of eight, attention in blocks too small. Here each half of a layer is one function with
a backward pass of its own: norms fold into the matrices that follow, the rotation is one product of complex
numbers, and softmax and products run over all heads at once.  The numbers are those of ``transformers`` up to
rounding (tested), or up to that of bf16 where the products by the weights are asked for in it, as on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeGuard, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from transformers import LlamaConfig, LlamaModel

_LONGEST = 256
"""Beyond this length, attention that skips the future costs less than one that computes and hides it."""


def serves(network: nn.Module, ids: Tensor) -> TypeGuard[LlamaModel]:
    """Whether this module can stand in for the forward pass of ``network`` on ``ids``."""
    if not isinstance(network, LlamaModel) or ids.device.type != "cpu" or ids.shape[1] > _LONGEST:
        return False
    if network._compiled_call_impl is not None:
        return False  # somebody asked for a compiled one
    config: LlamaConfig = network.config
    first = cast(Any, network.layers[0])
    return (
        config.num_attention_heads == config.num_key_value_heads
        and config.hidden_size == config.num_attention_heads * first.self_attn.head_dim
        and config.hidden_act == "silu"
        and network.rotary_emb.rope_type == "default"
        and not (config.attention_bias or config.mlp_bias or config.attention_dropout)
        and network.embed_tokens.weight.dtype == torch.float32
    )


class Given(NamedTuple):
    """What one network has read for another to go on from.

    kept: a layer each, (2, batch * heads, longest, head), keys and values. seen: (batch, longest), false
    where a row has ended.
    """

    kept: list[Tensor]
    seen: Tensor


def hidden_states(
    network: LlamaModel,
    ids: Tensor,
    bidirectional: bool = False,
    products: torch.dtype = torch.float32,
    given: Given | None = None,
) -> Tensor:
    """The last hidden states of ``ids`` (batch, length), all of which are text: (batch, length, width).

    products: the precision of what is multiplied by weights; everything else is fp32. given: what stands
    before each row, read by another network.
    """
    batch, length = ids.shape
    config: LlamaConfig = network.config
    epsilon = config.rms_norm_eps
    mask = torch.zeros(length, length)
    if not bidirectional:
        mask.fill_(-torch.inf).triu_(1)
    before = torch.zeros(1, dtype=torch.long)
    if given is not None:
        before = given.seen.sum(1)
        hidden = torch.zeros(given.seen.shape).masked_fill_(~given.seen, -torch.inf)
        mask = torch.cat(
            [hidden[:, None].expand(-1, length, -1), mask.expand(batch, length, length)], -1
        ).repeat_interleave(config.num_attention_heads, 0)  # (batch * heads, length, all before and here)
    rotation = _rotation(network, before, length)
    x = network.embed_tokens(ids).view(batch * length, -1)
    for number, layer in enumerate(cast(Iterable[Any], network.layers)):
        past = None if given is None else given.kept[number]
        x, _ = _attended(x, *_attention_weights(layer, config, products), past, rotation, mask, epsilon)
        x = _fed(x, *_feeding_weights(layer, products), epsilon)
    x = _only_normed(x, epsilon) * network.norm.weight
    return x.view(batch, length, -1)


def read(network: LlamaModel, ids: Tensor, lengths: Tensor, products: torch.dtype = torch.float32) -> Given:
    """Read ``ids`` (batch, longest), of which the first ``lengths`` (batch,) of each row are text, from both
    sides."""
    batch, longest = ids.shape
    config: LlamaConfig = network.config
    heads, epsilon = config.num_attention_heads, config.rms_norm_eps
    seen = torch.arange(longest) < lengths[:, None]
    mask = torch.zeros(seen.shape).masked_fill_(~seen, -torch.inf).repeat_interleave(heads, 0)[:, None]
    rotation = _rotation(network, torch.zeros(1, dtype=torch.long), longest)
    x = network.embed_tokens(ids).view(batch * longest, -1)
    layers = list(cast(Iterable[Any], network.layers))
    kept = []
    for layer in layers[:-1]:
        x, both = _attended(x, *_attention_weights(layer, config, products), None, rotation, mask, epsilon)
        kept.append(both)
        x = _fed(x, *_feeding_weights(layer, products), epsilon)
    into, _ = _attention_weights(layers[-1], config, products)  # nobody asks for its hidden states
    made = _product(_only_normed(x, epsilon), into[x.shape[1] :].T).view(batch, longest, 2, heads, -1)
    key = torch.view_as_complex(made[:, :, 0].view(batch, longest, heads, -1, 2)) * rotation
    both = torch.stack([torch.view_as_real(key).flatten(-2), made[:, :, 1]]).transpose(2, 3)
    kept.append(both.reshape(2, batch * heads, longest, -1))
    return Given(kept, seen)


def _rotation(network: LlamaModel, before: Tensor, length: int) -> Tensor:
    """(rows or 1, length, 1, half of a head) unit complex numbers of the places after ``before`` (rows,)."""
    places = before[:, None] + torch.arange(length)
    turns = places[..., None] * network.rotary_emb.inv_freq
    return torch.polar(torch.ones_like(turns), turns)[:, :, None]


def _attention_weights(layer: Any, config: LlamaConfig, products: torch.dtype) -> tuple[Tensor, Tensor]:
    """(3 width, width) to queries, keys and values, with the norm before; (width, width) at the end."""
    attention, heads, width = layer.self_attn, config.num_attention_heads, config.hidden_size
    # Halves that turn together become neighbours, in queries and keys alike, which no product notices.
    query, key = (
        part.weight.view(heads, 2, -1, width).transpose(1, 2).reshape(width, width)
        for part in (attention.q_proj, attention.k_proj)
    )
    into = torch.cat([query * attention.scaling, key, attention.v_proj.weight])
    into = into * layer.input_layernorm.weight
    return into.to(products), attention.o_proj.weight.to(products)


def _feeding_weights(layer: Any, products: torch.dtype) -> tuple[Tensor, Tensor]:
    """(2 hidden, width) to gate and up, with the norm before; (width, hidden) back."""
    mlp = layer.mlp
    both = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]) * layer.post_attention_layernorm.weight
    return both.to(products), mlp.down_proj.weight.to(products)


def _product(x: Tensor, weight: Tensor) -> Tensor:
    """``x @ weight`` in the precision of ``weight``, as fp32."""
    return (x.to(weight.dtype) @ weight).float()


def _onto(sum_: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """``sum_ + x @ weight``."""
    if weight.dtype == sum_.dtype:
        return torch.addmm(sum_, x, weight)
    return sum_ + x.to(weight.dtype) @ weight


def _normed(x: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Rows of root mean square 1, and by what they were multiplied: (rows, width), (rows, 1)."""
    length = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    factor = length.square_().div_(x.shape[1]).add_(epsilon).rsqrt_()
    return x * factor, factor


def _before_norm(gradient: Tensor, normed: Tensor, factor: Tensor) -> Tensor:
    """The gradient of what was normed; overwrites ``gradient``, that of the outcome."""
    along = torch.linalg.vecdot(gradient, normed)[:, None].div_(-normed.shape[1])
    return gradient.addcmul_(normed, along).mul_(factor)


class _Norm(Function):
    @staticmethod
    def forward(context: Any, x: Tensor, epsilon: float) -> Tensor:
        normed, factor = _normed(x, epsilon)
        context.save_for_backward(normed, factor)
        return normed

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _before_norm(gradients[0].clone(), *context.saved_tensors), None


class _Attention(Function):
    """``x + attention(norm(x))``, and the keys and values that it made: (2, batch * heads, length, head).

    into: (3 width, width) makes queries, keys and values; out: (width, width) ends it. past: keys and values
    that stand before, of the same form. mask: is added to (batch * heads, length, all keys).
    """

    @staticmethod
    def forward(
        context: Any,
        x: Tensor,
        into: Tensor,
        out: Tensor,
        past: Tensor | None,
        rotation: Tensor,
        mask: Tensor,
        epsilon: float,
    ) -> tuple[Tensor, Tensor]:
        context.set_materialize_grads(False)
        width, length, half = x.shape[1], rotation.shape[1], rotation.shape[-1]
        shape = (len(x) // length, length, width // (2 * half), 2 * half)  # batch, length, heads, head
        normed, factor = _normed(x, epsilon)
        made = _product(normed, into.T).view(*shape[:2], 3, *shape[2:])
        query = torch.empty(shape[0], shape[2], length, 2 * half)
        kept = torch.empty(2, *query.shape)  # keys and values, head by head
        for number, turned in enumerate((query, kept[0])):
            unturned = torch.view_as_complex(made[:, :, number].view(*shape[:3], half, 2))
            by_head = torch.view_as_complex(turned.view(*turned.shape[:3], half, 2))
            torch.mul(unturned, rotation, out=by_head.transpose(1, 2))
        kept[1].copy_(made[:, :, 2].transpose(1, 2))
        query, kept = query.view(-1, length, 2 * half), kept.view(2, -1, length, 2 * half)
        key, value = kept if past is None else torch.cat([past, kept], 2)
        seen = torch.softmax(torch.baddbmm(mask, query, key.mT), -1)  # (batch * heads, length, all keys)
        mixed = torch.bmm(seen, value).view(shape[0], -1, length, 2 * half).transpose(1, 2).reshape(x.shape)
        context.save_for_backward(normed, factor, query, key, value, seen, mixed, into, out, rotation)
        return _onto(x, mixed, out.T), kept

    @staticmethod
    def backward(context: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        normed, factor, query, key, value, seen, mixed, into, out, rotation = context.saved_tensors
        gradient, of_kept = gradients
        assert gradient is not None
        length, half = rotation.shape[1], rotation.shape[-1]
        batch, size = len(normed) // length, 2 * half
        heads, before = normed.shape[1] // size, key.shape[1] - length
        into_mixed = _product(gradient, out).view(batch, length, heads, size).transpose(1, 2)
        into_mixed = into_mixed.reshape(-1, length, size)
        into_seen = torch.bmm(into_mixed, value.mT)
        into_scores = torch._softmax_backward_data(into_seen, seen, -1, seen.dtype)
        into_query = torch.bmm(into_scores, key)
        into_all = torch.stack([torch.bmm(into_scores.mT, query), torch.bmm(seen.mT, into_mixed)])
        into_past = into_all[:, :, :before] if before else None
        into_kept = into_all[:, :, before:]
        if of_kept is not None:
            into_kept += of_kept
        into_made = torch.empty(batch, length, 3, heads, size)
        for number, part in enumerate((into_query, into_kept[0])):
            turned = torch.view_as_complex(part.view(batch, heads, length, half, 2)).transpose(1, 2)
            unturned = torch.view_as_complex(into_made[:, :, number].view(batch, length, heads, half, 2))
            torch.mul(turned, rotation.conj_physical(), out=unturned)
        into_made[:, :, 2].copy_(into_kept[1].view(batch, heads, length, size).transpose(1, 2))
        into_made = into_made.view(len(normed), -1)
        short, upwards = into_made.to(into.dtype), gradient.to(into.dtype)
        into_x = _before_norm(_product(short, into), normed, factor).add_(gradient)
        weights = short.T @ normed.to(short), upwards.T @ mixed.to(short)
        return into_x, *weights, into_past, None, None, None


class _FeedForward(Function):
    """``x + down(silu(gate(norm(x))) * up(norm(x)))``; ``both`` (2 hidden, width) is gate and up."""

    @staticmethod
    def forward(context: Any, x: Tensor, both: Tensor, down: Tensor, epsilon: float) -> Tensor:
        normed, factor = _normed(x, epsilon)
        gate, up = _product(normed, both.T).chunk(2, 1)
        sigmoid = torch.sigmoid(gate)
        silu = gate * sigmoid
        active = silu * up
        context.save_for_backward(normed, factor, sigmoid, silu, up, active, both, down)
        return _onto(x, active, down.T)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        normed, factor, sigmoid, silu, up, active, both, down = context.saved_tensors
        gradient = gradients[0]
        upwards = gradient.to(down.dtype)
        into_active = _product(upwards, down)
        into_both = torch.empty(len(normed), 2 * active.shape[1])
        into_gate, into_up = into_both.chunk(2, 1)
        torch.mul(into_active, silu, out=into_up)
        slope = torch.addcmul(silu, silu, sigmoid, value=-1).add_(sigmoid)
        torch.mul(into_active.mul_(up), slope, out=into_gate)
        short = into_both.to(both.dtype)
        into_x = _before_norm(_product(short, both), normed, factor).add_(gradient)
        return into_x, short.T @ normed.to(short), upwards.T @ active.to(short), None


_only_normed = cast(Callable[..., Tensor], _Norm.apply)
_attended = cast(Callable[..., tuple[Tensor, Tensor]], _Attention.apply)
_fed = cast(Callable[..., Tensor], _FeedForward.apply)

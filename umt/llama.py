"""A Llama's hidden states on a processor, with few passes over memory.

On a CPU a third of a training step of a small network goes into reading and writing: a norm of six
operations, a rotation of eight, attention in blocks too small. Here each half of a layer is one function with
a backward pass of its own: norms fold into the matrices that follow, the rotation is one product of complex
numbers, and softmax and products run over all heads at once.  The numbers are those of ``transformers`` up to
rounding (tested), or up to that of bf16 where the products by the weights are asked for in it, as on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeGuard, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from transformers import LlamaConfig, LlamaModel

_LONGEST = 256
"""Beyond this length, attention that skips the future costs less than one that computes and hides it."""


def serves(network: nn.Module, ids: Tensor) -> TypeGuard[LlamaModel]:
    """Whether `hidden_states` can stand in for the forward pass of ``network`` on ``ids``."""
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


def hidden_states(
    network: LlamaModel, ids: Tensor, bidirectional: bool, products: torch.dtype = torch.float32
) -> Tensor:
    """The last hidden states of ``ids`` (batch, length), all of which are text: (batch, length, width).

    products: the precision of what is multiplied by weights; everything else is fp32.
    """
    batch, length = ids.shape
    config: LlamaConfig = network.config
    heads, width, epsilon = config.num_attention_heads, config.hidden_size, config.rms_norm_eps
    turns = torch.outer(torch.arange(length, dtype=torch.float32), network.rotary_emb.inv_freq)
    rotation = torch.polar(torch.ones_like(turns), turns)[:, None]  # (length, 1, half of a head) complex
    future = torch.zeros(length, length)
    if not bidirectional:
        future.fill_(-torch.inf).triu_(1)
    x = network.embed_tokens(ids).view(batch * length, width)
    for layer in cast(Iterable[Any], network.layers):
        attention, after, mlp = layer.self_attn, layer.post_attention_layernorm, layer.mlp
        # Halves that turn together become neighbours, in queries and keys alike, which no product notices.
        query, key = (
            part.weight.view(heads, 2, -1, width).transpose(1, 2).reshape(width, width)
            for part in (attention.q_proj, attention.k_proj)
        )
        into = torch.cat([query * attention.scaling, key, attention.v_proj.weight])
        into = into * layer.input_layernorm.weight
        out, down = attention.o_proj.weight.to(products), mlp.down_proj.weight.to(products)
        x = _attended(x, into.to(products), out, rotation, future, epsilon)
        both = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]) * after.weight
        x = _fed(x, both.to(products), down, epsilon)
    x = _only_normed(x, epsilon) * network.norm.weight
    return x.view(batch, length, width)


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
    """``x + attention(norm(x))``; ``into`` (3 width, width) makes queries, keys and values, ``out`` ends
    it."""

    @staticmethod
    def forward(
        context: Any, x: Tensor, into: Tensor, out: Tensor, rotation: Tensor, future: Tensor, epsilon: float
    ) -> Tensor:
        width, length, half = x.shape[1], len(rotation), rotation.shape[-1]
        shape = (len(x) // length, length, width // (2 * half), 2 * half)  # batch, length, heads, head
        normed, factor = _normed(x, epsilon)
        made = _product(normed, into.T).view(*shape[:2], 3, *shape[2:])
        kept = torch.empty(3, shape[0], shape[2], length, 2 * half)  # queries, keys, values, head by head
        turned = torch.view_as_complex(made[:, :, :2].view(*shape[:2], 2, shape[2], half, 2))
        by_head = torch.view_as_complex(kept[:2].view(2, shape[0], shape[2], length, half, 2))
        torch.mul(turned.permute(2, 0, 1, 3, 4), rotation, out=by_head.transpose(2, 3))
        kept[2].copy_(made[:, :, 2].transpose(1, 2))
        query, key, value = kept.view(3, -1, length, 2 * half)
        seen = torch.softmax(torch.baddbmm(future, query, key.mT), -1)  # (batch * heads, length, length)
        mixed = torch.bmm(seen, value).view(shape[0], -1, length, 2 * half).transpose(1, 2).reshape(x.shape)
        context.save_for_backward(normed, factor, kept, seen, mixed, into, out, rotation)
        return _onto(x, mixed, out.T)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        normed, factor, kept, seen, mixed, into, out, rotation = context.saved_tensors
        gradient = gradients[0]
        _, batch, heads, length, size = kept.shape
        query, key, value = kept.view(3, -1, length, size)
        into_mixed = _product(gradient, out).view(batch, length, heads, size).transpose(1, 2)
        into_mixed = into_mixed.reshape(-1, length, size)
        into_seen = torch.bmm(into_mixed, value.mT)
        into_scores = torch._softmax_backward_data(into_seen, seen, -1, seen.dtype)
        into_kept = torch.empty(2, batch, heads, length, size)
        torch.bmm(into_scores, key, out=into_kept[0].view(-1, length, size))
        torch.bmm(into_scores.mT, query, out=into_kept[1].view(-1, length, size))
        into_made = torch.empty(batch, length, 3, heads, size)
        turned = torch.view_as_complex(into_made[:, :, :2].view(batch, length, 2, heads, size // 2, 2))
        by_head = torch.view_as_complex(into_kept.view(2, batch, heads, length, size // 2, 2))
        torch.mul(by_head.permute(1, 3, 0, 2, 4), rotation.conj_physical()[:, None], out=turned)
        into_value = torch.bmm(seen.mT, into_mixed).view(batch, heads, length, size)
        into_made[:, :, 2].copy_(into_value.transpose(1, 2))
        into_made = into_made.view(len(normed), -1)
        short, upwards = into_made.to(into.dtype), gradient.to(into.dtype)
        into_x = _before_norm(_product(short, into), normed, factor).add_(gradient)
        return into_x, short.T @ normed.to(short), upwards.T @ mixed.to(short), None, None, None


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


_Apply = Callable[..., Tensor]
_only_normed = cast(_Apply, _Norm.apply)
_attended = cast(_Apply, _Attention.apply)
_fed = cast(_Apply, _FeedForward.apply)

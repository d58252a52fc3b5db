"""Hidden states of a Llama, a Qwen 3 or a Gemma 3 on a processor, with few passes over memory.

On a CPU a third of a training step of a small network goes into reading and writing: a norm of six
operations, a rotation of eight, attention in blocks too small. Here each half of a layer is a few functions
with backward passes of their own: norms fold into the matrices that follow, the rotation is one product of
complex numbers, and softmax and products run over all heads at once.  The numbers are those of
``transformers`` up to rounding (tested), or up to that of bf16 where the products by the weights are asked
for in it, as on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function

from umt.anatomy import Network, Parts, activation, anatomy, gain, parts, rotation

_LONGEST = 256
"""Beyond this length, attention that skips the future costs less than one that computes and hides it."""


def serves(network: nn.Module, ids: Tensor) -> bool:
    """Whether this module can stand in for the forward pass of ``network`` on ``ids``."""
    inner = anatomy(network)
    if inner is None or ids.device.type != "cpu" or ids.shape[1] > _LONGEST:
        return False
    if inner._compiled_call_impl is not None:
        return False  # somebody asked for a compiled one
    config: Any = inner.config
    return (
        config.num_attention_heads == config.num_key_value_heads
        and config.hidden_size == config.num_attention_heads * config.head_dim
        and not config.attention_dropout
        and inner.embed_tokens.weight.dtype == torch.float32
    )


class Given(NamedTuple):
    """What one network has read for another to go on from.

    kept: a layer each, (2, batch * heads, longest, head), keys and values. seen: (batch, longest), false
    where a row has ended.
    """

    kept: list[Tensor]
    seen: Tensor


def hidden_states(
    network: Network,
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
    mask = torch.zeros(length, length)
    if not bidirectional:
        mask.fill_(-torch.inf).triu_(1)
    before = torch.zeros(1, dtype=torch.long)
    if given is not None:
        before = given.seen.sum(1)
        hidden = torch.zeros(given.seen.shape).masked_fill_(~given.seen, -torch.inf)
        mask = torch.cat(
            [hidden[:, None].expand(-1, length, -1), mask.expand(batch, length, length)], -1
        ).repeat_interleave(_heads(network), 0)  # (batch * heads, length, all before and here)
    turns, epsilon = _turns(network, before, length), network.config.rms_norm_eps
    x = network.embed_tokens(ids).view(batch * length, -1)
    for number, layer in enumerate(_layers(network, products)):
        past = None if given is None else given.kept[number]
        x, _ = _through(x, layer, past, turns, mask, activation(network), epsilon)
    x = _only_normed(x, epsilon) * gain(network.norm)
    return x.view(batch, length, -1)


def read(network: Network, ids: Tensor, lengths: Tensor, products: torch.dtype = torch.float32) -> Given:
    """Read ``ids`` (batch, longest), of which the first ``lengths`` (batch,) of each row are text, from both
    sides.
    """
    batch, longest = ids.shape
    seen = torch.arange(longest) < lengths[:, None]
    mask = torch.zeros(seen.shape).masked_fill_(~seen, -torch.inf)
    mask = mask.repeat_interleave(_heads(network), 0)[:, None]
    turns, epsilon = _turns(network, torch.zeros(1, dtype=torch.long), longest), network.config.rms_norm_eps
    x = network.embed_tokens(ids).view(batch * longest, -1)
    kept: list[Tensor] = []
    for layer in _layers(network, products):
        if len(kept) + 1 == len(network.layers):  # nobody asks for the hidden states after the last one
            _, told = _attended(x, layer.joint, layer.turned, None, turns, mask, epsilon)
        else:
            x, told = _through(x, layer, None, turns, mask, activation(network), epsilon)
        kept.append(told)
    return Given(kept, seen)


def _through(
    x: Tensor, layer: Parts, past: Tensor | None, turns: Tensor, mask: Tensor, gate: str, epsilon: float
) -> tuple[Tensor, Tensor]:
    """``x`` after one layer, and the keys and values that it made."""
    mixed, kept = _attended(x, layer.joint, layer.turned, past, turns, mask, epsilon)
    x = _joined(x, _product(mixed, layer.output.T), layer.after_attention, epsilon)
    active = _gated(x, layer.gate_up, gate, epsilon)
    return _joined(x, _product(active, layer.down.T), layer.after_feeding, epsilon), kept


def _heads(network: Network) -> int:
    return int(network.config.num_attention_heads)


def _layers(network: Network, products: torch.dtype) -> Iterator[Parts]:
    for layer in network.layers:
        yield parts(layer, cast(int, network.config.head_dim)).to(products, torch.float32)


def _turns(network: Network, before: Tensor, length: int) -> Tensor:
    """(rows or 1, length, 1, half of a head) unit complex numbers of the places after ``before`` (rows,)."""
    places = before[:, None] + torch.arange(length)
    cosine, sine = rotation(network, places.flatten(), torch.empty(0))
    return torch.complex(cosine, sine).view(*places.shape, 1, -1)


def _product(x: Tensor, weight: Tensor) -> Tensor:
    """``x @ weight`` in the precision of ``weight``, as fp32."""
    return (x.to(weight.dtype) @ weight).float()


def _normed(x: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Last dimensions of root mean square 1, and by what they were multiplied: (..., width), (..., 1)."""
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    factor = length.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
    return x * factor, factor


def _before_norm(gradient: Tensor, normed: Tensor, factor: Tensor) -> Tensor:
    """The gradient of what was normed; overwrites ``gradient``, that of the outcome."""
    along = torch.linalg.vecdot(gradient, normed)[..., None].div_(-normed.shape[-1])
    return gradient.addcmul_(normed, along).mul_(factor)


def _joined(x: Tensor, added: Tensor, after: Tensor | None, epsilon: float) -> Tensor:
    """``x + added``, the latter normed first where that has gains."""
    return x + added if after is None else _normed_and_joined(x, added, after, epsilon)


class _NormAndJoin(Function):
    """``x + after * norm(added)``."""

    @staticmethod
    def forward(context: Any, x: Tensor, added: Tensor, after: Tensor, epsilon: float) -> Tensor:
        normed, factor = _normed(added, epsilon)
        context.save_for_backward(normed, factor, after)
        return torch.addcmul(x, normed, after)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        normed, factor, after = context.saved_tensors
        [gradient] = gradients
        into_after = (gradient * normed).sum(0)
        return gradient, _before_norm(gradient * after, normed, factor), into_after, None


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
    """``attention(norm(x))``, and the keys and values that it made: (2, batch * heads, length, head).

    joint: (3 width, width) makes queries, keys and values. turned: (2, head), gains of norms of queries and
    keys, where these are normed. past: keys and values that stand before, of the form of those made. turns:
    (batch or 1, length, 1, head / 2) rotations. mask: is added to (batch * heads, length, all keys).
    """

    @staticmethod
    def forward(
        context: Any,
        x: Tensor,
        joint: Tensor,
        turned: Tensor | None,
        past: Tensor | None,
        turns: Tensor,
        mask: Tensor,
        epsilon: float,
    ) -> tuple[Tensor, Tensor]:
        context.set_materialize_grads(False)
        width, length, half = x.shape[1], turns.shape[1], turns.shape[-1]
        shape = (len(x) // length, length, width // (2 * half), 2 * half)  # batch, length, heads, head
        normed, factor = _normed(x, epsilon)
        made = _product(normed, joint.T).view(*shape[:2], 3, *shape[2:])
        straight = made[:, :, :2]
        if turned is not None:
            context.normed, context.factor = _normed(straight, epsilon)  # queries and keys
            straight = context.normed * turned[:, None]
        query = torch.empty(shape[0], shape[2], length, 2 * half)
        kept = torch.empty(2, *query.shape)  # keys and values, head by head
        for number, outcome in enumerate((query, kept[0])):
            before = torch.view_as_complex(straight[:, :, number].view(*shape[:3], half, 2))
            after = torch.view_as_complex(outcome.view(*outcome.shape[:3], half, 2))
            torch.mul(before, turns, out=after.transpose(1, 2))
        kept[1].copy_(made[:, :, 2].transpose(1, 2))
        query, kept = query.view(-1, length, 2 * half), kept.view(2, -1, length, 2 * half)
        key, value = kept if past is None else torch.cat([past, kept], 2)
        seen = torch.softmax(torch.baddbmm(mask, query, key.mT), -1)  # (batch * heads, length, all keys)
        mixed = torch.bmm(seen, value).view(shape[0], -1, length, 2 * half).transpose(1, 2).reshape(x.shape)
        context.save_for_backward(normed, factor, query, key, value, seen, joint, turned, turns)
        return mixed, kept

    @staticmethod
    def backward(context: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        normed, factor, query, key, value, seen, joint, turned, turns = context.saved_tensors
        of_mixed, of_kept = gradients
        length, half = turns.shape[1], turns.shape[-1]
        batch, size = len(normed) // length, 2 * half
        heads, before = normed.shape[1] // size, key.shape[1] - length
        into_query, into_all = torch.zeros_like(query), torch.zeros(2, *key.shape)
        if of_mixed is not None:  # the last layer of an encoder is read for its keys and values only
            of_mixed = of_mixed.view(batch, length, heads, size).transpose(1, 2).reshape(-1, length, size)
            into_seen = torch.bmm(of_mixed, value.mT)
            into_scores = torch._softmax_backward_data(into_seen, seen, -1, seen.dtype)
            torch.bmm(into_scores, key, out=into_query)
            torch.bmm(into_scores.mT, query, out=into_all[0])
            torch.bmm(seen.mT, of_mixed, out=into_all[1])
        into_past = into_all[:, :, :before] if before else None
        into_kept = into_all[:, :, before:]
        if of_kept is not None:
            into_kept += of_kept
        into_made = torch.empty(batch, length, 3, heads, size)
        straight = into_made[:, :, :2]
        for number, part in enumerate((into_query, into_kept[0])):
            after = torch.view_as_complex(part.view(batch, heads, length, half, 2)).transpose(1, 2)
            outcome = torch.view_as_complex(straight[:, :, number].view(batch, length, heads, half, 2))
            torch.mul(after, turns.conj_physical(), out=outcome)
        into_turned = None
        if turned is not None:
            into_turned = torch.mul(context.normed, straight).view(len(normed), -1).sum(0)
            into_turned = into_turned.view(2, heads, size).sum(1)
            _before_norm(straight.mul_(turned[:, None]), context.normed, context.factor)
        into_made[:, :, 2].copy_(into_kept[1].view(batch, heads, length, size).transpose(1, 2))
        short = into_made.view(len(normed), -1).to(joint.dtype)
        into_x = _before_norm(_product(short, joint), normed, factor)
        return into_x, short.T @ normed.to(short), into_turned, into_past, None, None, None


class _Gated(Function):
    """``act(gate(norm(x))) * up(norm(x))``; ``gate_up`` (2 hidden, width) is both."""

    @staticmethod
    def forward(context: Any, x: Tensor, gate_up: Tensor, kind: str, epsilon: float) -> Tensor:
        normed, factor = _normed(x, epsilon)
        made = _product(normed, gate_up.T)
        gate, up = made.chunk(2, 1)
        act = nn.functional.silu(gate) if kind == "silu" else nn.functional.gelu(gate, approximate="tanh")
        context.kind = kind
        context.save_for_backward(normed, factor, made, act, gate_up)
        return act * up

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        normed, factor, made, act, gate_up = context.saved_tensors
        [gradient] = gradients
        gate, up = made.chunk(2, 1)
        into_made = torch.empty_like(made)
        into_gate, into_up = into_made.chunk(2, 1)
        torch.mul(gradient, act, out=into_up)
        into_act = gradient * up
        if context.kind == "silu":
            torch.ops.aten.silu_backward.grad_input(into_act, gate, grad_input=into_gate)
        else:
            torch.ops.aten.gelu_backward.grad_input(into_act, gate, approximate="tanh", grad_input=into_gate)
        short = into_made.to(gate_up.dtype)
        into_x = _before_norm(_product(short, gate_up), normed, factor)
        return into_x, short.T @ normed.to(short), None, None


_only_normed = cast(Callable[..., Tensor], _Norm.apply)
_normed_and_joined = cast(Callable[..., Tensor], _NormAndJoin.apply)
_attended = cast(Callable[..., tuple[Tensor, Tensor]], _Attention.apply)
_gated = cast(Callable[..., Tensor], _Gated.apply)

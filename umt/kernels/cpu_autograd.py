"""Each half of a layer as one function with a backward pass of its own (`umt.kernels.cpu_loops`).

x is (batch * length, width), fp32; weights are in the precision of products, gains in fp32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

from umt.kernels import cpu_loops as layer_loops
from umt.kernels.cpu_loops import bits


def _gains(gains: Tensor | None, like: Tensor, width: int) -> Any:
    return bits(like.new_empty(0, width) if gains is None else gains)


class _Norm(Function):
    """``norm(x)``."""

    @staticmethod
    def forward(context: Any, x: Tensor, epsilon: float) -> Tensor:
        normed, factors = _normed(x, x.dtype, epsilon)
        context.save_for_backward(x, factors)
        return normed

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        x, factors = context.saved_tensors
        into_x = torch.zeros_like(x)
        layer_loops.before_norm(bits(gradients[0].contiguous()), bits(x), bits(factors), bits(into_x))
        return into_x, None


def _normed(x: Tensor, products: torch.dtype, epsilon: float) -> tuple[Tensor, Tensor]:
    """``norm(x)`` in the precision of products, and (rows,) the factors that make it."""
    normed, factors = torch.empty_like(x, dtype=products), x.new_empty(len(x))
    layer_loops.norm(bits(x), epsilon, bits(normed), bits(factors))
    return normed, factors


def _joined(x: Tensor, added: Tensor, after: Tensor | None, epsilon: float) -> tuple[Tensor, Tensor]:
    """``x + after * norm(added)``, or ``x + added`` where there are no gains; and the factors of the norm."""
    joined, factors = torch.empty_like(x), x.new_empty(len(x))
    gains = x.new_empty(0) if after is None else after
    layer_loops.join(bits(x), bits(added), bits(gains), epsilon, bits(joined), bits(factors))
    return joined, factors


def _before_join(
    into_joined: Tensor, added: Tensor, after: Tensor | None, factors: Tensor
) -> tuple[Tensor, Tensor | None]:
    """The gradients of what was added, and of the gains."""
    into_added = torch.empty_like(added)
    gains = factors.new_empty(0) if after is None else after
    total = torch.zeros_like(gains)
    given = (bits(each) for each in (into_joined, added, gains, factors, into_added, total))
    layer_loops.before_join(*given)
    return into_added, None if after is None else total


class _Attention(Function):
    """``x + after(attention(norm(x)))``, and the keys and values made: (2, batch * heads, length, head).

    joint: (3 width, width) makes queries, keys and values. turned: (2, head), gains of norms of queries and
    keys, where these are normed. output: (width, width); None: only keys and values are wanted. after: gains
    of the norm of what is added, where there is one. past: keys and values that stand before, of the form of
    those made. turns: (batch or 1, length, 1, head / 2) rotations. mask: is added to (batch * heads, length,
    all keys), in the precision in which attention multiplies.
    """

    @staticmethod
    def forward(
        context: Any,
        x: Tensor,
        joint: Tensor,
        turned: Tensor | None,
        output: Tensor | None,
        after: Tensor | None,
        past: Tensor | None,
        turns: Tensor,
        mask: Tensor,
        epsilon: float,
    ) -> tuple[Tensor | None, Tensor]:
        context.set_materialize_grads(False)
        (rows, width), length, size = x.shape, turns.shape[1], 2 * turns.shape[-1]
        shape = (rows // length, width // size, length, size)  # batch, heads, length, head
        normed, factors = _normed(x, joint.dtype, epsilon)
        made = normed @ joint.T
        query, kept = mask.new_empty(shape), mask.new_empty(2, *shape)
        heads = x.new_empty(rows, 2 * shape[1])
        gains, turns = _gains(turned, x, size), turns.squeeze(2)
        layer_loops.turn(bits(made), gains, epsilon, bits(turns), bits(query), bits(kept), bits(heads))
        query, kept = query.view(-1, length, size), kept.view(2, -1, length, size)
        context.shape, context.turns, context.precision = shape, turns, mask.dtype
        if output is None:
            context.save_for_backward(x, factors, normed, made, heads, joint, turned)
            return None, kept
        key, value = kept if past is None else torch.cat([past, kept], 2)
        seen = torch.softmax(torch.baddbmm(mask, query, key.mT), -1)  # (batch * heads, length, all keys)
        mixed = torch.empty_like(normed)
        _by_row(mixed, shape).copy_(torch.bmm(seen, value).view(shape))
        added = mixed @ output.T
        joined, last = _joined(x, added, after, epsilon)
        context.save_for_backward(
            x, factors, normed, made, heads, joint, turned, query, key, value, seen, mixed, output, added,
            after, last,
        )  # fmt: skip
        return joined, kept

    @staticmethod
    def backward(context: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        x, factors, normed, made, heads, joint, turned, *rest = context.saved_tensors
        shape, turns, into_joined, of_kept = context.shape, context.turns, *gradients
        length, size = shape[2:]
        into_query, into_past = x.new_zeros(shape, dtype=context.precision), None
        into_output = into_after = None
        into_kept = into_query.new_zeros(2, shape[0] * shape[1], length, size)
        if into_joined is not None:
            query, key, value, seen, mixed, output, added, after, last = rest
            into_added, into_after = _before_join(into_joined.contiguous(), added, after, last)
            into_output = into_added.T @ mixed
            of_mixed = torch.empty_like(query)
            of_mixed.view(shape).copy_(_by_row(into_added @ output, shape))
            into_seen = torch.bmm(of_mixed, value.mT)
            into_scores = torch._softmax_backward_data(into_seen, seen, -1, seen.dtype)
            torch.bmm(into_scores, key, out=into_query.view(query.shape))
            into_all, before = key.new_empty(2, *key.shape), key.shape[1] - length
            torch.bmm(into_scores.mT, query, out=into_all[0])
            torch.bmm(seen.mT, of_mixed, out=into_all[1])
            into_past = into_all[:, :, :before] if before else None
            into_kept = into_all[:, :, before:]
        if of_kept is not None:
            into_kept = into_kept + of_kept
        into_made, into_turned = torch.empty_like(made), x.new_zeros(2 if turned is not None else 0, size)
        layer_loops.before_turn(
            bits(into_query), bits(into_kept.contiguous().view(2, *shape)), bits(made),
            _gains(turned, x, size), bits(heads), bits(turns), bits(into_made), bits(into_turned),
        )  # fmt: skip
        into_x = torch.zeros_like(x) if into_joined is None else into_joined.clone()
        layer_loops.before_norm(bits(into_made @ joint), bits(x), bits(factors), bits(into_x))
        into_gains = None if turned is None else into_turned
        told = into_x, into_made.T @ normed, into_gains, into_output, into_after, into_past
        return *told, None, None, None


def _by_row(rows: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
    """(batch, heads, length, head) of what lies as (batch * length, heads * head)."""
    batch, heads, length, size = shape
    return rows.view(batch, length, heads, size).transpose(1, 2)


class _Feeding(Function):
    """``x + after(down(act(gate(norm(x))) * up(norm(x))))``; ``gate_up`` (2 hidden, width) is both."""

    @staticmethod
    def forward(
        context: Any,
        x: Tensor,
        gate_up: Tensor,
        down: Tensor,
        after: Tensor | None,
        kind: str,
        epsilon: float,
    ) -> Tensor:
        normed, factors = _normed(x, gate_up.dtype, epsilon)
        made = normed @ gate_up.T
        active = made.new_empty(len(x), down.shape[1])
        context.smooth = kind != "silu"
        layer_loops.gate(bits(made), context.smooth, bits(active))
        added = active @ down.T
        joined, last = _joined(x, added, after, epsilon)
        context.save_for_backward(x, factors, normed, made, active, added, last, gate_up, down, after)
        return joined

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, factors, normed, made, active, added, last, gate_up, down, after = context.saved_tensors
        into_joined = gradients[0].contiguous()
        into_added, into_after = _before_join(into_joined, added, after, last)
        into_made, into_active = torch.empty_like(made), into_added @ down
        layer_loops.before_gate(bits(into_active), bits(made), context.smooth, bits(into_made))
        into_x = into_joined.clone()
        layer_loops.before_norm(bits(into_made @ gate_up), bits(x), bits(factors), bits(into_x))
        return into_x, into_made.T @ normed, into_added.T @ active, into_after, None, None


only_normed = cast(Callable[..., Tensor], _Norm.apply)
attended = cast(Callable[..., tuple[Tensor, Tensor]], _Attention.apply)
fed = cast(Callable[..., Tensor], _Feeding.apply)

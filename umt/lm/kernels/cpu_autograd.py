"""Each half of a layer as one function with a backward pass of its own (`umt.lm.kernels.cpu_loops`).

x is (batch * length, width), fp32; weights are in the precision of the products, gains in fp32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

from umt.lm.kernels import cpu_loops
from umt.lm.kernels.cpu_loops import as_array


def _gains(gains: Tensor | None, like: Tensor, width: int) -> Any:
    """(2, width) of norms of queries and keys, or (0, width) where there are none."""
    return as_array(like.new_empty(0, width) if gains is None else gains)


class _RmsNorm(Function):
    """``norm(x)`` without gains."""

    @staticmethod
    def forward(context: Any, x: Tensor, epsilon: float) -> Tensor:
        normed, factors = _normed(x, x.dtype, epsilon)
        context.save_for_backward(x, factors)
        return normed

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        x, factors = context.saved_tensors
        into_x = torch.zeros_like(x)
        cpu_loops.rms_norm_backward(
            as_array(gradients[0].contiguous()), as_array(x), as_array(factors), as_array(into_x)
        )
        return into_x, None


def _normed(x: Tensor, dtype: torch.dtype, epsilon: float) -> tuple[Tensor, Tensor]:
    """``norm(x)`` in the precision of products, and (rows,) the factors that make it."""
    normed, factors = torch.empty_like(x, dtype=dtype), x.new_empty(len(x))
    cpu_loops.rms_norm(as_array(x), epsilon, as_array(normed), as_array(factors))
    return normed, factors


def _joined(x: Tensor, added: Tensor, after: Tensor | None, epsilon: float) -> tuple[Tensor, Tensor]:
    """``x + after * norm(added)``, or ``x + added`` without gains; and (rows,) factors of the norm."""
    joined, factors = torch.empty_like(x), x.new_empty(len(x))
    gains = x.new_empty(0) if after is None else after
    cpu_loops.residual_norm(
        as_array(x), as_array(added), as_array(gains), epsilon, as_array(joined), as_array(factors)
    )
    return joined, factors


def _residual_backward(
    into_joined: Tensor, added: Tensor, after: Tensor | None, factors: Tensor
) -> tuple[Tensor, Tensor | None]:
    """The gradients of what was added, (rows, width), and of the gains, (width,)."""
    into_added = torch.empty_like(added)
    gains = factors.new_empty(0) if after is None else after
    total = torch.zeros_like(gains)
    arrays = (as_array(each) for each in (into_joined, added, gains, factors, into_added, total))
    cpu_loops.residual_norm_backward(*arrays)
    return into_added, None if after is None else total


class _AttentionBlock(Function):
    """``x + after(attention(norm(x)))``, and the keys and values made: (2, batch * heads, length, dim).

    x: (batch * length, width).
    qkv: (3 width, width), makes queries, keys and values.
    qk_norm: (2, dim), gains of the norms of queries and keys; None where these are not normed.
    output: (width, width); None: only keys and values are wanted.
    after: (width,), gains of the norm of what is added; None without one.
    past: (2, batch * heads, past, dim), keys and values that stand before; None without any.
    turns: (batch or 1, length, 1, dim / 2), rotations as unit complex numbers.
    mask: is added to scores (batch * heads, length, all keys), in the precision of attention's products.
    """

    @staticmethod
    def forward(
        context: Any,
        x: Tensor,
        qkv: Tensor,
        qk_norm: Tensor | None,
        output: Tensor | None,
        after: Tensor | None,
        past: Tensor | None,
        turns: Tensor,
        mask: Tensor,
        epsilon: float,
    ) -> tuple[Tensor | None, Tensor]:
        """(rows, width), fp32, or None without ``output``; and the keys and values. Shapes: see the class."""
        context.set_materialize_grads(False)
        (rows, width), length, size = x.shape, turns.shape[1], 2 * turns.shape[-1]
        shape = (rows // length, width // size, length, size)  # batch, heads, length, head
        normed, factors = _normed(x, qkv.dtype, epsilon)
        made = normed @ qkv.T
        query, made_kv = mask.new_empty(shape), mask.new_empty(2, *shape)
        heads = x.new_empty(rows, 2 * shape[1])
        gains, turns = _gains(qk_norm, x, size), turns.squeeze(2)
        cpu_loops.rope(
            as_array(made),
            gains,
            epsilon,
            as_array(turns),
            as_array(query),
            as_array(made_kv),
            as_array(heads),
        )
        query, made_kv = query.view(-1, length, size), made_kv.view(2, -1, length, size)
        context.shape, context.turns, context.precision = shape, turns, mask.dtype
        if output is None:
            context.save_for_backward(x, factors, normed, made, heads, qkv, qk_norm)
            return None, made_kv
        key, value = made_kv if past is None else torch.cat([past, made_kv], 2)
        shares = torch.softmax(torch.baddbmm(mask, query, key.mT), -1)  # (batch * heads, length, all keys)
        mixed = torch.empty_like(normed)
        _by_row(mixed, shape).copy_(torch.bmm(shares, value).view(shape))
        added = mixed @ output.T
        joined, last = _joined(x, added, after, epsilon)
        context.save_for_backward(
            x, factors, normed, made, heads, qkv, qk_norm, query, key, value, shares, mixed, output, added,
            after, last,
        )  # fmt: skip
        return joined, made_kv

    @staticmethod
    def backward(context: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """gradients: of the states, (rows, width), and of the keys and values made; None where unused."""
        x, factors, normed, made, heads, qkv, qk_norm, *rest = context.saved_tensors
        shape, turns, into_joined, of_kv = context.shape, context.turns, *gradients
        length, size = shape[2:]
        into_query, into_past = x.new_zeros(shape, dtype=context.precision), None
        into_output = into_after = None
        into_kv = into_query.new_zeros(2, shape[0] * shape[1], length, size)
        if into_joined is not None:
            query, key, value, shares, mixed, output, added, after, last = rest
            into_added, into_after = _residual_backward(into_joined.contiguous(), added, after, last)
            into_output = into_added.T @ mixed
            of_mixed = torch.empty_like(query)
            of_mixed.view(shape).copy_(_by_row(into_added @ output, shape))
            into_shares = torch.bmm(of_mixed, value.mT)
            into_scores = torch._softmax_backward_data(into_shares, shares, -1, shares.dtype)
            torch.bmm(into_scores, key, out=into_query.view(query.shape))
            into_all, before = key.new_empty(2, *key.shape), key.shape[1] - length
            torch.bmm(into_scores.mT, query, out=into_all[0])
            torch.bmm(shares.mT, of_mixed, out=into_all[1])
            into_past = into_all[:, :, :before] if before else None
            into_kv = into_all[:, :, before:]
        if of_kv is not None:
            into_kv = into_kv + of_kv
        into_made, into_qk_norm = torch.empty_like(made), x.new_zeros(2 if qk_norm is not None else 0, size)
        cpu_loops.rope_backward(
            as_array(into_query), as_array(into_kv.contiguous().view(2, *shape)), as_array(made),
            _gains(qk_norm, x, size), as_array(heads), as_array(turns), as_array(into_made),
            as_array(into_qk_norm),
        )  # fmt: skip
        into_x = torch.zeros_like(x) if into_joined is None else into_joined.clone()
        cpu_loops.rms_norm_backward(
            as_array(into_made @ qkv), as_array(x), as_array(factors), as_array(into_x)
        )
        into_gains = None if qk_norm is None else into_qk_norm
        into_weights = into_x, into_made.T @ normed, into_gains, into_output, into_after, into_past
        return *into_weights, None, None, None


def _by_row(rows: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
    """(batch, heads, length, head) of what lies as (batch * length, heads * head)."""
    batch, heads, length, size = shape
    return rows.view(batch, length, heads, size).transpose(1, 2)


class _MlpBlock(Function):
    """``x + after(down(act(gate(norm(x))) * up(norm(x))))``.

    gate_up: (2 hidden, width), gates, then ups. down: (width, hidden). after: (width,) gains of the norm of
    what is added, None without one. kind: the activation, ``silu`` or ``gelu_pytorch_tanh``.
    """

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
        """(rows, width), fp32, of ``x`` (rows, width), fp32."""
        normed, factors = _normed(x, gate_up.dtype, epsilon)
        made = normed @ gate_up.T
        active = made.new_empty(len(x), down.shape[1])
        context.smooth = kind != "silu"
        cpu_loops.gated_act(as_array(made), context.smooth, as_array(active))
        added = active @ down.T
        joined, last = _joined(x, added, after, epsilon)
        context.save_for_backward(x, factors, normed, made, active, added, last, gate_up, down, after)
        return joined

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, factors, normed, made, active, added, last, gate_up, down, after = context.saved_tensors
        into_joined = gradients[0].contiguous()
        into_added, into_after = _residual_backward(into_joined, added, after, last)
        into_made, into_active = torch.empty_like(made), into_added @ down
        cpu_loops.gated_act_backward(
            as_array(into_active), as_array(made), context.smooth, as_array(into_made)
        )
        into_x = into_joined.clone()
        cpu_loops.rms_norm_backward(
            as_array(into_made @ gate_up), as_array(x), as_array(factors), as_array(into_x)
        )
        return into_x, into_made.T @ normed, into_added.T @ active, into_after, None, None


rms_norm = cast(Callable[..., Tensor], _RmsNorm.apply)
attention_block = cast(Callable[..., tuple[Tensor, Tensor]], _AttentionBlock.apply)
mlp_block = cast(Callable[..., Tensor], _MlpBlock.apply)

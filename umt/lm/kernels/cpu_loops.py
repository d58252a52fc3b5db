"""What lies between the products of a layer, and its gradients, as loops over rows.

In torch these steps are dozens of passes over memory, which on a processor take nearly as long as the
products of a small network. Here each is one pass, beginning with what one product has written and ending
with what the next one reads. Numbers in bf16 come as their bits, uint16; between, all is fp32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numba import types
from torch import Tensor

from umt.runtime.jit import jit_fastmath, jit_overload


def as_array(tensor: Tensor) -> Any:
    """The numbers of a tensor on the processor, as the loops take them."""
    tensor = tensor.detach()
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def load(number: Any) -> Any:
    """An fp32 number of one that is, or of the bits of one in bf16."""
    raise NotImplementedError("compiled code only")


def store(number: Any, like: Any) -> Any:
    """What `load` reads, of the type of ``like``; rounds to even."""
    raise NotImplementedError("compiled code only")


@jit_overload(load)
def _load(number: Any) -> Any:
    if isinstance(number, types.Integer):
        return lambda number: np.uint32(np.uint32(number) << np.uint32(16)).view(np.float32)
    return lambda number: number


@jit_overload(store)
def _store(number: Any, like: Any) -> Any:
    if not isinstance(like, types.Integer):
        return lambda number, like: number

    def rounded(number: Any, like: Any) -> Any:
        bits = np.float32(number).view(np.uint32)
        odd = (bits >> np.uint32(16)) & np.uint32(1)
        return np.uint16((bits + np.uint32(0x7FFF) + odd) >> np.uint32(16))

    return rounded


@jit_fastmath
def exponential(x: Any) -> Any:
    """e ** x in fp32, as precise as that is, in steps that a processor takes for many numbers at once.

    2 to the whole part of x / log 2 is written as the bits of a number; a polynomial does the rest (Cephes).
    """
    x = min(max(x, np.float32(-87)), np.float32(88))
    whole = np.floor(x * np.float32(1.4426950408889634) + np.float32(0.5))
    rest = x - whole * np.float32(0.693359375) + whole * np.float32(2.12194440e-4)
    value = np.float32(1.9875691500e-4)
    value = value * rest + np.float32(1.3981999507e-3)
    value = value * rest + np.float32(8.3334519073e-3)
    value = value * rest + np.float32(4.1665795894e-2)
    value = value * rest + np.float32(1.6666665459e-1)
    value = value * rest + np.float32(5.0000001201e-1)
    value = value * rest * rest + rest + np.float32(1)
    return value * np.int32((whole + np.float32(127)) * np.float32(2**23)).view(np.float32)


@jit_fastmath
def max_by_bits(line: Any) -> Any:
    """The largest of ``line`` (n,), in fp32: found among their bits, many of which are compared at once,
    and which are in order once those of negative ones are turned round.
    """
    top = np.int32(-(2**31))
    for i in range(len(line)):
        number = np.float32(load(line[i])).view(np.int32)
        top = max(top, np.int32(number ^ ((number >> np.int32(31)) & np.int32(2**31 - 1))))
    return np.int32(top ^ ((top >> np.int32(31)) & np.int32(2**31 - 1))).view(np.float32)


@jit_fastmath
def rms_norm(x: Any, epsilon: Any, normed: Any, factors: Any) -> None:
    """``normed`` is ``x`` (rows, width) at root mean square 1, ``factors`` (rows,) what it took."""
    rows, width = x.shape
    for row in range(rows):
        mine, out = x[row], normed[row]
        square = np.float32(0)
        for i in range(width):
            square += mine[i] * mine[i]
        factor = np.float32(1 / math.sqrt(square / width + epsilon))
        factors[row] = factor
        for i in range(width):
            out[i] = store(factor * mine[i], out[i])


@jit_fastmath
def rms_norm_backward(into_normed: Any, x: Any, factors: Any, into_x: Any) -> None:
    """Add to ``into_x`` what comes through the norm; all (rows, width), but ``factors`` (rows,)."""
    rows, width = x.shape
    for row in range(rows):
        mine, outer, into, factor = x[row], into_normed[row], into_x[row], factors[row]
        along = np.float32(0)
        for i in range(width):
            along += load(outer[i]) * mine[i]
        along *= factor * factor / np.float32(width)
        for i in range(width):
            into[i] += factor * (load(outer[i]) - along * mine[i])


@jit_fastmath
def residual_norm(x: Any, added: Any, after: Any, epsilon: Any, joined: Any, factors: Any) -> None:
    """``joined`` is ``x`` and ``added``, in its norm with gains ``after``, or as it is where there are none.

    x, added, joined: (rows, width). after: (width,) or (0,). factors: (rows,), filled in, of the norm.
    """
    rows, width = x.shape
    for row in range(rows):
        mine, more, out = x[row], added[row], joined[row]
        if not len(after):
            for i in range(width):
                out[i] = mine[i] + load(more[i])
            continue
        square = np.float32(0)
        for i in range(width):
            square += load(more[i]) ** 2
        factor = np.float32(1 / math.sqrt(square / width + epsilon))
        factors[row] = factor
        for i in range(width):
            out[i] = mine[i] + factor * load(more[i]) * after[i]


@jit_fastmath
def residual_norm_backward(
    into_joined: Any, added: Any, after: Any, factors: Any, into_added: Any, into_after: Any
) -> None:
    """The gradient ``into_added`` (rows, width) and, added to ``into_after`` (width,), that of the gains.

    into_joined, added: (rows, width). after: (width,) or, without a norm, (0,). factors: (rows,).
    """
    rows, width = added.shape
    for row in range(rows):
        outer, more, into, factor = into_joined[row], added[row], into_added[row], factors[row]
        if not len(after):
            for i in range(width):
                into[i] = store(outer[i], into[i])
            continue
        along = np.float32(0)
        for i in range(width):
            into_after[i] += outer[i] * factor * load(more[i])
            along += outer[i] * after[i] * load(more[i])
        along *= factor * factor / np.float32(width)
        for i in range(width):
            into[i] = store(factor * (outer[i] * after[i] - along * load(more[i])), into[i])


@jit_fastmath
def gated_act(made: Any, smooth: Any, active: Any) -> None:
    """``active`` (rows, hidden) is act(gate) * up of ``made`` (rows, 2 hidden), gate then up.

    act: x / (1 + e ** -z), where z is x for silu, and for gelu, ``smooth``, the cubic that the approximation
    by tanh stands for.
    """
    rows, hidden = active.shape
    linear = np.float32(2 * math.sqrt(2 / math.pi) if smooth else 1)
    cubic = np.float32(0.044715 if smooth else 0)
    for row in range(rows):
        gates, ups, mine = made[row, :hidden], made[row, hidden:], active[row]
        for i in range(hidden):
            x = load(gates[i])
            z = linear * (x + cubic * x * x * x)
            mine[i] = store(x / (np.float32(1) + exponential(-z)) * load(ups[i]), mine[i])


@jit_fastmath
def gated_act_backward(into_active: Any, made: Any, smooth: Any, into_made: Any) -> None:
    """The gradient ``into_made`` (rows, 2 hidden), of ``into_active`` (rows, hidden); see `gated_act`."""
    rows, hidden = into_active.shape
    linear = np.float32(2 * math.sqrt(2 / math.pi) if smooth else 1)
    cubic = np.float32(0.044715 if smooth else 0)
    for row in range(rows):
        gates, ups, outer = made[row, :hidden], made[row, hidden:], into_active[row]
        into_gates, into_ups = into_made[row, :hidden], into_made[row, hidden:]
        for i in range(hidden):
            x, more = load(gates[i]), load(outer[i])
            z = linear * (x + cubic * x * x * x)
            share = np.float32(1) / (np.float32(1) + exponential(-z))
            slope = linear * (np.float32(1) + np.float32(3) * cubic * x * x)
            into_ups[i] = store(more * x * share, into_ups[i])
            steep = share + x * share * (np.float32(1) - share) * slope
            into_gates[i] = store(more * load(ups[i]) * steep, into_gates[i])


@jit_fastmath
def rope(made: Any, gains: Any, epsilon: Any, turns: Any, query: Any, made_kv: Any, factors: Any) -> None:
    """Queries, and keys and values, head by head and rotated, of what one product has made.

    made: (batch * length, 3 * heads * dim) queries, keys, values.
    gains: (2, dim) of norms of queries and keys, (0, dim) where there are none.
    turns: (batch or 1, length, dim / 2) rotations as unit complex numbers.
    query, filled in: (batch, heads, length, dim). made_kv, filled in: (2, batch, heads, length, dim).
    factors, filled in: (batch * length, 2 * heads) of the norms.
    """
    batch, heads, length, dim = query.shape
    line = np.empty(dim, np.float32)
    for row in range(batch * length):
        number, place = row // length, row % length
        turned = turns[number % len(turns), place]
        for part in range(2):
            for head in range(heads):
                at = (part * heads + head) * dim
                mine = made[row, at : at + dim]
                for i in range(dim):
                    line[i] = load(mine[i])
                if len(gains):
                    square = np.float32(0)
                    for i in range(dim):
                        square += line[i] * line[i]
                    factor = np.float32(1 / math.sqrt(square / dim + epsilon))
                    factors[row, part * heads + head] = factor
                    gain = gains[part]
                    for i in range(dim):
                        line[i] *= factor * gain[i]
                out = query[number, head, place] if part == 0 else made_kv[0, number, head, place]
                for i in range(dim // 2):
                    cosine, sine = turned[i].real, turned[i].imag
                    left, right = line[2 * i], line[2 * i + 1]
                    out[2 * i] = store(left * cosine - right * sine, out[2 * i])
                    out[2 * i + 1] = store(left * sine + right * cosine, out[2 * i])
        for head in range(heads):
            at = (2 * heads + head) * dim
            mine, out = made[row, at : at + dim], made_kv[1, number, head, place]
            for i in range(dim):
                out[i] = store(load(mine[i]), out[i])


@jit_fastmath
def rope_backward(
    into_query: Any,
    into_kv: Any,
    made: Any,
    gains: Any,
    factors: Any,
    turns: Any,
    into_made: Any,
    into_gains: Any,
) -> None:
    """The gradient ``into_made`` and, added to ``into_gains`` (2, dim), that of the gains.

    into_query, into_kv: the gradients of what `rope` fills in, of the same shapes; the others as there.
    """
    batch, heads, length, dim = into_query.shape
    line = np.empty(dim, np.float32)
    for row in range(batch * length):
        number, place = row // length, row % length
        turned = turns[number % len(turns), place]
        for part in range(2):
            for head in range(heads):
                outer = into_query[number, head, place] if part == 0 else into_kv[0, number, head, place]
                for i in range(dim // 2):
                    cosine, sine = turned[i].real, turned[i].imag
                    left, right = load(outer[2 * i]), load(outer[2 * i + 1])
                    line[2 * i] = left * cosine + right * sine
                    line[2 * i + 1] = right * cosine - left * sine
                at = (part * heads + head) * dim
                mine, into = made[row, at : at + dim], into_made[row, at : at + dim]
                if len(gains):
                    gain, total = gains[part], into_gains[part]
                    factor = factors[row, part * heads + head]
                    along = np.float32(0)
                    for i in range(dim):
                        total[i] += factor * load(mine[i]) * line[i]
                        line[i] *= gain[i]
                        along += load(mine[i]) * line[i]
                    along *= factor * factor / np.float32(dim)
                    for i in range(dim):
                        line[i] = factor * (line[i] - along * load(mine[i]))
                for i in range(dim):
                    into[i] = store(line[i], into[i])
        for head in range(heads):
            at = (2 * heads + head) * dim
            outer, into = into_kv[1, number, head, place], into_made[row, at : at + dim]
            for i in range(dim):
                into[i] = store(load(outer[i]), into[i])

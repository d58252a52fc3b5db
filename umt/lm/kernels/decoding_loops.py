"""Steps of decoding that are loops over rows, because products so small do not pay.

In torch a step of attention over a cache is eleven passes over memory, and a batch of products of one row
each; a norm, a sum and a norm are ten more calls. Here each is one pass, which reads no padding and leaves
the interpreter alone: generation is half as fast again on a processor.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types

from umt.lm.kernels.cpu_loops import exponential, load, max_by_bits, store
from umt.runtime.jit import jit_fastmath, jit_inline, jit_overload

_BLOCK = 64


@jit_fastmath
def argmax_nll(logits: Any, chosen: Any, nll: Any) -> None:
    """Fill in the first place of the largest of each row, and -log softmax there, in nats.

    logits: (rows, n), fp32 or the bits of bf16. chosen, nll: (rows,).
    """
    rows, size = logits.shape
    for row in range(rows):
        mine = logits[row]
        best, place = np.float32(-np.inf), 0
        for start in range(0, size, _BLOCK):
            top = max_by_bits(mine[start : start + _BLOCK])
            if top > best:
                best, place = top, start
        whole = np.float32(0)
        for i in range(size):
            whole += exponential(load(mine[i]) - best)
        for i in range(place, min(place + _BLOCK, size)):
            if load(mine[i]) == best:
                place = i
                break
        chosen[row], nll[row] = place, math.log(whole)


def _power(number: Any) -> Any:
    """e ** number, as precise as the number is."""
    raise NotImplementedError("compiled code only")


@jit_overload(_power)
def _powers(number: Any) -> Any:
    if number == types.float32:
        return lambda number: exponential(number)
    return lambda number: math.exp(number)


@jit_fastmath
def attend_to_cache(
    qkv: Any,
    qk_norm: Any,
    epsilon: Any,
    turns: Any,
    lengths: Any,
    places: Any,
    prompt: Any,
    generated: Any,
    beams: Any,
    step: Any,
    out: Any,
) -> None:
    """Rotate queries and keys, keep keys and values as those of ``step`` in each row, and attend.

    qkv: (rows, (heads + 2 key heads) * dim) queries, keys and values of this position; overwritten.
    qk_norm: (2, dim) gains of norms of queries and keys, or (0, dim) where these are not normed.
    turns: (context, dim / 2) unit complex numbers. lengths: (rows,) of each row's prompt.
    places: (rows,) that of the first step.
    prompt: (2, at least the sentences, key heads, longest, dim) keys and values, in any precision or the bits
    of bf16; a sentence has ``beams`` rows, which stand together.
    generated: (2, at least the rows, key heads, steps, dim), of which the first ``step`` are known and the
    next is filled in.
    out: (rows, heads * dim), filled in.
    """
    rows, kv_heads, dim = len(qkv), generated.shape[2], generated.shape[4]
    heads = out.shape[1] // dim
    query, mixed = np.empty(dim, qkv.dtype), np.empty(dim, qkv.dtype)
    weights = np.empty(prompt.shape[3] + generated.shape[3], qkv.dtype)
    for row in range(rows):
        sentence, length, size = row // beams, lengths[row], lengths[row] + step + 1
        turn = turns[min(places[row] + step, len(turns) - 1)]  # a finished row may be beyond the context
        if len(qk_norm):
            for head in range(heads + kv_heads):
                gains = qk_norm[0 if head < heads else 1]
                _normalise(qkv, row, head * dim, gains, dim, epsilon)
        for head in range(kv_heads):
            at = (heads + head) * dim
            _rotate(qkv, row, at, turn, generated[0, row, head, step])
            at += kv_heads * dim
            for i in range(dim):
                generated[1, row, head, step, i] = store(qkv[row, at + i], generated[1, row, head, step, i])
        for head in range(heads):
            at, shared = head * dim, head * kv_heads // heads
            _rotate(qkv, row, at, turn, query)
            keys, own_keys = prompt[0, sentence, shared], generated[0, row, shared]
            total = _weigh(query, keys, own_keys, length, size, weights)
            values, own_values = prompt[1, sentence, shared], generated[1, row, shared]
            _mix(weights, values, own_values, length, size, mixed)
            for i in range(dim):
                out[row, at + i] = mixed[i] / total


@jit_inline
def _normalise(lines: Any, row: Any, at: Any, gains: Any, dim: Any, epsilon: Any) -> None:
    """Bring a head of ``lines`` (rows, n) to root mean square 1, times ``gains`` (dim,).

    It begins at ``at`` in ``row``.
    """
    square = lines.dtype.type(0)
    for i in range(dim):
        square += lines[row, at + i] ** 2
    factor = lines.dtype.type(1 / math.sqrt(square / dim + epsilon))
    for i in range(dim):
        lines[row, at + i] *= factor * gains[i]


@jit_inline
def _rotate(lines: Any, row: Any, at: Any, turn: Any, out: Any) -> None:
    """``out`` (dim,) is a head of ``lines`` (rows, n) rotated by ``turn`` (dim / 2,).

    It begins at ``at`` in ``row``.
    """
    for i in range(len(turn)):
        pair = complex(lines[row, at + 2 * i], lines[row, at + 2 * i + 1]) * turn[i]
        out[2 * i], out[2 * i + 1] = store(pair.real, out[0]), store(pair.imag, out[0])


@jit_inline
def _weigh(query: Any, prompt: Any, generated: Any, length: Any, size: Any, weights: Any) -> Any:
    """Fill in ``weights[:size]``, exponentials of the scores of ``query`` (dim,); returns their sum.

    prompt: (longest, dim) keys, of which the first ``length`` count. generated: (steps, dim) those after.
    """
    dim = len(query)
    for place in range(size):
        key = prompt[place] if place < length else generated[place - length]
        score = query.dtype.type(0)
        for i in range(dim):
            score += query[i] * load(key[i])
        weights[place] = score
    top, total = max_by_bits(weights[:size]), query.dtype.type(0)
    for place in range(size):
        weights[place] = _power(weights[place] - top)
        total += weights[place]
    return total


@jit_inline
def _mix(weights: Any, prompt: Any, generated: Any, length: Any, size: Any, mixed: Any) -> None:
    """``mixed`` (dim,) is the sum of values, laid out as the keys in `_weigh`, times ``weights[:size]``."""
    dim = len(mixed)
    mixed[:] = 0
    for place in range(size):
        value = prompt[place] if place < length else generated[place - length]
        for i in range(dim):
            mixed[i] += weights[place] * load(value[i])


@jit_fastmath
def add_and_norm(hidden: Any, added: Any, after: Any, epsilon: Any, normed: Any) -> None:
    """Add ``added``, normed with the gains ``after`` or as it is where there are none, and norm the sum.

    hidden: (rows, width), becomes the sum. added: (rows, width). after: (width,) or (0,).
    normed: (rows, width), filled in. What is added and the norm may be the bits of bf16.
    """
    rows, width = hidden.shape
    for row in range(rows):
        if len(after):
            square = hidden.dtype.type(0)
            for i in range(width):
                square += load(added[row, i]) ** 2
            factor = hidden.dtype.type(1 / math.sqrt(square / width + epsilon))
            for i in range(width):
                hidden[row, i] += factor * after[i] * load(added[row, i])
        else:
            for i in range(width):
                hidden[row, i] += load(added[row, i])
        square = hidden.dtype.type(0)
        for i in range(width):
            square += hidden[row, i] ** 2
        factor = hidden.dtype.type(1 / math.sqrt(square / width + epsilon))
        for i in range(width):
            normed[row, i] = store(factor * hidden[row, i], normed[row, i])

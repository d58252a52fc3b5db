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

from umt.compiled import overloaded, vectorised
from umt.kernels.cpu_loops import exponential, largest, load, store

_BLOCK = 64


@vectorised
def likeliest(logits: Any, chosen: Any, nats: Any) -> None:
    """The first place of the largest of each row of ``logits`` (rows, n), and -log softmax there."""
    rows, size = logits.shape
    for row in range(rows):
        mine = logits[row]
        best, place = np.float32(-np.inf), 0
        for start in range(0, size, _BLOCK):
            top = largest(mine[start : start + _BLOCK])
            if top > best:
                best, place = top, start
        whole = np.float32(0)
        for i in range(size):
            whole += exponential(load(mine[i]) - best)
        for i in range(place, min(place + _BLOCK, size)):
            if load(mine[i]) == best:
                place = i
                break
        chosen[row], nats[row] = place, math.log(whole)


def _power(number: Any) -> Any:
    """e ** number, as precise as the number is."""
    raise NotImplementedError("compiled code only")


@overloaded(_power)
def _powers(number: Any) -> Any:
    if number == types.float32:
        return lambda number: exponential(number)
    return lambda number: math.exp(number)


@vectorised
def attend(
    joint: Any,
    turned: Any,
    epsilon: Any,
    turns: Any,
    places: Any,
    prompt: Any,
    own: Any,
    beams: Any,
    written: Any,
    found: Any,
) -> None:
    """Rotate queries and keys, keep keys and values as number ``written`` of each row, and attend.

    joint: (rows, (heads + 2 kept) * dim) queries, keys and values of this position, not rotated; overwritten.
    turned: (2, dim) gains of norms of queries and keys, or (0, dim) where these are not normed.
    turns: (context, dim / 2) unit complex numbers. places: (rows,) length of each row's prompt.
    prompt: (2, at least the sentences, kept, longest, dim) keys and values, in any precision or the bits of
    bf16; a sentence has ``beams`` rows, which stand together. own: (2, at least the rows, kept, steps, dim),
    of which the first ``written`` are known and the next is filled in.
    found: (rows, heads * dim), the outcome.
    """
    rows, kept, dim = len(joint), own.shape[2], own.shape[4]
    heads = found.shape[1] // dim
    query, mixed = np.empty(dim, joint.dtype), np.empty(dim, joint.dtype)
    weights = np.empty(prompt.shape[3] + own.shape[3], joint.dtype)
    for row in range(rows):
        sentence, length = row // beams, places[row]
        turn = turns[min(length + written, len(turns) - 1)]  # a finished row may be beyond the context
        if len(turned):
            for head in range(heads + kept):
                at, gains = head * dim, turned[0 if head < heads else 1]
                square = joint.dtype.type(0)
                for i in range(dim):
                    square += joint[row, at + i] ** 2
                factor = joint.dtype.type(1 / math.sqrt(square / dim + epsilon))
                for i in range(dim):
                    joint[row, at + i] *= factor * gains[i]
        for head in range(kept):
            at = (heads + head) * dim
            for i in range(dim // 2):
                pair = complex(joint[row, at + 2 * i], joint[row, at + 2 * i + 1]) * turn[i]
                mine = own[0, row, head, written]
                mine[2 * i], mine[2 * i + 1] = store(pair.real, mine[0]), store(pair.imag, mine[0])
            at += kept * dim
            for i in range(dim):
                own[1, row, head, written, i] = store(joint[row, at + i], own[1, row, head, written, i])
        for head in range(heads):
            at, shared = head * dim, head * kept // heads
            for i in range(dim // 2):
                pair = complex(joint[row, at + 2 * i], joint[row, at + 2 * i + 1]) * turn[i]
                query[2 * i], query[2 * i + 1] = pair.real, pair.imag
            keys, ours = prompt[0, sentence, shared], own[0, row, shared]
            size = length + written + 1
            for place in range(size):
                key = keys[place] if place < length else ours[place - length]
                score = joint.dtype.type(0)
                for i in range(dim):
                    score += query[i] * load(key[i])
                weights[place] = score
            top, whole = largest(weights[:size]), joint.dtype.type(0)
            for place in range(size):
                weights[place] = _power(weights[place] - top)
                whole += weights[place]
            mixed[:] = 0
            values, mine = prompt[1, sentence, shared], own[1, row, shared]
            for place in range(size):
                value = values[place] if place < length else mine[place - length]
                for i in range(dim):
                    mixed[i] += weights[place] * load(value[i])
            for i in range(dim):
                found[row, at + i] = mixed[i] / whole


@vectorised
def join(hidden: Any, added: Any, after: Any, epsilon: Any, normed: Any) -> None:
    """Add ``added``, normed with the gains ``after`` (width,) or as it is where that is empty, and norm.

    hidden, added: (rows, width); the sum is in ``hidden``, its norm in ``normed`` (rows, width). What is
    added and the norm may be the bits of bf16.
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

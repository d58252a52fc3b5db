"""Hypothesis stacks of a phrase-based decoder: pruning, recombination and back-tracing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from umt.runtime.jit import jit
from umt.types import F32, I64

NOWHERE = -1
"""The slot of a hypothesis that is not entered."""

HYPOTHESIS = np.dtype(
    [
        ("score", np.float32),  # in nats, without future cost
        ("state", np.int32),  # context of the language model
        ("first", np.int64),  # first uncovered source word
        ("mask", np.int64),  # bit k: word first + k is covered
        ("stop", np.int64),  # source position after its last phrase
        ("origin", np.int64),  # slot of its predecessor
        ("start", np.int64),  # first word and length of its last phrase
        ("length", np.int64),
        ("option", np.int64),  # translation option of that phrase
    ]
)


class Stacks(NamedTuple):
    """Hypotheses by the number of source words that they cover: N + 1 stacks of B slots.

    filled: (N + 1,) slots in use.  totals: (N + 1, B) score plus future cost, in nats.  signatures:
    (N + 1, B) hash of all that later scores depend on, for recombination.  hypotheses: (N + 1, B) of
    `HYPOTHESIS`; totals and signatures are separate arrays because they are searched for every candidate.
    """

    filled: I64
    totals: F32
    signatures: I64
    hypotheses: NDArray[np.void]


class Phrase(NamedTuple):
    """A source span by which a hypothesis is extended, and the coverage afterwards.

    slot: of the hypothesis.  first, mask: as in `HYPOTHESIS`, afterwards.  base: score before any option, in
    nats.  future: future cost of the words that stay uncovered, in nats.
    """

    slot: int
    start: int
    length: int
    first: int
    mask: int
    base: float
    future: np.float32


@jit
def begin(size: int, state: int, future: np.float32, stacks: Stacks) -> None:
    """Empty the stacks for a sentence of ``size`` words and enter the empty hypothesis.

    state: language model context of a sentence start.  future: future cost of the whole sentence, in nats.
    """
    stacks.filled[: size + 1] = 0
    stacks.filled[0] = 1
    stacks.totals[0, 0] = future
    hypothesis = stacks.hypotheses[0, 0]
    hypothesis.score, hypothesis.state = 0.0, state
    hypothesis.first = hypothesis.mask = hypothesis.stop = 0


@jit
def sign(state: int, first: int, mask: int, stop: int) -> int:
    """The signature of a hypothesis with these fields of `HYPOTHESIS`."""
    return ((np.int64(state) * 1000003 + first) * 1000003 + mask) * 1000003 + stop  # type: ignore[return-value]


@jit
def worst_of(totals: F32) -> int:
    """The slot with the lowest of ``totals`` (slots,)."""
    worst = 0
    for slot in range(1, len(totals)):
        if totals[slot] < totals[worst]:
            worst = slot
    return worst


@jit
def recombine(totals: F32, signatures: I64, filled: int, signature: int, total: float, worst: int) -> int:
    """The slot of a stack for a hypothesis with this ``signature`` and ``total``.

    totals, signatures: (slots,) of the stack, the first ``filled`` in use.  Returns the slot of an equal
    signature, or `NOWHERE` where that is no worse; else the first free slot; else ``worst``.
    """
    for slot in range(filled):
        if signatures[slot] == signature:
            return NOWHERE if totals[slot] >= total else slot
    return filled if filled < len(totals) else worst


@jit
def trace_back(size: int, stacks: Stacks, path: I64) -> int:
    """Number of phrases of the best complete hypothesis; writes their stacks and slots to ``path``.

    path: (>= size, 2), the last phrase first.
    """
    slot = 0
    for other in range(1, stacks.filled[size]):
        if stacks.totals[size, other] > stacks.totals[size, slot]:
            slot = other
    covered, steps = size, 0
    while covered > 0:
        path[steps, 0], path[steps, 1] = covered, slot
        hypothesis = stacks.hypotheses[covered, slot]
        slot, covered = hypothesis.origin, covered - hypothesis.length
        steps += 1
    return steps

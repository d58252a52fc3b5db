"""What followed each context at each decision, counted in hash tables of one 64-bit number a slot.

    bits 0-15   check: part of the key, never 0 in a used slot
    bits 16-31  probability that the decision is 1, a share of 65,536
    bits 32-39  occurrences, up to `_MOST`
    bits 40-47  recent zeros, below `COUNTS`
    bits 48-55  recent ones, below `COUNTS`

A probability of its own follows the stream slowly; the recent zeros and ones are looked up in a table that
learns what such counts have meant in this context (an indirect model: Mahoney 2005).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from umt.runtime.jit import jit
from umt.types import F32, F64, I64

COUNTS = 48  # recent zeros and ones are counted up to here
TRUST = np.array([0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1])
"""(buckets,) weight of a slot's log odds by how often it occurred (`bucket`): the rare ones know little."""
_MOST = 250  # occurrences that are told apart: the rate of a slot no longer falls after so many
_LEAST = 0.0005  # no count says less, and none more than 1 - _LEAST: its log odds stay within 7.6
_CALIBRATION_RATE = 0.01  # share of a surprise that changes what counts mean: a mean over about 100


class Counts(NamedTuple):
    """The tables of C contexts, 2^k slots each.

    slots: (C, 2^k) see the module.  calibrated: (C, COUNTS, COUNTS) p(1 | recent zeros, recent ones).
    rates: (256,) step of a slot's probability by its occurrences.  logits: (4096,) log odds of a probability
    by its first 12 bits.
    """

    slots: I64
    calibrated: F32
    rates: F64
    logits: F64


@jit
def empty_counts(slots: I64) -> Counts:
    """Tables that have seen nothing; ``slots`` (C, 2^k) zeros, which become theirs."""
    calibrated = np.zeros((len(slots), COUNTS, COUNTS), np.float32)
    for zeros in range(COUNTS):
        for ones in range(COUNTS):
            calibrated[:, zeros, ones] = (ones + 0.4) / (zeros + ones + 0.8)
    rates = 1.0 / (np.arange(256).astype(np.float64) + 1.4)
    logits = np.log((np.arange(4096) + 0.5) / (4095.5 - np.arange(4096)))
    return Counts(slots, calibrated, rates, logits)


@jit
def mixed_hash(first: int, second: int) -> int:
    """64 bits that depend on all bits of both."""
    mixed = (first * 0x2545F4914F6CDD1D + second + 1) * 0x9E3779B97F4A7C1
    return mixed ^ (mixed >> 29)


@jit
def occurrences(slot: int) -> int:
    """How often its context stood at its decision, up to `_MOST`."""
    return (slot >> 32) & 0xFF


@jit
def recent(slot: int) -> tuple[int, int]:
    """The recent zeros and ones."""
    return (slot >> 40) & 0xFF, (slot >> 48) & 0xFF


@jit
def find_slot(slots: I64, key: int) -> int:
    """Where ``key`` is counted in ``slots`` (2^k,): its place or one of two neighbours on the cache line.

    Where none of the three has its check, the one that occurred least is emptied for it.
    """
    check = max((key >> 40) & 0xFFFF, 1)
    first = key & (len(slots) - 1)
    rarest, fewest = first, 1 << 20
    for step in range(3):
        place = first ^ step
        if slots[place] & 0xFFFF == check:
            return place
        count = occurrences(slots[place]) if slots[place] else -1
        if count < fewest:
            rarest, fewest = place, count
    slots[rarest] = check | (0x8000 << 16)
    return rarest


@jit
def bucket(count: int) -> int:
    """Occurrences in ten classes, the index into `TRUST`."""
    return count if count < 5 else 5 + (count > 7) + (count > 15) + (count > 40) + (count > 120)


@jit
def counted(slot: int, bit: int, rates: F64) -> int:
    """The slot after one more decision; ``rates`` (256,) as in `Counts`."""
    probability, count = ((slot >> 16) & 0xFFFF) / 65536.0, occurrences(slot)
    zeros, ones = recent(slot)
    probability += (bit - probability) * rates[count]
    probability = min(max(probability, _LEAST), 1 - _LEAST)
    # A surprise halves what spoke against it: recent evidence counts more.
    if bit:
        ones, zeros = min(ones + 1, COUNTS - 1), zeros if zeros < 3 else zeros // 2 + 1
    else:
        zeros, ones = min(zeros + 1, COUNTS - 1), ones if ones < 3 else ones // 2 + 1
    count = min(count + 1, _MOST)
    return (slot & 0xFFFF) | (int(probability * 65536.0) << 16) | (count << 32) | (zeros << 40) | (ones << 48)


@jit
def calibrate(calibrated: F32, slot: int, bit: int) -> None:
    """Move what the recent counts of ``slot`` mean towards ``bit``.

    calibrated: (COUNTS, COUNTS) of its context, see `Counts`.
    """
    zeros, ones = recent(slot)
    chance = calibrated[zeros, ones]
    chance += (bit - chance) * _CALIBRATION_RATE
    calibrated[zeros, ones] = min(max(chance, _LEAST), 1 - _LEAST)

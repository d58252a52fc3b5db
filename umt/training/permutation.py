"""A pseudo-random permutation of any length without a table in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from umt.runtime.jit import jit
from umt.runtime.validate import require
from umt.types import I64, U64

_ROUNDS = 6


@dataclass(frozen=True)
class Permutation:
    """A pseudo-random permutation of ``range(size)``: a Feistel network, walked until the number fits.

    Source: Black and Rogaway, "Ciphers with arbitrary finite domains" (2002); the round function mixes as
    MurmurHash3 does.
    """

    size: int
    seed: int

    def __post_init__(self) -> None:
        require(self, within={"size": f"[1, {1 << 62})"})

    def __getitem__(self, places: slice) -> I64:
        """The numbers at ``places.start`` to ``places.stop``; places go round and round."""
        start, stop = places.start or 0, self.size if places.stop is None else places.stop
        keys = [(self.seed * _ROUNDS + number) * 0x9E3779B97F4A7C15 for number in range(_ROUNDS)]
        mixed = np.array([(key + 0x632BE59BD9B4E019) % (1 << 64) for key in keys], dtype=np.uint64)
        return _encrypt(np.arange(start, stop, dtype=np.uint64) % np.uint64(self.size), self.size, mixed)


@jit
def _encrypt(numbers: U64, size: int, keys: U64) -> I64:
    """Where each number goes: encrypted until it lies below ``size``."""
    half = np.uint64(1)
    while size - 1 >> (2 * half):
        half += np.uint64(1)
    low = (np.uint64(1) << half) - np.uint64(1)
    shift, one, two = np.uint64(33), np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
    encrypted = np.empty(len(numbers), np.int64)
    for place in range(len(numbers)):
        number = numbers[place]
        while True:
            left, right = number >> half, number & low
            for key in keys:
                mixed = right ^ key
                mixed = (mixed ^ (mixed >> shift)) * one
                mixed = (mixed ^ (mixed >> shift)) * two
                left, right = right, left ^ ((mixed ^ (mixed >> shift)) & low)
            number = (left << half) | right
            if number < np.uint64(size):
                break
        encrypted[place] = number
    return encrypted

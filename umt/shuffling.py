"""A shuffled order of any length that takes no memory, so that nobody holds a list as long as the corpus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
        if not 0 < self.size < 1 << 62:
            raise ValueError(f"size must lie in 1..2^62, got {self.size}")

    def __getitem__(self, places: slice) -> npt.NDArray[np.int64]:
        """The numbers at ``places.start`` to ``places.stop``; places go round and round."""
        places = slice(places.start or 0, self.size if places.stop is None else places.stop)
        numbers = np.arange(places.start, places.stop, dtype=np.uint64) % np.uint64(self.size)
        numbers = self._encrypted(numbers)
        while (outside := numbers >= self.size).any():
            numbers[outside] = self._encrypted(numbers[outside])
        return numbers.astype(np.int64)

    def _encrypted(self, numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        half = np.uint64(max(1, ((self.size - 1).bit_length() + 1) // 2))
        low = np.uint64((1 << int(half)) - 1)
        left, right = numbers >> half, numbers & low
        for number in range(_ROUNDS):
            left, right = right, left ^ (_mixed(right, self.seed * _ROUNDS + number) & low)
        return (left << half) | right


def _mixed(numbers: npt.NDArray[np.uint64], key: int) -> npt.NDArray[np.uint64]:
    mixed = numbers ^ np.uint64((key * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % (1 << 64))
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(33))

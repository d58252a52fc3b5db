"""95% intervals of bits over texts: a bootstrap that draws seeds, and stretches of neighbouring sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from umt.types import F64, I64


def gain_interval(
    alone: Sequence[F64], joint: Sequence[F64], resamples: int, stretches: int = 50
) -> dict[str, float]:
    """Bits that coding texts together saves, tables apart: the mean over seeds, with a 95% interval.

    alone, joint: (seeds, sentences) bits of each text, seeds and sentences paired.  Both sides are drawn
    alike.
    """
    saved = [_parts(before - after, stretches) for before, after in zip(alone, joint, strict=True)]
    drawn = [
        sum(float(each[seeds][:, places].sum()) for each, places in zip(saved, chosen, strict=True))
        / len(seeds)
        for seeds, chosen in _draws(saved, resamples)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    bits = sum(float(each.sum()) for each in saved) / len(saved[0])
    total = sum(float(each.sum()) for each in alone) / len(saved[0])
    return {"bits": bits, "low": float(low), "high": float(high), "share": bits / total}


def length_interval(
    bits: Sequence[F64], sizes: Sequence[I64], resamples: int, stretches: int = 50
) -> tuple[float, float]:
    """95% interval, in bits, of the length of all texts: the sum over texts of the mean over seeds.

    bits: (seeds, sentences) of each text; sizes: (sentences,) its bytes, of which as many are drawn as there
    are.  Some stretches are harder to code than others, and the first of a network that has yet to learn, so
    the interval says how much the text chosen matters, unlike that of a saving, where both sides have the
    same text.
    """
    parts = [_parts(each, stretches) for each in bits]
    room = [_parts(each[None], stretches)[0] for each in sizes]
    drawn = np.zeros(resamples)
    for number, (seeds, chosen) in enumerate(_draws(parts, resamples)):
        for each, size, places in zip(parts, room, chosen, strict=True):
            per_byte = each[seeds][:, places].sum() / len(seeds) / size[places].sum()
            drawn[number] += per_byte * size.sum()
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _parts(each: NDArray[np.floating] | I64, stretches: int) -> F64:
    """(rows, sentences) to (rows, stretches) sums, no stretch empty."""
    parts = np.array_split(each, min(stretches, each.shape[1]), axis=1)
    return np.stack([part.sum(1) for part in parts], axis=1)


def _draws(texts: Sequence[F64], resamples: int) -> Iterator[tuple[I64, list[I64]]]:
    """Seeds, the same for all texts, and stretches of each: of ``texts``, (seeds, stretches) each."""
    generator = np.random.default_rng(0)
    for _ in range(resamples):
        seeds = generator.integers(len(texts[0]), size=len(texts[0]))
        yield seeds, [np.asarray(generator.integers(each.shape[1], size=each.shape[1])) for each in texts]

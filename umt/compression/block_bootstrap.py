"""95% intervals of code lengths: a bootstrap over seeds and over blocks of neighbouring sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from umt.types import F64, I64


def gain_interval(
    separate: Sequence[F64], joint: Sequence[F64], resamples: int, blocks: int = 50
) -> dict[str, float]:
    """Bits that coding texts together saves, without tables: the mean over seeds, with a 95% interval.

    separate, joint: (seeds, sentences) bits of each text, seeds and sentences paired.  Both are resampled
    alike.
    """
    saved = [_parts(before - after, blocks) for before, after in zip(separate, joint, strict=True)]
    resampled = [
        sum(float(each[seeds][:, places].sum()) for each, places in zip(saved, chosen, strict=True))
        / len(seeds)
        for seeds, chosen in _draws(saved, resamples)
    ]
    low, high = np.quantile(resampled, [0.025, 0.975])
    bits = sum(float(each.sum()) for each in saved) / len(saved[0])
    total = sum(float(each.sum()) for each in separate) / len(saved[0])
    return {"bits": bits, "low": float(low), "high": float(high), "share": bits / total}


def length_interval(
    bits: Sequence[F64], sizes: Sequence[I64], resamples: int, blocks: int = 50
) -> tuple[float, float]:
    """95% interval, in bits, of the code length of all texts: the sum over texts of the mean over seeds.

    bits: (seeds, sentences) of each text; sizes: (sentences,) its bytes.  As many bytes are resampled as the
    text has.  Some blocks are harder to code than others, and the first ones precede most learning: the
    interval says how much the choice of the text matters, unlike that of a gain, where both sides have the
    same text.
    """
    parts = [_parts(each, blocks) for each in bits]
    block_sizes = [_parts(text[None], blocks)[0] for text in sizes]
    resampled = np.zeros(resamples)
    for number, (seeds, chosen) in enumerate(_draws(parts, resamples)):
        for text, size, places in zip(parts, block_sizes, chosen, strict=True):
            per_byte = text[seeds][:, places].sum() / len(seeds) / size[places].sum()
            resampled[number] += per_byte * size.sum()
    low, high = np.quantile(resampled, [0.025, 0.975])
    return float(low), float(high)


def _parts(sums: NDArray[np.floating] | I64, blocks: int) -> F64:
    """(rows, sentences) to (rows, blocks) sums, no block empty."""
    parts = np.array_split(sums, min(blocks, sums.shape[1]), axis=1)
    return np.stack([part.sum(1) for part in parts], axis=1)


def _draws(texts: Sequence[F64], resamples: int) -> Iterator[tuple[I64, list[I64]]]:
    """Seeds, the same for all texts, and blocks of every text; ``texts``: (seeds, blocks) of each."""
    generator = np.random.default_rng(0)
    for _ in range(resamples):
        seeds = generator.integers(len(texts[0]), size=len(texts[0]))
        yield seeds, [np.asarray(generator.integers(each.shape[1], size=each.shape[1])) for each in texts]

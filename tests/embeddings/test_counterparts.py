"""One book in two languages is told from two texts of one kind by a lexicon, whatever the order of lines."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from umt.embeddings.counterparts import counterpart_excess
from umt.embeddings.lexicon import Lexicon

WORDS = 600


def sentences(generator: np.random.Generator, count: int = 1500) -> np.ndarray:
    """(count, 12) words by Zipf's law."""
    shares = 1 / np.arange(2, WORDS + 2)
    return generator.choice(WORDS, (count, 12), p=shares / shares.sum())


def lexicon(generator: np.random.Generator, right: float) -> Lexicon:
    """Word i means word i, which is the best candidate of a share ``right`` of the words."""
    best = np.where(generator.random(WORDS) < right, np.arange(WORDS), generator.integers(0, WORDS, WORDS))
    candidates = torch.from_numpy(np.stack([best, generator.integers(0, WORDS, WORDS)], 1))
    names = [tuple(f"{side}{word}" for word in range(WORDS)) for side in "xy"]
    return Lexicon(names[0], names[1], candidates, torch.tensor([[0.7, 0.2]]).repeat(WORDS, 1))


@pytest.mark.parametrize(
    ("right", "same", "result"), [(0.9, True, True), (0.5, True, True), (0.9, False, False)]
)
def test_counterparts_stand_out(right: float, same: bool, result: bool) -> None:
    generator = np.random.default_rng(0)
    source = sentences(generator)
    other = generator.permutation(source) if same else sentences(generator)
    lost = generator.random(other.shape) < 0.2  # of the words of a translation
    other = np.where(lost, sentences(generator), other)
    x, y = (
        [" ".join(f"{name}{word}" for word in line) for line in side]
        for name, side in (("x", source), ("y", other))
    )
    items, excess, error = counterpart_excess(x, y, lexicon(generator, right), sample=300)
    assert items > 200
    assert (excess > 1.5) is result
    assert ((excess - 1) / error > 5) is result

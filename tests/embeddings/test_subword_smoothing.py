"""Rare words learn from how they are written, and from nothing where writing tells nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor
from torch.nn.functional import cosine_similarity, normalize

from umt.embeddings.subword_smoothing import smooth_with_subwords

STEMS, ENDINGS, DIM = 60, 10, 16


def script(letters: str, length: int, count: int, seed: int) -> list[str]:
    """Distinct random strings."""
    generator, result = Generator().manual_seed(seed), dict[str, None]()
    while len(result) < count:
        drawn = torch.randint(len(letters), (length,), generator=generator).tolist()
        result["".join(letters[place] for place in drawn)] = None
    return list(result)


def world(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """(true vectors, what few occurrences show of them, occurrences) of words that share a stem by tens."""
    generator = Generator().manual_seed(seed)
    true = normalize(torch.randn(STEMS, DIM, generator=generator), dim=1).repeat_interleave(ENDINGS, 0)
    order = torch.randperm(len(true), generator=generator)
    seen = (20_000 / (1 + torch.arange(len(true))))[order.argsort()].double()
    noise = torch.randn(true.shape, generator=generator) / DIM**0.5
    return true, normalize(true + noise * (100 / seen.float()).sqrt()[:, None], dim=1), seen


@pytest.mark.parametrize("spaced", [True, False])
def test_rare_words_learn_from_their_spelling_and_frequent_ones_stay(spaced: bool) -> None:
    true, vectors, seen = world(1)
    if spaced:
        parts = (
            script("abcdefghij", 6, STEMS, 2),
            ["s", "ed", "er", "ing", "able", "ment", "ly", "al", "ic", "est"],
        )
    else:
        parts = [chr(0x4E00 + place) for place in range(STEMS)], list("上下中大小人天水火山")
    words = [stem + ending for stem in parts[0] for ending in parts[1]]
    before = cosine_similarity(vectors - vectors.mean(0), true)
    after = cosine_similarity(smooth_with_subwords(words, seen, vectors, 400.0, spaced), true)
    assert (after - before)[seen < 100].mean() > 0.15
    assert after[seen > 2000].mean() > 0.97


def test_a_script_that_tells_nothing_moves_nothing() -> None:
    _, vectors, seen = world(3)
    words = script("abcdefghijklmnopqrstuvwxyz", 7, len(vectors), 4)
    moved = smooth_with_subwords(words, seen, vectors, 400.0, True)
    assert cosine_similarity(moved, vectors - vectors.mean(0)).mean() > 0.97

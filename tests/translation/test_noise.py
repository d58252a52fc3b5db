"""Noise: how much, how far, what it never does."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.small_translation import EN, cipher
from umt.translation.noise import Noise, word_starts


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(sentences: int, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sentences 10, 11, 12, ... of one-subword words."""
    ids = np.tile(np.arange(10, 10 + length), sentences).astype(np.uint16)
    return ids, np.arange(0, len(ids) + 1, length), np.ones(10 + length, dtype=bool)


def test_shares_of_dropped_and_blanked_words() -> None:
    ids, offsets, starts = batch(2000, 20)
    noisy, ends = Noise(0, 0.1, 0.2).apply(ids, offsets, starts, 2, generator())
    assert abs(len(noisy) / len(ids) - 0.9) < 0.01
    assert abs((noisy == 2).mean() - 0.2) < 0.01
    assert ends[-1] == len(noisy)


@pytest.mark.parametrize("places", [1, 3])
def test_words_move_at_most_so_many_places(places: int) -> None:
    ids, offsets, starts = batch(500, 15)
    noisy, _ = Noise(places, 0.0, 0.0).apply(ids, offsets, starts, 2, generator())
    moved = np.abs(noisy.reshape(500, 15).astype(int) - 10 - np.arange(15))
    assert moved.max() == places
    assert sorted(set(noisy.tolist())) == list(range(10, 25))
    assert (np.sort(noisy.reshape(500, 15)) == np.arange(10, 25)).all()


def test_the_subwords_of_a_word_stay_together() -> None:
    starts = np.ones(30, dtype=bool)
    starts[20:] = False
    ids = np.array([10, 20, 11, 21, 22, 12, 13, 23] * 50, dtype=np.uint16)
    noisy, ends = Noise(3, 0.0, 0.3).apply(ids, np.arange(0, len(ids) + 1, 8), starts, 2, generator())
    words = {(10, 20), (11, 21, 22), (12,), (13, 23), (2,)}
    for start, end in pairwise(ends.tolist()):
        word: list[int] = []
        for each in [*noisy[start:end].tolist(), 10]:
            if starts[each] and word:
                assert tuple(word) in words
                word = []
            word.append(each)


def test_a_sentence_never_vanishes() -> None:
    ids, offsets, starts = batch(300, 2)
    _, ends = Noise(3, 0.99, 0.0).apply(ids, offsets, starts, 2, generator())
    assert np.diff(ends).min() >= 1


def test_noise_is_fresh_each_time_and_the_same_for_a_seed() -> None:
    ids, offsets, starts = batch(20, 20)
    drawn = generator(1)
    first, second = (Noise().apply(ids, offsets, starts, 2, drawn)[0].tolist() for _ in range(2))
    assert first != second
    assert first == Noise().apply(ids, offsets, starts, 2, generator(1))[0].tolist()


def test_where_words_start(tmp_path: Path) -> None:
    tokenizer, _, _ = cipher(tmp_path)
    starts = word_starts(tokenizer)
    [ids] = tokenizer.encode([" a b"], EN)
    assert starts[ids].all()
    assert not starts[tokenizer.encode(["a"], EN)[0]].any()


@pytest.mark.parametrize("wrong", [{"shuffle": -1}, {"drop": 1.0}, {"mask": -0.1}])
def test_wrong_values_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Noise(**wrong)  # type: ignore[arg-type]

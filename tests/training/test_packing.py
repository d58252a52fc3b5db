"""Rows of sentences: whole epochs, consecutive sentences, shares of the languages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.resume import EN, ZH, texts
from umt.training.lm_objectives import CausalLM
from umt.training.packing import SentenceStream
from umt.types import BadInput


def test_rows_hold_whole_epochs(data: Any) -> None:
    tokenizer, shards = data
    rows = SentenceStream(shards[EN], tokenizer.tag(EN), tokenizer.end, seed=1)
    drawn = rows.draw(200, 33)
    assert (drawn[:, 0] == tokenizer.tag(EN)).all()
    sentences = set(texts()[EN])
    for row in drawn[:20]:
        cut = tokenizer.decode(row).strip()
        whole = [tokenizer.decode(part) for part in np.split(row, np.flatnonzero(row == tokenizer.end) + 1)]
        assert set(whole[:-1]) <= sentences, cut
    again = SentenceStream(shards[EN], tokenizer.tag(EN), tokenizer.end, seed=1)
    assert np.array_equal(np.concatenate([again.draw(50, 33) for _ in range(4)]), drawn)
    order = rows._order(0, 2 * len(shards[EN]))
    for epoch in np.split(order, 2):
        assert np.array_equal(np.sort(epoch), np.arange(len(shards[EN])))


def test_consecutive_sentences_stay_together(data: Any) -> None:
    tokenizer, shards = data
    size = len(shards[EN]) // 7 * 7
    rows = SentenceStream(shards[EN], tokenizer.tag(EN), tokenizer.end, seed=1, consecutive=7)
    order = rows._order(0, 2 * size)
    runs = order.reshape(-1, 7)
    assert (np.diff(runs, axis=1) == 1).all()
    assert (np.diff(runs[:, 0]) == 7).mean() < 0.1, "runs are shuffled"
    for epoch in np.split(order, 2):
        assert np.array_equal(np.sort(epoch), np.arange(size))
    assert np.array_equal(rows._order(10, size + 20), order[10 : size + 20]), "from any position"


@pytest.mark.parametrize("share", [0.0, 0.25, 0.6])
def test_languages_are_mixed_as_asked(share: float, data: Any) -> None:
    tokenizer, shards = data
    causal = CausalLM(shards, tokenizer, 32, 96, seed=1, language_shares={EN: share, ZH: 1 - share})
    tags = torch.cat([causal.draw()[:, 0] for _ in range(100)])
    assert abs(float((tags == tokenizer.tag(EN)).float().mean()) - share) < 0.01


def test_mixing_and_batches_are_checked(data: Any) -> None:
    tokenizer, shards = data
    with pytest.raises(BadInput, match="language_shares"):
        CausalLM(shards, tokenizer, 32, 512, seed=1, language_shares={EN: -1.0})
    with pytest.raises(BadInput, match="holds no row"):
        CausalLM(shards, tokenizer, 32, 31, seed=1)

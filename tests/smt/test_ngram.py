"""The language model: probabilities sum to one, Kneser-Ney by hand, batches, files."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from umt.smt.kneser_ney import KneserNey
from umt.smt.ngram import END, SPECIALS, START, NGram
from umt.types import I32, I64

WORDS = (*SPECIALS, "a", "b", "c", "d")


def sentences(count: int, seed: int = 0) -> tuple[I32, I64]:
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 9, count)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = 3 + generator.choice(4, offsets[-1], p=[0.5, 0.3, 0.15, 0.05])
    return ids.astype(np.int32), offsets


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("large", [1, 10**9])
def test_probabilities_sum_to_one_after_every_context(order: int, large: int) -> None:
    model = KneserNey(order, prune_above_tokens=large).fit(WORDS, *sentences(60))
    for length in range(order + 1):
        for context in itertools.product([START, 3, 4, 5, 6], repeat=length):
            if START in context[1:]:
                continue
            total = sum(math.exp(model.word(context, word)) for word in range(len(WORDS)) if word != START)
            assert total == pytest.approx(1, abs=1e-5), context


def test_bigrams_are_kneser_ney_by_hand() -> None:
    ids, offsets = sentences(40)
    model = KneserNey(2).fit(WORDS, ids, offsets)
    lines = [[START, *ids[a:b].tolist(), END] for a, b in itertools.pairwise(offsets)]
    bigrams = Counter(pair for line in lines for pair in itertools.pairwise(line))
    followed = Counter(word for _, word in bigrams)  # in how many contexts each word was seen

    def discounted(counts: Counter[int] | Counter[tuple[int, int]]) -> dict[object, float]:
        n = [max(1, sum(c == k for c in counts.values())) for k in (1, 2, 3, 4)]
        y = n[0] / (n[0] + 2 * n[1])
        off = [min(k - 0.1, max(0.1, k - (k + 1) * y * n[k] / n[k - 1])) for k in (1, 2, 3)]
        return {key: count - off[min(count, 3) - 1] for key, count in counts.items()}

    unigrams = discounted(followed)
    contexts = sum(followed.values())
    left = 1 - sum(unigrams.values()) / contexts
    low = {w: unigrams.get(w, 0) / contexts + left / (len(WORDS) - 1) for w in range(1, len(WORDS))}
    high = discounted(bigrams)
    for before in (START, 3, 4, 5, 6):
        total = sum(c for (a, _), c in bigrams.items() if a == before)
        weight = 1 - sum(d for (a, _), d in high.items() if a == before) / total  # type: ignore[misc]
        for word in range(1, len(WORDS)):
            expected = high.get((before, word), 0) / total + weight * low[word]
            assert model.word([before], word) == pytest.approx(math.log(expected), abs=1e-4)


@pytest.mark.parametrize("large", [1, 10**9])
def test_batches_score_as_one_by_one(large: int) -> None:
    model = KneserNey(3, prune_above_tokens=large).fit(WORDS, *sentences(80))
    ids, offsets = sentences(20, seed=1)
    batched = model.sentences(ids, offsets)
    for score, (begin, end) in zip(batched, itertools.pairwise(offsets), strict=True):
        line = [START, *ids[begin:end].tolist(), END]
        alone = sum(model.word(line[max(0, k - 2) : k], line[k]) for k in range(1, len(line)))
        assert score == pytest.approx(alone, abs=1e-4)
    perplexity = math.exp(-batched.sum() / (len(ids) + 20))
    assert model.perplexity(ids, offsets) == pytest.approx(perplexity)


def test_longer_context_predicts_a_pattern_better() -> None:
    ids = np.array([3, 4, 5, 3, 4, 6] * 200, np.int32)
    offsets = np.arange(0, len(ids) + 1, 12)
    perplexities = [
        KneserNey(order).fit(WORDS, ids, offsets).perplexity(ids, offsets) for order in (1, 2, 3, 4)
    ]
    assert perplexities == sorted(perplexities, reverse=True)
    assert perplexities[3] < 1.15 < 3 < perplexities[0]


def test_saved_model_scores_alike(tmp_path: Path) -> None:
    model = KneserNey(3).fit(WORDS, *sentences(30))
    model.save(tmp_path / "model.safetensors")
    loaded = NGram.load(tmp_path / "model.safetensors")
    assert loaded.words == WORDS
    assert loaded.order == 3
    ids, offsets = sentences(10, seed=2)
    assert (loaded.sentences(ids, offsets) == model.sentences(ids, offsets)).all()


def test_bad_options_say_what_was_given() -> None:
    with pytest.raises(ValueError, match=r"order must lie in \[1, 8\], got 0"):
        KneserNey(0)
    with pytest.raises(ValueError, match="must begin with"):
        KneserNey(2).fit(["a", "b", "c"], *sentences(3))
    with pytest.raises(ValueError, match="at least one sentence"):
        KneserNey(2).fit(WORDS, np.zeros(0, np.int32), np.zeros(1, np.int64))

"""Sentences of a text with an order cost fewer bits in it than permuted, by a model that has learned it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.small_story import reader
from tests.small_translation import EN, LETTERS, ZH
from umt.lm.scoring import SequenceScorer
from umt.lm.sentence_order import SentenceOrder
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Ids
from umt.translation.quality.criteria import order_criterion, sample_sentences
from umt.types import BadInput

ORDER = SentenceOrder(window=30)
Read = tuple[SequenceScorer, TokenShards]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    return reader(tmp_path_factory.mktemp("reader"))


def sentences(story: TokenShards) -> list[Ids]:
    return [np.asarray(story.ids(number)) for number in range(96)]


def size(scorer: SequenceScorer, text: list[Ids]) -> int:
    return sum(int(scorer.tokenizer.byte_lengths[x].sum()) + 1 for x in text)


def test_text_in_order_gains_and_permuted_text_does_not(read: Read) -> None:
    scorer, text = read[0], sentences(read[1])
    gain = ORDER.gain(scorer, text, EN)
    # the letter of a sentence is one of 16 unless the one before is known, as it is for one of two: two bits
    of_a_sentence = gain.value * size(scorer, text) / len(text)
    assert 0 < gain.low <= gain.value <= gain.high
    assert 1 < of_a_sentence < 8
    permuted = [text[place] for place in np.random.default_rng(7).permutation(len(text))]
    none = ORDER.gain(scorer, permuted, EN)
    assert none.low < 0 < none.high
    assert abs(none.value) < gain.value / 5


def test_a_model_of_single_sentences_knows_no_order(tmp_path: Path) -> None:
    scorer, story = reader(tmp_path, consecutive=1)
    assert ORDER.gain(scorer, sentences(story), EN).low < 0


def test_output_that_is_always_the_same_gains_nothing(read: Read) -> None:
    gain = ORDER.gain(read[0], sentences(read[1])[:1] * 50, EN)
    assert gain.value == pytest.approx(0, abs=1e-6)


def test_gain_is_the_difference_of_two_codes(read: Read) -> None:
    scorer, (a, b) = read[0], sentences(read[1])[:2]
    tag, end = scorer.tokenizer.tag(EN), scorer.tokenizer.end

    def bits(*ids: Ids) -> float:
        row = torch.tensor(np.concatenate([[tag, *x, end] for x in ids]))[None].long()
        logits = scorer.model.logits(scorer.model.hidden(row[:, :-1])).log_softmax(-1)
        return -float(logits.gather(2, row[:, 1:, None]).sum().detach()) / math.log(2)

    gain = SentenceOrder(window=40, permutations=9).gain(scorer, [a, b], EN)
    assert gain.high == pytest.approx((bits(b, a) - bits(a, b)) / size(scorer, [a, b]), rel=1e-4)
    alone = SentenceOrder(window=8, permutations=9).gain(scorer, [a, b], EN)
    assert alone.high == pytest.approx(0, abs=1e-5), "in rows of one sentence no order is seen"


def test_criterion_needs_text_in_order(read: Read) -> None:
    scorer, story = read
    text = sample_sentences(story, 60, 20, seed=3, consecutive=True)
    first = [LETTERS.index(scorer.tokenizer.decode(x, EN)[0]) for x in text]
    assert [(number - first[0]) % 16 for number in first] == [place % 16 for place in range(60)]
    gain = order_criterion(ORDER, scorer.model, scorer.tokenizer, {EN: text})
    assert gain(text, EN).low > 0
    shuffled = sample_sentences(story, 60, 20, seed=3)
    with pytest.raises(BadInput, match=r"criterion=order needs consecutive sentences .* lines of zh text"):
        order_criterion(ORDER, scorer.model, scorer.tokenizer, {EN: text, ZH: shuffled})


def test_two_sentences_are_needed(read: Read) -> None:
    with pytest.raises(ValueError, match="needs two sentences, got 1"):
        ORDER.gain(read[0], sentences(read[1])[:1], EN)

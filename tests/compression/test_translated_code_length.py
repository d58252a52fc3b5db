"""Bits of sentences given their translations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.small_texts import EN, LINES, TINY, ZH
from umt.compression.code_length import CodeLength, TranslatedCodeLength, translated_code_length
from umt.evaluation.bits_rows import translated_rows
from umt.lm.joint_lm import JointLM
from umt.text.tokenizer import Tokenizer


def code_length(bits: list[float]) -> CodeLength:
    ones = np.ones(len(bits), np.int64)
    return CodeLength(np.array(bits), ones, ones, ones)


def test_share_saved_is_one_minus_the_ratio_of_the_sums() -> None:
    lengths = TranslatedCodeLength(code_length([10.0, 30.0] * 50), code_length([5.0, 5.0] * 50), 3)
    score = lengths.share()
    assert score.value == pytest.approx(1 - 500 / 2000)
    assert score.low < score.value < score.high
    assert "left out:3" in score.signature
    rows = {row.score.name: row for row in translated_rows("test", "en-zh", lengths, 0.0)}
    assert rows["bits/byte"].score.value == 5
    assert rows["share saved"].score.value == score.value


def test_bits_given_a_translation_are_those_of_the_target_behind_its_source() -> None:
    tokenizer = Tokenizer.train(LINES, 300)
    model = JointLM.create(TINY, len(tokenizer), torch.Generator().manual_seed(1))
    sources, targets = list(LINES[EN][:4]), list(LINES[ZH][:4])
    targets[2] *= model.context
    both = model, tokenizer
    lengths = translated_code_length(both, both, sources, targets, (EN, ZH))
    assert lengths.left_out == 1
    assert len(lengths.alone.bits) == len(lengths.given_translation.bits) == 3
    assert lengths.alone.bytes.tolist() == [len(targets[place].encode()) + 1 for place in (0, 1, 3)]
    other = translated_code_length(both, both, sources[::-1], targets, (EN, ZH))
    assert not np.allclose(lengths.given_translation.bits, other.given_translation.bits)
    assert np.allclose(lengths.alone.bits, other.alone.bits)

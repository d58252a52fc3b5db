"""The neural translator: what it makes of lines, pieces, hypotheses and addresses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.small_translator import EN, ENGLISH, ZH
from umt.lm.beam_search import Beam
from umt.lm.generation import Direction, Generation, Output
from umt.lm.scoring import SequenceScorer
from umt.translation.translator import NeuralTranslator
from umt.types import BadInput, Lang


def test_order_and_empty_lines_stay(translator: NeuralTranslator) -> None:
    sentences = ["She sees the sea.", "", "  ", "The old man reads a long book.", "She sees the sea."]
    result = translator.translate(sentences)
    assert [bool(each) for each in result] == [True, False, False, True, True]
    assert result[0] == result[4]
    assert [result[0], result[3]] == [translator.translate([sentences[n]])[0] for n in (0, 3)]
    assert len(result[3]) > len(result[0]), (
        "untrained, it writes to the limit, which is longer for the longer"
    )
    assert translator.translate([]) == []


def test_long_lines_are_translated_in_pieces(translator: NeuralTranslator) -> None:
    pieces = translator._pieces(ENGLISH)
    assert len(pieces) > 1
    assert all(0 < len(piece) <= 12 for piece in pieces)
    text = [translator.tokenizer.decode(piece.tolist()) for piece in pieces]
    assert "".join(text).replace(" ", "") == ENGLISH.replace(" ", "")
    assert any(each.endswith(("book.", "sea,")) for each in text), "cut where it reads well"
    endless = translator._pieces("x" * 500)
    assert sum(map(len, endless)) >= 250
    assert max(map(len, endless)) <= 12
    assert translator.translate([ENGLISH])[0].startswith(translator.translate([text[0]])[0])


def test_saved_and_loaded_both_ways(translator: NeuralTranslator, tmp_path: Path) -> None:
    translator.save(tmp_path)
    again = NeuralTranslator.load(tmp_path, EN, ZH, translator.generation)
    assert again.translate([ENGLISH]) == translator.translate([ENGLISH])
    back = NeuralTranslator.load(tmp_path, ZH, EN)
    assert all(ord(letter) < 128 for letter in back.translate(["老人读书。"])[0]), "only what English writes"
    with pytest.raises(BadInput, match="does not know fr: it knows en and zh"):
        NeuralTranslator.load(tmp_path, EN, Lang("fr"))
    (tmp_path / "translator.json").unlink()
    with pytest.raises(BadInput, match=r"translator.json is missing"):
        NeuralTranslator.load(tmp_path, EN, ZH)


def test_alternatives_differ_and_fall(translator: NeuralTranslator, store: Path) -> None:
    wide = NeuralTranslator.load(store / "train_translator-1", EN, ZH, Generation(Beam(6)))
    [result] = wide.alternatives(["She sees the sea."])
    texts = [each.text for each in result]
    assert len(texts) == len(set(texts)) > 1
    assert all(each.score < 0 for each in result)


def test_both_ways_the_sum_decides(translator: NeuralTranslator, store: Path) -> None:
    place, search = store / "train_translator-1", Generation(Beam(6))
    sentence = "She sees the sea."
    one = NeuralTranslator.load(place, EN, ZH, search, noisy_channel=False)
    [alone] = one.alternatives([sentence])
    [both] = NeuralTranslator.load(place, EN, ZH, search).alternatives([sentence])
    assert {each.text for each in alone} == {each.text for each in both}
    assert [each.score for each in both] == sorted((each.score for each in both), reverse=True)
    [outputs] = search.generate(
        one.model,
        one._pieces(sentence),
        Direction.between(one.tokenizer, EN, ZH, one.allowed_subwords.get(ZH)),
    )
    asked = one._pieces(sentence) * len(outputs)
    back = SequenceScorer(one.model, one.tokenizer).conditional_nll(
        [each.ids for each in outputs], asked, ZH, EN
    )
    sums = [-each.nll - float(cost) for each, cost in zip(outputs, back, strict=True)]
    assert both[0].score == pytest.approx(max(sums), abs=1e-4)


def test_loops_and_what_was_cut_off_come_last(translator: NeuralTranslator) -> None:
    loop, cut, good = np.array([5, 6] * 6), np.array([5, 6, 7]), np.array([5, 8, 9, 7])
    message = [Output(loop, 1.0, True), Output(cut, 2.0, False), Output(good, 3.0, True)]
    ranked = replace(translator, noisy_channel=False)._ranked([good], [message])
    assert [each.nll for each in ranked[0]] == [3.0, 1.0, 2.0]
    [retained] = replace(translator, noisy_channel=False)._ranked([loop], [message])
    assert [each.nll for each in retained] == [1.0, 3.0, 2.0], "what the sentence repeats is no loop"


def test_bytes_that_are_no_character_are_no_replacement_characters(translator: NeuralTranslator) -> None:
    [ids] = translator.tokenizer.encode(["数\U0001f600"], translator.target)
    texts = {
        translator._text(list(ids)[start:end]) for start in range(len(ids)) for end in range(len(ids) + 1)
    }
    assert "?" in texts
    assert not any("\ufffd" in text for text in texts)


def test_headline_is_translated_as_its_sentence_and_numbers_are_copied(translator: NeuralTranslator) -> None:
    small, capitals, number = translator.translate(["She sees the sea.", "SHE SEES THE SEA.", "1,234.5"])
    assert small == capitals
    assert number == "1,234.5"


def test_addresses_stay_and_doubts_belong_to_their_line(translator: NeuralTranslator) -> None:
    lines = ["She sees the sea https://example.org/a the sea.", "https://example.org/b", "She sees the sea."]
    both = translator.translate_with_doubts(lines)
    assert [text for text, _ in both] == translator.translate(lines)
    assert "https://example.org/a" in both[0][0]
    assert both[1] == ("https://example.org/b", ())
    assert both[2][1] == translator.alternatives(lines[2:])[0][0].doubts == ("does not end", "repeats itself")

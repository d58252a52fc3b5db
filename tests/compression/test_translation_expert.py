"""The expert that translates a sentence pointed at is a code: it reads pointers and coded text only."""

from __future__ import annotations

from itertools import pairwise

import constriction
import numpy as np
import pytest
import torch

from tests.compression.test_prequential import END, changed_at, family, guess, sentences, text
from tests.small_texts import ZH
from umt.compression.mixing import context_mixing
from umt.compression.mixing.translation_expert import TranslationExpert, offsets
from umt.compression.symbols import CodedText
from umt.types import F64, I64

EXPERT = TranslationExpert()


def enciphered(x: CodedText, pointers: I64) -> CodedText:
    """The sentences pointed at in other names, ids of their own."""
    starts, other = offsets(x), np.append((np.arange(END) * 3 + 1) % END, END)
    lines = [x.codes[starts[each] : starts[each + 1] - 1] for each in pointers]
    return text(np.concatenate([other[np.append(line, END)] for line in lines]), ZH, 20)


def bits(y: CodedText, x: CodedText, pointers: I64) -> F64:
    return context_mixing.code_length(y.codes, y.tree, y.starts, [EXPERT.log_odds(y, x, pointers)])


def test_translations_save_bits_and_wrong_pointers_none() -> None:
    """A translation tells most words, another sentence none."""
    random = np.random.default_rng(1)
    symbols = np.concatenate([np.append(random.integers(0, END, 5), END) for _ in range(100)])
    x = text(symbols)
    pointers = random.integers(100, size=150)
    y = enciphered(x, pointers)
    alone = context_mixing.code_length(y.codes, y.tree, y.starts)
    late = slice(len(y.codes) // 2, None)
    assert bits(y, x, pointers)[late].sum() < 0.8 * alone[late].sum()
    assert bits(y, x, random.permutation(pointers))[late].sum() > 0.98 * alone[late].sum()


def test_table_is_that_of_ibm_model_1() -> None:
    """Expected counts by hand: every symbol of a sentence was caused by one of those it points at."""
    x, pointers = text(sentences(20, 1)), np.random.default_rng(1).integers(-1, 20, size=15)
    pointers[:2] = 0, -1
    y = enciphered(x, np.abs(pointers))
    expert = TranslationExpert(rounds=3)
    lines = [text.codes[start:end] for text in (x, y) for start, end in pairwise(offsets(text))]
    of_x, of_y = lines[:20], lines[20:]
    frequencies = np.bincount(y.codes, minlength=len(y.numbers)) + 0.5
    unigrams = frequencies / frequencies.sum()
    expected = np.tile(unigrams, (len(x.numbers) + 1, 1))
    for _ in range(3):
        counts = np.zeros_like(expected)
        for pointer, line in zip(pointers, of_y, strict=True):
            for symbol in line if pointer >= 0 else []:
                shares = expected[of_x[pointer], symbol]
                np.add.at(counts, (of_x[pointer], symbol), shares / shares.sum())
        counts += expert.prior * unigrams
        expected = counts / counts.sum(1, keepdims=True)
    np.testing.assert_allclose(expert.table(y, x, pointers), expected, rtol=1e-4)


def test_a_sentence_is_read_place_by_place_from_the_one_it_points_at() -> None:
    """By hand: a hidden Markov model over the places of the source, where the next one is likeliest."""
    x, pointers = text(sentences(30, 1)), np.random.default_rng(1).integers(30, size=30)
    y = enciphered(x, pointers)
    odds, table = EXPERT.log_odds(y, x, pointers), EXPERT.table(y, x, pointers[:20])
    starts, sources = offsets(y), offsets(x)
    for number in (20, 25, 29):
        pointer, places = pointers[number], slice(starts[number], starts[number + 1])
        rows = table[x.codes[sources[pointer] : sources[pointer + 1]]]
        count = len(rows)
        jumps = np.array(
            [
                [np.exp(-abs(there - here - 1) / EXPERT.jump) for there in range(count)]
                for here in range(count)
            ]
        )
        prior, chances = np.full(count, 1 / count), []
        for symbol in y.codes[places]:
            chances.append(prior @ rows)
            posterior = prior * rows[:, symbol]
            moved = (posterior / posterior.sum()) @ jumps
            prior = (1 - EXPERT.uniform) * moved / moved.sum() + EXPERT.uniform / count
        by_hand = y.tree.log_odds(torch.from_numpy(np.float32(chances)), y.codes[places])
        np.testing.assert_allclose(odds[3 * places.start : 3 * places.stop], by_hand, atol=1e-3)


def test_a_sentence_without_a_pointer_has_the_frequencies_so_far() -> None:
    x, pointers = text(sentences(30, 1)), np.arange(30)
    y = enciphered(x, pointers)
    pointers[20:] = -1
    frequencies = np.bincount(y.codes[: y.ends[19]], minlength=8) + 0.5
    chances = torch.from_numpy(np.tile(np.float32(frequencies / frequencies.sum()), (len(y.codes), 1)))
    odds, start = y.tree.log_odds(chances, y.codes), 3 * int(y.ends[19])
    np.testing.assert_allclose(EXPERT.log_odds(y, x, pointers)[start:], odds[start:], atol=1e-4)


def test_translation_expert_predicts_from_the_past_only() -> None:
    """A symbol or a pointer that changes leaves all predictions before it as they were, to the last bit."""
    x, pointers = text(sentences(60, 1)), np.random.default_rng(1).integers(60, size=60)
    y = text(sentences(60, 2), ZH, 20)
    whole = EXPERT.log_odds(y, x, pointers)
    for place in (len(y.codes) - 2, len(y.codes) // 2, len(y.codes) // 5):
        place -= int(y.codes[place] == END)
        after = EXPERT.log_odds(text(changed_at(y.codes, place), ZH, 20), x, pointers)
        assert (after[: 3 * place] == whole[: 3 * place]).all()
        assert (after[3 * place :] != whole[3 * place :]).any()
    other = pointers.copy()
    other[40] = (other[40] + 1) % 60
    start = 3 * int(y.ends[39])
    after = EXPERT.log_odds(y, x, other)
    assert (after[:start] == whole[:start]).all()
    assert (after[start:] != whole[start:]).any()


def test_decoder_gives_the_text_back_from_pointers_and_stream() -> None:
    """A stream of as many bits as the code length, pointers, and the other text decode to the text."""
    x, pointers = text(sentences(10, 1)), np.random.default_rng(1).integers(10, size=8)
    y = enciphered(x, pointers)

    def distribution(known: I64, place: int) -> F64:
        costs = np.zeros(8)
        for symbol in range(8):
            codes = known.copy()
            codes[place] = symbol
            filled = guess(codes, place + 1, len(y.ends))
            odds = EXPERT.log_odds(filled, x, pointers)[: 3 * (place + 1)]
            costs[symbol] = context_mixing.code_length(codes[: place + 1], y.tree, y.starts, [odds])[-1]
        return 2.0**-costs

    lengths, encoder = bits(y, x, pointers), constriction.stream.queue.RangeEncoder()
    for place, symbol in enumerate(y.codes.tolist()):
        chances = distribution(y.codes, place)
        assert -np.log2(chances[symbol]) == pytest.approx(lengths[place], rel=1e-9)
        encoder.encode(symbol, family(chances))
    stream = encoder.get_compressed()
    assert lengths.sum() <= 32 * len(stream) < lengths.sum() + 64
    decoder, decoded = constriction.stream.queue.RangeDecoder(stream), np.zeros(len(y.codes), np.int64)
    for place in range(len(decoded)):
        decoded[place] = decoder.decode(family(distribution(decoded, place)))
    assert decoded.tolist() == y.codes.tolist()

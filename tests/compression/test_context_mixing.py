"""Codes of counted contexts: that they are codes, approach the truth and see repetition."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from tests.compression.test_prequential import EXPERT, sentences, text
from tests.small_texts import ZH, quiet
from umt.compression.compressors import compressed_sizes, context_mixing_size
from umt.compression.mixing import context_mixing
from umt.compression.mixing.cooccurrence_expert import smoothed_pmi
from umt.compression.mixing.prefix_code import PrefixCode


def test_a_prefix_code_is_one() -> None:
    counts = np.array([50, 30, 10, 5, 3, 2])
    tree = PrefixCode.huffman(counts)
    assert sum(2.0**-length for length in tree.lengths) == 1
    assert (counts * tree.lengths).sum() == 50 + 2 * 30 + 3 * 10 + 4 * 5 + 5 * 3 + 5 * 2
    for symbol, length in enumerate(tree.lengths):
        inside = tree.bounds[symbol, :length]
        place = int(np.flatnonzero(tree.order == symbol)[0])
        assert tuple(inside[0][[0, 2]]) == (0, 6)
        for (low, middle, high), bit in zip(inside, tree.bits[symbol], strict=False):
            assert (middle <= place < high) if bit else (low <= place < middle)


def test_counts_approach_the_entropy_of_their_source() -> None:
    chances = np.array([0.5, 0.25, 0.15, 0.1])
    symbols = np.random.default_rng(0).choice(4, 10_000, p=chances)
    tree = PrefixCode.huffman(np.bincount(symbols))
    bits = context_mixing.code_length(symbols, tree, np.ones(4, np.bool_))
    entropy = -(np.bincount(symbols) * np.log2(np.bincount(symbols) / len(symbols))).sum()
    assert entropy * 0.999 < bits.sum() < entropy * 1.03


def test_counts_trust_an_expert_that_knows() -> None:
    symbols = np.random.default_rng(0).choice(4, 5_000)
    tree = PrefixCode.canonical(np.full(4, 2))
    output = np.concatenate([tree.bits[symbol] for symbol in symbols]) * 8.0 - 4.0
    bits = context_mixing.code_length(symbols, tree, np.ones(4, np.bool_), [output.astype(np.float32)])
    assert bits.sum() < 0.1 * 2 * len(symbols)
    with pytest.raises(ValueError, match="10000 decisions need as many expert log odds, got 3"):
        context_mixing.code_length(symbols, tree, np.ones(4, np.bool_), [np.zeros(3, np.float32)])


def test_surface_compressors_see_repetition_and_nothing_costs_nothing() -> None:
    noise = bytes(np.random.default_rng(0).integers(0, 256, 3_000, dtype=np.uint8))
    result = compressed_sizes(noise, noise)
    assert all(2_900 < each["first"] < 3_500 for each in result.values()), result
    assert result["xz -9e"]["ncd"] < 0.1
    assert context_mixing_size(b"") == 0


def test_a_lexicon_that_is_given_carries_pairs_over() -> None:
    """Through an empty lexicon nothing comes; through that of the same symbols what follows what."""
    x, y = text(sentences(80, 1)), text(sentences(80, 2), ZH, 20)
    nothing = sp.csr_matrix(np.zeros((8, 8), np.float32))
    alone, empty, known = (
        EXPERT.unconditional(y, quiet),
        EXPERT.with_lexicon(y, x, nothing, quiet),
        EXPERT.with_lexicon(y, x, sp.identity(8, np.float32, "csr"), quiet),
    )
    np.testing.assert_allclose(empty, alone, atol=1e-5)
    bits = [context_mixing.code_length(y.codes, y.tree, y.starts, [odds]).sum() for odds in (alone, known)]
    assert bits[1] < bits[0]


def test_symbols_that_meet_as_often_as_by_chance_score_near_0() -> None:
    """By hand, of three symbols of which two meet each other and a third itself."""
    pairs = np.array([[1.0, 3.0, 0.0], [3.0, 1.0, 0.0], [0.0, 0.0, 1.0]], np.float32)
    share = (np.array([4, 4, 1]) + 0.2) / 9.6
    chance = np.array([[4.0], [4.0], [1.0]]) * share
    prior = chance / (chance + 1) + 1e-3
    expected = np.log((pairs + prior) / (chance + prior))
    np.testing.assert_allclose(smoothed_pmi(sp.csr_matrix(pairs)), expected, rtol=1e-5)

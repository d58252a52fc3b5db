"""Word pairs that fit the frequencies of both corpora."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from umt.embeddings.lexicon import Lexicon
from umt.smt.length_ratio import combine_ratios, content_length_ratio
from umt.smt.ngram import SPECIALS
from umt.smt.translation_table import FrequencyBalancing
from umt.smt.vocabulary import Vocabulary, count_and_encode
from umt.text.punctuation import canonical_mark


def make_lexicon(source: list[str], target: list[str], rows: list[list[tuple[int, float]]]) -> Lexicon:
    candidates = torch.tensor([[index for index, _ in row] for row in rows])
    return Lexicon(
        tuple(source), tuple(target), candidates, torch.tensor([[p for _, p in row] for row in rows])
    )


def test_frequent_words_without_counterpart_learn_to_be_dropped() -> None:
    source = count_and_encode(["the cat sees the dog near the door"] * 50, 100)[0]
    target = count_and_encode(["chat voit chien porte rare"] + ["chat voit chien pres porte"] * 49, 100)[0]
    names, others = ["the", "cat", "dog"], ["rare", "chat", "chien"]
    lexicon = make_lexicon(names, others, [[(0, 1.0)], [(1, 1.0)], [(2, 1.0)]])
    reverse = make_lexicon(others, names, [[(0, 1.0)], [(1, 1.0)], [(2, 1.0)]])
    pairs = FrequencyBalancing(null_weight=0.1).fit(source, target, lexicon, reverse, 5 / 8)
    share = pairs.dropped / np.maximum(source.unigram, 1e-9)
    assert share[source.index["the"]] > 0.8
    assert share[source.index["cat"]] < 0.2
    retained = pairs.dropped + np.bincount(pairs.source, pairs.mass, minlength=len(pairs.dropped))
    for word in names:
        assert retained[source.index[word]] == pytest.approx(source.unigram[source.index[word]])


def test_sharper_lexicons_lean_on_their_first_candidates() -> None:
    source = count_and_encode(["cat dog"] * 50, 100)[0]
    target = count_and_encode(["chat chien"] * 50, 100)[0]
    rows = [[(0, 0.6), (1, 0.4)], [(1, 0.6), (0, 0.4)]]
    lexicon = make_lexicon(["cat", "dog"], ["chat", "chien"], rows)
    reverse = make_lexicon(["chat", "chien"], ["cat", "dog"], rows)
    shares = []
    for sharpness in (0.5, 1.0, 3.0):
        pairs = FrequencyBalancing(sharpening_exponent=sharpness).fit(source, target, lexicon, reverse, 1.0)
        right = pairs.mass[pairs.source == pairs.target].sum()
        shares.append(right / pairs.mass.sum())
    # Undisturbed by balancing, since both words are equally frequent: 0.6^s / (0.6^s + 0.4^s).
    odds = [1.5**sharpness for sharpness in (0.5, 1.0, 3.0)]
    assert shares == pytest.approx([ratio / (1 + ratio) for ratio in odds], rel=1e-3)


def test_a_pair_on_which_both_agree_outweighs_one_that_one_side_is_sure_of() -> None:
    source = count_and_encode(["cat dog"] * 50, 100)[0]
    target = count_and_encode(["chat chien"] * 50, 100)[0]
    lexicon = make_lexicon(["cat", "dog"], ["chat", "chien"], [[(0, 0.5), (1, 0.5)], [(1, 1.0), (0, 0.0)]])
    reverse = make_lexicon(["chat", "chien"], ["cat", "dog"], [[(0, 0.5), (1, 0.5)], [(1, 1.0), (0, 0.0)]])
    pairs = FrequencyBalancing(sharpening_exponent=1.0).fit(source, target, lexicon, reverse, 1.0)
    mass = {
        (source.words[i], target.words[j]): value
        for i, j, value in zip(pairs.source, pairs.target, pairs.mass, strict=True)
    }
    # Each of the crossed pairs is named by one side alone, with as much as the other gives the right one.
    assert mass["cat", "chat"] > 5 * mass["cat", "chien"]
    assert mass["dog", "chien"] > 5 * mass["dog", "chat"]


def test_a_lexicon_is_made_as_sure_as_it_is_said_to_be_right() -> None:
    source = count_and_encode(["cat dog"] * 50, 100)[0]
    target = count_and_encode(["chat chien"] * 50, 100)[0]
    rows = [[(0, 0.6), (1, 0.4)], [(1, 0.6), (0, 0.4)]]
    lexicon = make_lexicon(["cat", "dog"], ["chat", "chien"], rows)
    reverse = make_lexicon(["chat", "chien"], ["cat", "dog"], rows)
    for certainty in (0.55, 0.8, 0.95):
        pairs = FrequencyBalancing().fit(source, target, lexicon, reverse, 1.0, certainty)
        right = pairs.mass[pairs.source == pairs.target].sum()
        assert right / pairs.mass.sum() == pytest.approx(certainty, rel=1e-3)


def test_marks_of_two_scripts_correspond() -> None:
    assert [canonical_mark(m) for m in "。，、？「”"] == [".", ",", ",", "?", '"', '"']


def test_the_content_ratio_sees_a_language_that_says_everything_in_two_words() -> None:
    source = Vocabulary((*SPECIALS, "a", "b", "c"), (*[0] * len(SPECIALS), 600, 300, 100))
    target = Vocabulary(
        (*SPECIALS, "x", "y", "z", "of"), (*[0] * len(SPECIALS), 600, 300, 100, 1000)
    )  # as many words again that have no counterpart
    names = list(source.words[len(SPECIALS) :]), list(target.words[len(SPECIALS) :])
    there = make_lexicon(*names, [[(0, 0.9), (1, 0.1)], [(1, 0.9), (0, 0.1)], [(2, 0.9), (0, 0.1)]])
    back = make_lexicon(
        names[1],
        names[0],
        [[(0, 0.9), (1, 0.1)], [(1, 0.9), (0, 0.1)], [(2, 0.9), (0, 0.1)], [(2, 0.5), (1, 0.1)]],
    )
    assert content_length_ratio(source, target, there, back, often=1) == pytest.approx(2.0)
    assert content_length_ratio(target, source, back, there, often=1) == pytest.approx(0.5)
    assert content_length_ratio(source, target, there, back, often=10_000) == 1.0


def test_estimates_that_disagree_are_worth_less() -> None:
    assert combine_ratios(0.8, 0.8) == pytest.approx(0.8, rel=0.03)
    assert combine_ratios(0.7, 1.05) > (0.7 * 1.05) ** 0.5
    assert combine_ratios(0.8, 1.25) == pytest.approx(1)
    assert combine_ratios(1.3, 0.9) == pytest.approx(1 / combine_ratios(1 / 1.3, 1 / 0.9))
    assert combine_ratios(0.5, 1.6) == pytest.approx(1, abs=0.03)

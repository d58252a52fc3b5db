"""Lexicons: what they say, how they are induced, and how their precision is measured."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from umt.corpus.dictionary import Dictionary
from umt.embeddings.lexicon import Lexicon, induce
from umt.embeddings.wordspace import Embeddings
from umt.evaluation.lexicon_precision import Ranks, frequency_bands, precision, wilson
from umt.types import BadInput


def lexicon() -> Lexicon:
    return Lexicon(
        ("dog", "cat", "sun"),
        ("狗", "猫", "太阳"),
        torch.tensor([[0, 1], [2, 1], [2, 0]]),
        torch.tensor([[0.75, 0.25], [0.5, 0.5], [1.0, 0.0]]),
    )


def test_translations_leave_out_the_impossible() -> None:
    assert lexicon().translations("dog") == [("狗", 0.75), ("猫", 0.25)]
    assert lexicon().translations("sun") == [("太阳", 1.0)]
    assert lexicon().translations("moon") == []


def test_save_and_load(tmp_path: Path) -> None:
    lexicon().save(tmp_path, "reverse")
    again = Lexicon.load(tmp_path, "reverse")
    assert again.translations("dog") == lexicon().translations("dog")
    assert again.source == lexicon().source


def test_the_power_at_which_the_best_are_as_likely_as_wanted() -> None:
    known = Lexicon(("a", "b", "rare"), ("x", "y"), torch.tensor([[0, 1]] * 3),
                    torch.tensor([[0.6, 0.4], [0.7, 0.3], [1.0, 0.0]]))  # fmt: skip
    for certainty in (0.6, 0.9):
        raised = known.probabilities[:2] ** known.sharpening_exponent(certainty, words=2)
        best = (raised / raised.sum(1, keepdim=True)).amax(1)
        assert float(best.mean()) == pytest.approx(certainty, abs=1e-3)
    assert known.sharpening_exponent(0.0) == pytest.approx(1 / 16)


def test_forms_are_translated_as_their_stems() -> None:
    probabilities = torch.tensor([[0.9, 0.1], [1.0, 0.0]])
    known = Lexicon(("walk", "home"), ("走", "家"), torch.tensor([[0, 1], [1, 0]]), probabilities)
    more = known.with_inflected_forms({"walked": "walk", "home": "walk", "ran": "run"})
    assert more.source == ("walk", "home", "walked")
    assert more.translations("walked") == known.translations("walk")
    assert more.translations("home") == known.translations("home")
    truth = Dictionary({"walked": frozenset({"走", "步行"}), "walk": frozenset({"走路"})})
    stems = truth.with_stems({"walked": "walk"}, {"走路": "走"})
    assert stems.pairs == {"walk": frozenset({"走", "步行"})}


def test_precision_counts_the_unknown_as_wrong_and_leaves_it_out() -> None:
    pairs = {"dog": {"狗"}, "cat": {"猫"}, "moon": {"月"}, "sun": {"阳光"}}
    truth = Dictionary({word: frozenset(translations) for word, translations in pairs.items()})
    scores = {score.name: score for score in precision(lexicon(), truth, ks=(1, 5))}
    assert scores["coverage"].value == 0.5
    assert scores["p@1"].value == 0.25
    assert scores["p@1 covered"].value == 0.5
    assert scores["p@5"].value == 0.5
    assert scores["p@5 covered"].value == 1.0
    assert scores["mrr"].value == pytest.approx((1 + 1 / 2) / 4)
    assert all(score.low <= score.value <= score.high for score in scores.values())
    assert "words:4" in scores["p@1"].signature


def test_ranks_of_a_part_of_the_words() -> None:
    pairs = {"dog": {"狗"}, "cat": {"猫"}, "moon": {"月"}, "sun": {"阳光", "狗"}}
    truth = Dictionary({word: frozenset(translations) for word, translations in pairs.items()})
    ranks = Ranks.read(lexicon(), truth)
    assert ranks.ranks == {"dog": 1, "cat": 2, "moon": None, "sun": 2}
    scores = {score.name: score.value for score in ranks.restricted_to({"cat", "moon"}).scores((1, 2))}
    assert scores["coverage"] == scores["p@2"] == 0.5
    assert scores["p@1"] == scores["p@1 covered"] == 0
    assert scores["mrr"] == 0.25
    assert scores["mrr covered"] == 0.5
    nothing = {score.name: score for score in ranks.restricted_to(()).scores()}
    assert (nothing["p@1"].low, nothing["p@1"].high) == (0, 1)


def test_bands_of_frequency_hold_every_word_once() -> None:
    words = [f"w{number}" for number in range(1200)]
    bands = frequency_bands(words, (500, 1000, 5000))
    assert list(bands) == ["rank 1-500", "rank 501-1000", "rank 1001-1200"]
    assert sum(len(band) for band in bands.values()) == len(frozenset().union(*bands.values())) == 1200
    assert "w499" in bands["rank 1-500"]


def test_wilson_interval() -> None:
    assert wilson(5, 10) == pytest.approx((0.23659, 0.76341), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.27753), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
    # the bounds are where the normal test of the proportion just fails to reject
    low, high = wilson(30, 100)
    for bound in (low, high):
        assert abs(0.3 - bound) / (bound * (1 - bound) / 100) ** 0.5 == pytest.approx(1.96, abs=1e-3)


def test_induced_probabilities_are_sharp_where_the_vectors_are_clear() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.nn.functional.normalize(torch.randn(200, 50, generator=generator), dim=1)
    tops = []
    for noise in (0.02, 0.2):
        y = torch.nn.functional.normalize(x + noise * torch.randn(200, 50, generator=generator), dim=1)
        words = tuple(map(str, range(200)))
        forward, reverse = induce(Embeddings(words, x), Embeddings(words, y), 10)
        for each in (forward, reverse):
            assert torch.allclose(each.probabilities.sum(1), torch.ones(200))
            assert (each.probabilities.diff(dim=1) <= 0).all()
        right = forward.candidates[:, 0] == torch.arange(200)
        assert right.float().mean() > 0.6
        tops.append(forward.probabilities[:, 0].mean())
    assert tops[0] > 0.95
    assert tops[0] > tops[1]


def test_dictionary(tmp_path: Path) -> None:
    path = tmp_path / "dictionary.txt"
    path.write_text("Dog 狗\ndog\t犬\n\nhot dog\t热狗\n", encoding="utf-8")
    read = Dictionary.read(path)
    assert read.pairs == {"dog": {"狗", "犬"}, "hot dog": {"热狗"}}
    assert read.reversed().pairs == {"狗": {"dog"}, "犬": {"dog"}, "热狗": {"hot dog"}}


def test_bad_dictionary(tmp_path: Path) -> None:
    path = tmp_path / "dictionary.txt"
    for content, message in ((b"dog\n", "line 1"), (b"\n", "no word pair"), (b"\xff\n", "UTF-8")):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=message):
            Dictionary.read(path)
    with pytest.raises(BadInput, match="nothere"):
        Dictionary.read(tmp_path / "nothere")


def expected_frequencies(lexicon: Lexicon, source: Tensor) -> Tensor:
    """(target words,) the shares of the words of a text that is translated word by word."""
    share = (source / source.sum())[:, None] * lexicon.probabilities.double()
    total = torch.zeros(len(lexicon.target), dtype=torch.float64)
    return total.index_add_(0, lexicon.candidates.flatten(), share.flatten())


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_translations_follow_the_frequencies_of_the_target(
    strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("umt.embeddings.lexicon._FUNCTION_WORDS", 0)
    generator = torch.Generator().manual_seed(1)
    words = tuple(f"w{n}" for n in range(30))
    candidates = torch.stack([torch.randperm(30, generator=generator) for _ in words])
    probabilities = torch.rand(30, 30, generator=generator).sort(1, descending=True).values
    known = Lexicon(words, words, candidates, probabilities / probabilities.sum(1, keepdim=True))
    source, target = (torch.randint(0, 99, (30,), generator=generator).double() for _ in range(2))
    matched = known.with_matched_frequencies(source, target, strength)
    assert torch.allclose(matched.probabilities.sum(1), torch.ones(30))
    assert (matched.probabilities.diff(dim=1) <= 0).all()
    again = known.with_matched_frequencies(7 * source, 3 * target, strength)
    assert torch.allclose(matched.probabilities, again.probabilities)
    wanted = target / target.sum()
    before, after = (
        float((expected_frequencies(each, source) - wanted).abs().sum()) for each in (known, matched)
    )
    assert after == pytest.approx(before) if strength == 0 else after < (1 - 0.5 * strength) * before
    if strength == 1:
        assert after < 0.01


def test_function_words_keep_their_translations() -> None:
    words = tuple(f"w{n}" for n in range(120))
    candidates, probabilities = torch.tensor([[0, 1]] * 120), torch.tensor([[0.6, 0.4]] * 120)
    counts = torch.ones(120, dtype=torch.float64)
    known = Lexicon(words, words, candidates, probabilities)
    matched = known.with_matched_frequencies(counts, torch.tensor([1.0, *[5.0] * 119]).double(), 1.0)
    assert torch.equal(matched.candidates[:100], candidates[:100])
    assert torch.allclose(matched.probabilities[:100], probabilities[:100])
    assert (matched.candidates[100:, 0] == 1).all()

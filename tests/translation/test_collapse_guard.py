"""Guards fire on what goes wrong, and on nothing else; the criteria prefer the better translator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.small_translation import EN, ZH, chinese, cipher, network
from umt.lm.generation import Generation
from umt.lm.scoring import SequenceScorer
from umt.lm.search import Sampling
from umt.text.token_shards import TokenShards, write_shards
from umt.text.tokenizer import Ids
from umt.training.loop import StopTraining
from umt.translation.quality.collapse_guard import CollapseGuard, OutputHealth
from umt.translation.quality.criteria import check_criterion, round_trip_bleu, sample_sentences
from umt.translation.quality.filters import Filters, OutputStatistics, SubwordUsage, repeated_bigrams
from umt.translation.quality.validation import Validation, ValidationResult, ValidationSample
from umt.translation.training import BootstrapComparison
from umt.types import Lang


def health(kind: str, directory: Path) -> OutputHealth:
    tokenizer, texts, truth = cipher(directory, 60)
    english, chinese = texts
    sentences = [np.asarray(english.ids(line)) for line in range(60)]
    good = [np.asarray(truth.ids(line)) for line in range(60)]
    written = {
        "good": good,
        "copied": sentences,
        "long": [np.concatenate([y] * 4) for y in good],
        "stuttering": [np.repeat(y[:1], len(y)) for y in good],
        "one thing": [good[0]] * 60,
        "endless": good,
    }[kind]
    ended = [kind != "endless"] * 60
    real = [np.asarray(chinese.ids(line)) for line in range(60)]
    return OutputHealth.read(sentences, written, ended, real, ZH, SubwordUsage.count(tokenizer, texts))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("copied", "wrong language"),
        ("long", "times as long"),
        ("stuttering", "repeats"),
        ("endless", "of its sentences end"),
    ],
)
def test_a_collapse_is_named(kind: str, message: str, tmp_path: Path) -> None:
    guard = CollapseGuard(repeated=1.0) if kind == "long" else CollapseGuard()
    complaint = guard.diagnose({"en-zh": health(kind, tmp_path)})
    assert complaint is not None
    assert message in complaint
    assert "en-zh" in complaint


def test_copying_is_seen_where_the_script_is_shared(tmp_path: Path) -> None:
    complaint = CollapseGuard(wrong_language=1.0).diagnose({"en-zh": health("copied", tmp_path)})
    assert complaint is not None
    assert "copied" in complaint


def test_saying_one_thing_is_seen(tmp_path: Path) -> None:
    seen = health("one thing", tmp_path)
    assert seen.diversity < 0.5
    assert CollapseGuard(diversity=0.6).diagnose({"en-zh": seen}) is not None


def test_a_sound_translator_is_left_alone(tmp_path: Path) -> None:
    seen = health("good", tmp_path)
    assert CollapseGuard().diagnose({"en-zh": seen}) is None
    assert seen.diversity > 0.9
    assert seen.copied == 0


def test_no_translation_breaks_its_line(tmp_path: Path) -> None:
    tokenizer, texts, _ = cipher(tmp_path, 20)
    usage = SubwordUsage.count(tokenizer, texts)
    for lang in (EN, ZH):
        pieces = [tokenizer.pieces[number] for number in usage.allowed(lang)]
        assert not {b"\n", b"\r", b"\t", b"\x00", b"\x7f"} & set(pieces)
        assert {b"a", b" "} <= set(pieces) if lang == EN else "天".encode() in pieces


def test_filters_drop_what_is_odd(tmp_path: Path) -> None:
    tokenizer, (english, chinese), truth = cipher(tmp_path, 20)
    sentences = [np.asarray(english.ids(line)) for line in range(20)]
    good = [np.asarray(truth.ids(line)) for line in range(20)]
    odd = [sentences[0], np.concatenate([good[1]] * 5), np.repeat(good[2][:1], len(good[2]))]
    signs = OutputStatistics.read(
        sentences, odd + good[3:], ZH, SubwordUsage.count(tokenizer, (english, chinese))
    )
    assert Filters().accept(signs).tolist() == [False] * 3 + [True] * 17
    costs = np.where(np.arange(20) < 5, 2.1, 2.0)
    assert Filters(max_nll=2.0).accept(signs, costs).tolist() == [False] * 5 + [True] * 15


def test_signs_are_those_of_each_sentence_by_itself() -> None:
    chance = np.random.default_rng(1)
    sentences, renderings = (
        [chance.integers(0, 12, length).astype(np.uint16) for length in chance.integers(least, 9, 60)]
        for least in (1, 0)
    )
    usage = SubwordUsage({ZH: np.arange(12) % 5 == 0}, np.arange(12) % 3 > 0)
    signs = OutputStatistics.read(sentences, renderings, ZH, usage)
    for number, (x, y) in enumerate(zip(sentences, renderings, strict=True)):
        lettered = [each for each in y.tolist() if each % 3]
        pairs = list(pairwise(y.tolist()))
        assert signs.length[number] == (len(y) + 2) / (len(x) + 2)
        assert signs.foreign[number] == pytest.approx(np.mean(y % 5 == 0) if len(y) else 0)
        assert signs.copied[number] == pytest.approx(np.mean(np.isin(lettered, x)) if lettered else 0)
        assert signs.repeated_bigrams[number] == pytest.approx(
            1 - len(set(pairs)) / len(pairs) if pairs else 0
        )


def test_repeated_bigrams_are_the_share_that_occurred_before() -> None:
    for ids, share in (([], 0.0), ([7], 0.0), ([7, 7], 0.0), ([7, 7, 7], 1 / 2), ([1, 2, 1, 2, 1], 2 / 4)):
        assert repeated_bigrams(np.array(ids, dtype=np.int64)) == share


def test_foreign_subwords_are_told_by_rates_whatever_the_sizes_of_the_texts(tmp_path: Path) -> None:
    tokenizer, texts, _ = cipher(tmp_path, 60)
    usage = SubwordUsage.count(tokenizer, texts)
    (tmp_path / "small").mkdir()
    write_shards(["abc 天地"] + ["abc"] * 40, EN, tokenizer, tmp_path / "small")
    mixed = SubwordUsage.count(tokenizer, (TokenShards(tmp_path / "small", EN), texts[1]))
    [heaven] = tokenizer.encode(["天"], ZH)
    assert usage.foreign[EN][heaven].all()
    assert not mixed.foreign[EN][heaven].any(), "one in 124 subwords here, one in twenty there"


def test_sentences_of_the_sample_have_four_subwords_or_more(tmp_path: Path) -> None:
    tokenizer, _, _ = cipher(tmp_path, 20)
    write_shards([chinese(np.arange(length)) for length in range(1, 9)], ZH, tokenizer, tmp_path)
    text = TokenShards(tmp_path, ZH)
    lengths = sorted(text.lengths().tolist())
    sampled = sample_sentences(text, 50, lengths[-2], 1)
    assert sorted(map(len, sampled)) == [each for each in lengths[:-1] if each >= 4]
    assert 4 in lengths


def test_an_unknown_criterion_is_named() -> None:
    check_criterion("agreement")
    with pytest.raises(ValueError, match="round_trip, code, agreement, order, got 'bleu'"):
        check_criterion("bleu")


def test_round_trip_ranks_what_comes_back(tmp_path: Path) -> None:
    _, (english, _), _ = cipher(tmp_path, 60)
    sentences = sample_sentences(english, 50, 60, 1)
    half = [np.concatenate((x[: len(x) // 2], x[: len(x) // 2])) for x in sentences]
    assert round_trip_bleu(sentences, sentences) == pytest.approx(100)
    assert 5 < round_trip_bleu(sentences, half) < 80
    assert round_trip_bleu(sentences, sentences[::-1]) < round_trip_bleu(sentences, half)


def test_a_judge_counts_every_subword_once(tmp_path: Path) -> None:
    tokenizer, (english, _), truth = cipher(tmp_path, 20)
    model = network(tokenizer)
    scorer = SequenceScorer(model, tokenizer)
    x, y = english.ids(0), truth.ids(0)
    row = [tokenizer.tag(EN), *x.tolist(), tokenizer.tag(ZH), *y.tolist(), tokenizer.end]
    chances = model.network(input_ids=torch.tensor([row])).logits[0].detach().log_softmax(1)
    by_hand = -sum(float(chances[place, row[place + 1]]) for place in range(len(x) + 1, len(row) - 1))
    assert scorer.conditional_nll([x, english.ids(1)], [y, truth.ids(1)], EN, ZH)[0] == pytest.approx(
        by_hand, rel=1e-4
    )


def test_a_collapse_rolls_back_to_the_best_model(tmp_path: Path) -> None:
    tokenizer, texts, _ = cipher(tmp_path, 40)
    usage = SubwordUsage.count(tokenizer, texts)
    looked = ValidationSample({text.lang: sample_sentences(text, 10, 60, 1) for text in texts}, usage)
    message: list[str] = []
    checkups = Validation(
        looked, tokenizer, Generation(workers=1), CollapseGuard(1, 1, 1, 1000, 0, 0), "round_trip",
        10, 40, tmp_path,
        lambda what, done, total: message.append(what),
    )  # fmt: skip
    model = network(tokenizer)
    drawn = Generation(Sampling(), workers=1)
    seen = looked.examine(model, tokenizer, drawn)
    assert seen == looked.examine(model, tokenizer, drawn), "draws at a check-up are always the same"
    checkups(model, 5, {})
    assert checkups.history == []
    checkups(model, 10, {})
    assert checkups.best == 10
    checkups.guard = CollapseGuard(length_ratio=1.0)
    with pytest.raises(StopTraining, match=r"collapsed.*stopped at step 20, the model of step 10 is kept"):
        checkups(network(tokenizer, 64), 20, {})
    step, retained = checkups.best_model(model)
    assert step == 10
    assert retained.embeddings.shape[1] == 32
    assert "round trip" in message[0]
    assert len((tmp_path / "health.jsonl").read_text().splitlines()) == 2


class _Scripted(ValidationSample):
    """Says what it was told to say."""

    def examine(self, *_: object) -> ValidationResult:
        return ValidationResult({}, {"round_trip": self.values.pop(0)})

    values: list[float]


def test_the_best_model_is_kept_and_not_the_last(tmp_path: Path) -> None:
    tokenizer, texts, _ = cipher(tmp_path, 40)
    scripted = _Scripted({}, SubwordUsage.count(tokenizer, texts))
    object.__setattr__(scripted, "values", [5.0, 3.0, 9.0, 9.0])
    checkups = Validation(
        scripted,
        tokenizer,
        Generation(workers=1),
        CollapseGuard(),
        "round_trip",
        10,
        40,
        tmp_path,
        lambda *_: None,
    )
    checkups._line = lambda examined: ""  # type: ignore[method-assign]
    for step, width, best in (
        *((10, 32, (10, 32)), (20, 64, (10, 32)), (30, 64, (30, 64))),
        (40, 32, (30, 64)),  # as good: the step that is named is that of the model
    ):
        checkups(network(tokenizer, width), step, {})
        result, retained = checkups.best_model(network(tokenizer))
        assert (result, retained.embeddings.shape[1]) == best


class _Lengths(SequenceScorer):
    """A subword costs a nat alone, and half of one after what is as long as it; else two."""

    def nll(self, sentences: Sequence[Ids], lang: Lang) -> np.ndarray:
        return np.array([float(len(each)) for each in sentences])

    def conditional_nll(
        self, sources: Sequence[Ids], targets: Sequence[Ids], source: Lang, target: Lang
    ) -> np.ndarray:
        return np.array(
            [len(y) * (0.5 if len(x) == len(y) else 2) for x, y in zip(sources, targets, strict=True)]
        )


def test_criteria_prefer_what_costs_less_and_what_both_ways_agree_on(tmp_path: Path) -> None:
    tokenizer, (english, _), truth = cipher(tmp_path, 20)
    scorer = _Lengths(network(tokenizer), tokenizer)
    sentences, good = ([text.ids(line) for line in range(20)] for text in (english, truth))
    cut = [np.concatenate([y, y[:1]]) for y in good]
    better, worse = (scorer.criteria(sentences, each, EN, ZH) for each in (good, cut))
    assert better["code"] > worse["code"]
    nats = 1.5 * sum(map(len, good))
    size = sum(int(tokenizer.byte_lengths[x].sum()) + 1 for x in sentences) * np.log(2)
    assert better["code"] == pytest.approx(-nats / size)
    assert better["agreement"] == pytest.approx(0)
    assert worse["agreement"] < -0.01
    assert BootstrapComparison(1.0, 2.0).won
    assert not BootstrapComparison(2.0, 1.0).won

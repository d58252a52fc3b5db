"""BLEU and chrF: the right tokenizer, several references, intervals that hold the value."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import cast

import pytest
import torch

from umt.evaluation.comet import Comet
from umt.evaluation.metrics import Bleu, ChrF, Metric, PairedBootstrap, metric_named, with_first_reference
from umt.types import BadInput, Lang, Score

EN, ZH = Lang("en"), Lang("zh")


def test_perfect_is_hundred_and_chinese_needs_no_spaces() -> None:
    chinese = ["我们明天去北京看朋友。", "他昨天买了三本很有意思的书。"]
    score = Bleu(resamples=10).score(chinese, [[each] for each in chinese], ZH)
    assert score.value == pytest.approx(100)
    assert "tok:zh" in score.signature
    assert "tok:13a" in Bleu(resamples=10).score(["a b c d e"], [["a b c d e"]], EN).signature


def test_every_reference_counts_and_items_may_have_different_numbers() -> None:
    hypotheses = ["the old man reads a long book", "she went home early last night"]
    references = [["an aged man is reading", hypotheses[0]], [hypotheses[1]]]
    assert Bleu(resamples=10).score(hypotheses, references, EN).value == pytest.approx(100)


def test_interval_surrounds_the_value_and_narrows_with_more_text() -> None:
    good, bad = "the small dog runs in the green park today", "a green cat slept under this table today"
    few = ChrF(resamples=200).score([good, bad] * 5, [[good]] * 10, EN)
    many = ChrF(resamples=200).score([good, bad] * 200, [[good]] * 400, EN)
    assert few.low <= few.value <= few.high
    assert many.high - many.low < few.high - few.low


def test_first_reference_alone_is_a_score_where_there_are_several_and_they_count() -> None:
    texts, single, several = ["a dog", "a cat"], [["a dog"], ["the cat"]], [["dogs", "a dog"], ["the cat"]]
    first = SimpleNamespace(score=lambda hypotheses, references, *_: Score("own", len(references), 0, 0, ""))
    assert [score.name for score in with_first_reference(ChrF(2), texts, single, EN)] == ["chrf"]
    scores = with_first_reference(ChrF(2), texts, several, EN)
    assert [score.name for score in scores] == ["chrf", "chrf, first reference"]
    assert scores[1].value < scores[0].value
    assert [score.name for score in with_first_reference(cast(Metric, first), texts, several, EN)] == ["own"]


def test_equal_systems_differ_by_luck_alone() -> None:
    scores = PairedBootstrap(("one", "other"), 100).compare(["a dog"] * 5, ["a dog"] * 5, [["a dog"]] * 5, EN)
    assert [score.value for score in scores] == [1, 1]


def test_wrong_number_of_translations_is_refused() -> None:
    with pytest.raises(ValueError, match="1 translations for 2 references"):
        Bleu().score(["a"], [["a"], ["b"]], EN)


def test_nothing_right_scores_nothing() -> None:
    score = Bleu(resamples=20).score(["我们明天去北京", "他昨天买书"], [["we left"], ["he came"]], EN)
    assert (score.value, score.low, score.high) == (0, 0, 0)


def test_a_single_good_sentence_among_many_bad_ones_has_an_interval() -> None:
    good = "the small dog runs in the green park today"
    score = Bleu(resamples=50).score(["x y z"] * 30 + [good], [["a b c d"]] * 30 + [[good]], EN)
    assert 0 <= score.low < score.value < 100
    score = ChrF(resamples=50).score(["x y z"] * 30 + [good], [["a b c d"]] * 30 + [[good]], EN)
    assert 0 <= score.low < score.value < 100


def test_the_better_system_is_told_from_luck() -> None:
    good, bad = "the small dog runs in the green park today", "a green cat slept under this table today"
    compare = PairedBootstrap(("one", "other"), resamples=200)
    clear = compare.compare([good] * 30, [bad] * 30, [[good]] * 30, EN)
    assert [score.name for score in clear] == ["p bleu", "p chrf"]
    assert all(score.value < 0.05 for score in clear)
    assert "one against other" in clear[0].signature
    luck = compare.compare([good, bad] * 15, [bad, good] * 15, [[good]] * 30, EN)
    assert all(score.value > 0.05 for score in luck)


def test_a_system_is_not_compared_with_itself() -> None:
    with pytest.raises(ValueError, match="two different"):
        PairedBootstrap(("lexical", "lexical"))


@pytest.mark.skipif(find_spec("comet") is not None, reason="COMET is installed")
def test_comet_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(BadInput, match="pip install unbabel-comet"):
        Comet()


class Judged:
    """What a COMET model answers: here the length of a translation over that of its reference."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    def predict(self, rows: list[dict[str, str]], batch_size: int, gpus: int) -> SimpleNamespace:
        assert (batch_size, gpus) == (4, int(torch.cuda.is_available()))
        self.asked += rows
        return SimpleNamespace(scores=[len(row["mt"]) / len(row["ref"]) for row in rows])


def test_comet_judges_each_sentence_against_its_source_and_first_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judge, opened = Judged(), list[str]()

    def load(path: str) -> Judged:
        opened.append(path)
        return judge

    fake = ModuleType("comet")
    fake.__spec__ = ModuleSpec("comet", None)
    fake.__dict__.update(download_model=lambda name: f"/cache/{name}", load_from_checkpoint=load)
    monkeypatch.setitem(sys.modules, "comet", fake)
    comet = Comet("a/judge", batch=4, resamples=300)
    references = [["abcd", "x"], ["abcdefgh"]] * 20
    score = comet.score(["ab", "cdefgh"] * 20, references, EN, ["甲", "乙"] * 20)
    assert judge.asked[:2] == [
        {"src": "甲", "mt": "ab", "ref": "abcd"},
        {"src": "乙", "mt": "cdefgh", "ref": "abcdefgh"},
    ]
    assert len(judge.asked) == 40
    assert (score.name, score.value) == ("comet", pytest.approx(0.625))
    spread = 1.96 * 0.125 / 40**0.5  # of a mean of 40 scores, half of them 0.5, half of them 0.75
    assert (score.low, score.high) == (
        pytest.approx(0.625 - spread, abs=0.01),
        pytest.approx(0.625 + spread, abs=0.01),
    )
    assert "a/judge" in score.signature
    assert comet.score(["ab"] * 4, [["abcd"]] * 4, EN, ["甲"] * 4).value == pytest.approx(0.5)
    assert opened == ["/cache/a/judge"], "opened once for all that it judges"
    with pytest.raises(ValueError, match=r"shorter|longer"):
        comet.score(["ab"], [["abcd"]], EN)


def test_a_comet_model_that_cannot_be_had_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = ModuleType("comet")
    fake.__spec__ = ModuleSpec("comet", None)
    monkeypatch.setitem(sys.modules, "comet", fake)  # without all that is asked of it
    with pytest.raises(BadInput, match="the COMET model nosuch/model cannot be had"):
        Comet("nosuch/model").score(["a"], [["b"]], EN, ["c"])


def test_xcomet_is_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = SimpleNamespace(predict=lambda rows, **_: SimpleNamespace(scores=[0.5] * len(rows)))
    fake = ModuleType("comet")
    fake.__spec__ = ModuleSpec("comet", None)
    fake.__dict__.update(download_model=lambda name: name, load_from_checkpoint=lambda path: judge)
    monkeypatch.setitem(sys.modules, "comet", fake)
    score = metric_named("xcomet").score(["a"], [["b"]], EN, ["c"])
    assert (score.name, score.value) == ("xcomet", 0.5)
    assert "Unbabel/XCOMET-XL" in score.signature
    monkeypatch.setitem(sys.modules, "comet", None)
    monkeypatch.setattr("umt.evaluation.comet.find_spec", lambda name: None)
    with pytest.raises(BadInput, match="pip install unbabel-comet"):
        metric_named("xcomet")


def test_bleu_is_cased() -> None:
    lower, right = ["the cat sat on the mat ."] * 2, [["The Cat Sat On The Mat ."]] * 2
    score = Bleu(100).score(lower, right, Lang("en"))
    assert score.value < 20
    assert "case:mixed" in score.signature


def test_further_metrics_by_one_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = "the small dog runs in the green park", "the small cat ran in that green park"
    plain, plus = (metric_named(name).score([bad], [[good]], EN) for name in ("chrf", "chrf++"))
    assert (plus.name, "nw:2" in plus.signature) == ("chrf++", True)
    assert plus.value < plain.value, "whole words differ more than their letters"
    with pytest.raises(
        BadInput,
        match=r"no metric 'blue': choose among bleu, spbleu, chrf, chrf\+\+, ter, comet, xcomet, metricx",
    ):
        metric_named("blue")
    pieces = pytest.importorskip("sentencepiece")
    (tmp_path / "text").write_text("".join(f"{good} {bad} {n}\n" for n in range(50)), encoding="utf-8")
    (tmp_path / "models").mkdir()
    model = tmp_path / "models" / "flores200sacrebleuspm"
    pieces.SentencePieceTrainer.train(
        input=str(tmp_path / "text"), model_prefix=str(model), vocab_size=36, minloglevel=2
    )
    model.with_suffix(".model").rename(model)
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_spm.SACREBLEU_DIR", str(tmp_path))
    score = metric_named("spbleu").score([good], [[good]], ZH)
    assert score.value == pytest.approx(100)
    assert "tok:flores200" in score.signature

"""The comparison of finished runs: its figures, its differences, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.finished_runs import REFERENCES, SOURCES, finished_run, right, two_runs
from umt.cli import report
from umt.evaluation.finished_runs import FinishedRun, Provenance, find_scored_runs
from umt.evaluation.metrics import Bleu, ChrF, PairedBootstrap, with_first_reference
from umt.evaluation.pairwise_significance import compare_all
from umt.evaluation.report.comparison import (
    common_test_sets,
    learning_curves,
    overview,
    run_labels,
    write_comparison,
)
from umt.evaluation.report.side_by_side import differences, sentences
from umt.types import BadInput, Lang

EN, ZH = Lang("en"), Lang("zh")


def test_pairwise_p_is_that_of_sacrebleu() -> None:
    words = np.random.default_rng(0).choice([*"abcdefgh"], (3, 60, 9))
    references = [[" ".join(row)] for row in words[0]]
    outputs = {}
    for name, share in (("one", 0.2), ("other", 0.25), ("third", 0.5)):
        mask = np.random.default_rng(ord(name[0])).random((60, 9)) < share
        outputs[name] = [" ".join(row) for row in np.where(mask, words[1], words[0])]
    outputs["copy of one"] = outputs["one"]
    compared = compare_all(outputs, references, EN, 500)
    names = list(outputs)
    for ours, theirs in (("one", "other"), ("third", "one"), ("other", "third"), ("one", "copy of one")):
        expected = PairedBootstrap((ours, theirs), 500).compare(
            outputs[ours], outputs[theirs], references, EN
        )
        for score, comparison in zip(expected, compared.values(), strict=True):
            assert comparison.p[names.index(ours), names.index(theirs)] == pytest.approx(score.value)
    bleu = compared["BLEU"]
    assert bleu.scores[0] == pytest.approx(Bleu(0).score(outputs["one"], references, EN).value)
    assert (bleu.p == bleu.p.T).all()
    assert np.allclose(bleu.low, -bleu.high.T)
    difference = bleu.scores[:, None] - bleu.scores
    assert ((bleu.low <= difference + 0.5) & (difference - 0.5 <= bleu.high)).all()


def test_a_score_against_the_first_of_several_references() -> None:
    hypotheses = [references[1] for references in REFERENCES]
    both, first = with_first_reference(Bleu(10), hypotheses, REFERENCES, EN)
    assert (both.name, first.name) == ("bleu", "bleu, first reference")
    assert both.value == pytest.approx(100)
    assert first.value < 90
    assert "nrefs:2" in both.signature
    assert "nrefs:1" in first.signature
    one = [references[:1] for references in REFERENCES]
    [single] = with_first_reference(ChrF(10), hypotheses, one, EN)
    assert single.name == "chrf"


def test_differences_alternate_and_lose_nothing() -> None:
    text = "The old man reads a book."
    pieces = differences(text, ["She sleeps.", "The man reads an old book."], EN)
    assert "".join(pieces) == text
    assert pieces[0::2] == ["The ", "man reads ", "book."]
    assert pieces[1::2] == ["old ", "a "]
    assert differences("他读书", ["她读书"], ZH) == ["", "他", "读书"]
    assert differences("他", ["她"], ZH) == ["", "他"]
    assert differences("", ["她"], ZH) == [""]
    assert differences("她", ["她"], ZH) == ["她"]


def test_equal_outputs_of_a_sentence_stand_once() -> None:
    outputs = {"a": ["x", "y"], "b": ["x", "z"]}
    first, second = sentences(["1", "2"], [["x"], ["y"]], outputs, EN)
    assert first["outputs"] == [{"systems": [0, 1], "pieces": ["x"]}]
    assert second["outputs"] == [{"systems": [0], "pieces": ["y"]}, {"systems": [1], "pieces": ["", "z"]}]


def test_runs_are_named_by_what_differs(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    assert run_labels(runs) == ["seed=1", "seed=2"]
    assert run_labels(runs[:1]) == ["run-1"]
    manifest = tmp_path / "run-2" / "manifest.json"
    output = json.loads(manifest.read_text())
    output["config"]["corpus"]["size"] = 10
    manifest.write_text(json.dumps(output))
    runs = find_scored_runs([tmp_path])
    assert run_labels(runs) == ["seed=1", "seed=2 size=10"]
    assert "corpus.size" in overview(runs, run_labels(runs)).html()


def test_test_sets_of_one_name_with_other_sentences_are_told_apart(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    [common] = common_test_sets(runs, ["a", "b"])
    assert list(common.outputs) == ["copy, a", "lexical, a", "copy, b", "lexical, b"]
    file = tmp_path / "run-2" / "test_sets" / "test.zh-en.json"
    file.write_text(file.read_text().replace("sentence 3.", "the third."))
    assert [each.title for each in common_test_sets(runs, ["a", "b"])] == [
        "test, zh → en",
        "test, zh → en, as in b",
    ]


def test_curves_of_a_shared_stage_are_drawn_once(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    [section] = learning_curves(runs, ["a", "b"])
    assert section.html().count('<path class="curve s') == 2 + 2  # two in the legend
    manifest = tmp_path / "run-2" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("pretrain-2", "pretrain-1"))
    [section] = learning_curves([FinishedRun(run.path) for run in runs], ["a", "b"])
    assert section.html().count('<path class="curve s') == 1 + 2
    assert "<title>a, b</title>" in section.html()


def test_the_page_shows_provenance_and_every_score(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_comparison(two_runs(tmp_path), page, 100)
    text = page.read_text(encoding="utf-8")
    for shown in ("relation of the sides", "unrelated", "2026-11-29 18:00", "not recorded", "lexical"):
        assert shown in text, shown
    assert SOURCES[0] not in text
    assert Provenance.of({}).columns() == {"seed": "", "date": "", "commit": "not recorded"}


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["umt.cli.report", *map(str, arguments)])
    try:
        report.main()
    except SystemExit as status:
        return int(status.code or 0)
    return 0


def test_what_cannot_be_compared_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finished_run(tmp_path / "unscored", 1, {}, scored=False)
    [run] = two_runs(tmp_path / "damaged")[:1]
    (run.path / "scores.json").write_text('[{"system": "copy"}]')
    cases = {
        "nothing": "no finished run under",
        "nosuch": "there is no folder",
        "unscored": "holds no scores .* evaluate",
        "unscored/run-1": "holds no scores",
        "unscored/align-1": "no finished run under",
        "damaged": "damaged or of an older version",
    }
    (tmp_path / "nothing").mkdir()
    for place, message in cases.items():
        status = command(monkeypatch, tmp_path / place, "-o", tmp_path / "page.html")
        error = capsys.readouterr().err
        assert status == 2
        assert error.count("\n") == 1
        with pytest.raises(BadInput, match=message):
            raise BadInput(error)
    assert not (tmp_path / "page.html").exists()
    assert command(monkeypatch, tmp_path, "--resamples", 1) == 2
    assert "at least 100" in capsys.readouterr().err


def test_the_command_writes_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = two_runs(tmp_path)
    manifest = {"stage": "align", "report": {"verdict": {"label": "failed"}}}
    (tmp_path / "align-1" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert command(monkeypatch, tmp_path, "-o", tmp_path / "page.html", "--resamples", 100) == 0
    printed = capsys.readouterr()
    assert printed.out == f"report: {tmp_path / 'page.html'}\n"
    assert printed.err == (
        f"warning: {first.path}: its alignment is failed: expect translations unrelated to the source\n"
    )
    assert right(3) in (tmp_path / "page.html").read_text(encoding="utf-8")

"""A sweep's summary: what belongs together, what collapsed, and who said otherwise."""

from __future__ import annotations

import json
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console as Terminal

from umt.cli import sweep
from umt.cli.sweep import differences, find, show
from umt.evaluation.rows import ScoreRow, save_scores
from umt.types import BadInput, Score


def finished(store: Path, number: int, p1: float | None, verdict: str = "aligned", size: int = 10) -> None:
    """A run directory as train.py and evaluate.py leave it, with no more than the summary reads."""
    corpus = {"_target_": "umt.corpus.synthetic.source.SyntheticWorld", "size": size}
    aligned = {"stage": "align", "report": {"verdict": {"label": verdict}}}
    run = {"config": {"seed": number, "corpus": corpus}, "inputs": {f"align-{number}": "2026"}}
    for name, output in ((f"align-{number}", aligned), (f"run-{number}", run)):
        (store / name).mkdir()
        (store / name / "manifest.json").write_text(json.dumps(output))
    if p1 is not None:
        score = Score("p@1 covered", p1, p1, p1, "")
        row = ScoreRow("unsupervised", "dictionary", "en-zh", score, 0.0, "lexicon")
        save_scores([row], store / f"run-{number}" / "scores.json")


def shown(*places: Path) -> str:
    out = StringIO()
    show(find(places), Terminal(file=out, width=140))
    return out.getvalue()


def test_seeds_are_summed_up_and_a_confident_failure_is_counted(tmp_path: Path) -> None:
    finished(tmp_path, 2, 0.5)
    finished(tmp_path, 1, 0.7)
    finished(tmp_path, 3, 0.01)
    finished(tmp_path, 4, 0.02, "failed")
    finished(tmp_path, 5, None)
    output = shown(tmp_path)
    assert "5 runs (seeds 1, 2, 3, 4, 5); 4 aligned, 1 failed" in output
    assert "2 of 4 collapsed, 1 of these called aligned" in output
    assert "1 not scored" in output
    [line] = [line for line in output.splitlines() if "p@1 covered" in line]
    assert [cell.strip() for cell in line.split("│")[5:-1]] == ["4", "0.307", "0.348", "0.010", "0.700"]


def test_other_settings_are_another_table(tmp_path: Path) -> None:
    finished(tmp_path, 1, 0.5)
    finished(tmp_path, 2, 0.5, size=20)
    output = shown(tmp_path)
    assert "corpus.size=10" in output
    assert "corpus.size=20" in output
    assert "corpus.size=20" not in shown(tmp_path / "run-2")
    assert differences([{"a": {"b": 1, "c": 2}, "seed": 1}, {"a": {"b": 1}, "seed": 2}]) == ["a.c=2", ""]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no finished run under"):
        find([tmp_path])


def test_an_interrupt_is_one_sentence_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "find", interrupted)
    monkeypatch.setattr(sys, "argv", ["umt.cli.sweep", str(tmp_path)])
    with pytest.raises(SystemExit):
        sweep.main()
    assert capsys.readouterr().err == "error: interrupted before all was summed up\n"

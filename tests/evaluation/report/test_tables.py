"""What a person reads and what a program reads say the same."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import torch
from rich.console import Console as Terminal

from umt.corpus.files import ParallelFiles
from umt.embeddings.lexicon import Lexicon
from umt.evaluation.baselines import Copy, permuted_lexicon
from umt.evaluation.report.tables import show_scores
from umt.evaluation.rows import ScoreRow, save_scores
from umt.pipeline.run import Run
from umt.pipeline.scoring import missing_measurements
from umt.types import Lang, Score

ROWS = [
    ScoreRow("copy", "test", "en-zh", Score("bleu", 0.0, 0.0, 0.0, "tok:zh"), 0.1),
    ScoreRow("lexical", "test", "en-zh", Score("bleu", 13.04, 12.41, 13.62, "tok:zh"), 2.5),
    ScoreRow("lexical", "dictionary", "en-zh", Score("p@1", 0.9712, 0.961, 0.98, "words:10"), 0.1, "lexicon"),
]


def test_the_file_holds_every_field(tmp_path: Path) -> None:
    save_scores(ROWS, tmp_path / "scores.json")
    first, second, _ = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert first["system"] == "copy"
    assert second["value"] == 13.04
    assert second["signature"] == "tok:zh"


def test_the_table_shows_value_interval_and_signature() -> None:
    out = StringIO()
    show_scores(ROWS, Terminal(file=out, width=120))
    shown = out.getvalue()
    for piece in ("13.0 12.4-13.6", "0.971", "copy", "bleu: tok:zh", "Translation", "Lexicon"):
        assert piece in shown


def test_pairs_left_out_of_a_test_set_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("One.\n\nThree.\n", encoding="utf-8")
    (tmp_path / "b").write_text("一。\n二。\n三。\n", encoding="utf-8")
    test = ParallelFiles("mine", (Lang("en"), Lang("zh")), tmp_path / "a", tmp_path / "b")
    run = cast(Run, SimpleNamespace(text=True, held_out=(test,), model=None))
    output = "held-out set mine: 1 of 3 pairs have an empty side and are left out"
    assert list(missing_measurements("test", run)) == [output]
    [missing] = missing_measurements("dev", run)
    assert "no set of evaluation.split=dev" in missing


def test_baselines_know_nothing() -> None:
    assert Copy().translate(["a", ""]) == ["a", ""]
    words = tuple(f"w{i}" for i in range(500))
    exact = Lexicon(words, words, torch.arange(500)[:, None], torch.ones(500, 1))
    shuffled = permuted_lexicon(exact)
    assert (shuffled.candidates == exact.candidates).float().mean() < 0.05
    assert torch.equal(shuffled.candidates, permuted_lexicon(exact).candidates)

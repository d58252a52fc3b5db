"""Directories of finished runs, with no more in them than a comparison reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from umt.evaluation.external_systems import translations_file
from umt.evaluation.finished_runs import FinishedRun, TestSet
from umt.evaluation.metrics import Bleu
from umt.evaluation.rows import ScoreRow, save_scores
from umt.types import Lang

SOURCES = [f"<script>document.title = 'broken {number}'</script> 第 {number} 句。" for number in range(30)]
REFERENCES = [[f"This is sentence {number}.", f"It is sentence {number}."] for number in range(30)]


def finished_run(store: Path, seed: int, outputs: dict[str, list[str]], scored: bool = True) -> FinishedRun:
    """A run that logged a curve, and whose systems wrote ``outputs``."""
    config = {"seed": seed, "corpus": {"_target_": "umt.corpus.files.Files", "root": "talks"}}
    align = {"stage": "align", "report": {"verdict": {"label": "aligned"}}}
    run = {
        "stage": "run",
        "config": config,
        "inputs": {f"align-{seed}": "", f"pretrain-{seed}": ""},
        "made": "2026-11-29T18:00:00",
        "relation": "unrelated",
        "report": {},
    }
    _write(store / f"align-{seed}" / "manifest.json", align)
    _write(store / f"pretrain-{seed}" / "manifest.json", {"stage": "pretrain"})
    log = "".join(json.dumps({"step": step, "causal/nats": seed / step}) + "\n" for step in (1, 2, 3))
    (store / f"pretrain-{seed}" / "metrics.jsonl").write_text(log)
    directory = store / f"run-{seed}"
    _write(directory / "manifest.json", run)
    if scored:
        rows = []
        TestSet(SOURCES, REFERENCES).save(directory, "test", "zh-en")
        (directory / "translations").mkdir()
        for system, lines in outputs.items():
            file = translations_file(directory, "test", "zh-en", system)
            file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            score = Bleu(100).score(lines, REFERENCES, Lang("en"))
            rows.append(ScoreRow(system, "test", "zh-en", score, 1.0, references=2))
        save_scores(rows, directory / "scores.json")
    return FinishedRun(directory)


def right(number: int) -> str:
    """The first reference of a sentence."""
    return REFERENCES[number][0]


def two_runs(store: Path) -> list[FinishedRun]:
    """Two runs with two systems each; of one system the outputs are the same in both."""
    copy = list(SOURCES)
    half = [right(number) if number % 2 else f"Is {number}?" for number in range(30)]
    good = [right(number) if number % 5 else "None." for number in range(30)]
    return [
        finished_run(store, 1, {"copy": copy, "lexical": half}),
        finished_run(store, 2, {"copy": copy, "lexical": good}),
    ]


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")

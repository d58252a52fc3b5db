"""Sweeps by others: Optuna maximises what train.py returns, the unsupervised criterion."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

import train
from umt.pipeline.artefact import Artefact
from umt.pipeline.run import Run
from umt.pipeline.store import Store


def artefact(path: Path, report: dict[str, Any]) -> Artefact:
    return Artefact(path, {"report": report})


def run(alignment: Path, translator: Artefact | None) -> Run:
    alignments = {"unsupervised": artefact(alignment, {})}
    nothing: Any = None
    return Run(alignment, nothing, (), nothing, None, None, translator, None, alignments, {})


def test_the_criterion_is_the_round_trip_else_the_support(tmp_path: Path) -> None:
    (tmp_path / "alignment.json").write_text(json.dumps({"verdict": {"score": 0.75}}), encoding="utf-8")
    assert run(tmp_path, None).criterion == 0.75
    history = [
        {"round_trip": 20.0, "collapsed": 0.0},
        {"round_trip": 30.0, "collapsed": 0.0},
        {"round_trip": 90.0, "collapsed": 1.0},
    ]
    assert run(tmp_path, artefact(tmp_path, {"history": history})).criterion == 30
    assert run(tmp_path, artefact(tmp_path, {"history": history[2:]})).criterion == 0


def test_optuna_maximises_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    tried = []

    def build(config: Any, store: Store) -> SimpleNamespace:
        tried.append(config.aligner.words)
        verdict = SimpleNamespace(report={"verdict": {"label": "aligned"}})
        return SimpleNamespace(
            criterion=-abs(config.aligner.words - 700), alignments={"unsupervised": verdict}, directory="x",
            corpus=SimpleNamespace(languages=("en", "zh")), translators={}, translator=None,
        )  # fmt: skip

    monkeypatch.setattr(train, "build", build)
    sweep = ["hydra/sweeper=optuna", "hydra.sweeper.direction=maximize", "hydra.sweeper.n_trials=12"]
    sweep += ["hydra.sweeper.sampler.seed=1", "hydra.sweeper.n_jobs=1", f"hydra.sweep.dir={tmp_path}"]
    line = [
        "train.py",
        "-m",
        f"store={tmp_path}",
        *sweep,
        "aligner=cooccurrence",
        "aligner.words=range(100,1000)",
    ]
    monkeypatch.setattr(sys, "argv", line)
    train.main()
    assert len(tried) == 12
    best = yaml.safe_load((tmp_path / "optimization_results.yaml").read_text(encoding="utf-8"))
    assert best["best_value"] == max(-abs(words - 700) for words in tried)
    assert best["best_value"] > -150

"""Complete runs reach trackers, by their real clients, without a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.finished_runs import finished_run
from umt.pipeline.artefact import Artefact
from umt.pipeline.display.tracking import Mlflow, Wandb, record_run
from umt.pipeline.run import Run
from umt.types import BadInput


@pytest.fixture
def run(tmp_path: Path) -> Run:
    directory = finished_run(tmp_path / "runs", 1, {}, scored=False).path
    nothing: Any = None
    history = [{"round_trip": 30.0, "collapsed": 0.0}]
    translator = Artefact(directory, {"report": {"history": history}})
    return Run(directory, nothing, (), nothing, None, None, translator, None, {}, {})


def test_mlflow_has_curves_and_parameters(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    record_run(Mlflow("test", f"file:{tmp_path / 'mlruns'}"), run)
    client = mlflow.tracking.MlflowClient(f"file:{tmp_path / 'mlruns'}")
    [recorded] = client.search_runs([client.get_experiment_by_name("test").experiment_id])
    assert recorded.info.run_name == "run-1"
    assert recorded.data.params["corpus.root"] == "talks"
    assert recorded.data.metrics["criterion"] == 30
    curve = client.get_metric_history(recorded.info.run_id, "pretrain/causal/nats")
    assert [(point.step, point.value) for point in curve] == [(1, 1.0), (2, 0.5), (3, 1 / 3)]


def test_wandb_writes_its_file_offline(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.chdir(tmp_path)
    for name, value in (("WANDB_MODE", "offline"), ("WANDB_SILENT", "true"), ("WANDB_DIR", str(tmp_path))):
        monkeypatch.setenv(name, value)
    record_run(Wandb(), run)
    wandb.teardown()  # its process writes until it ends
    [file] = tmp_path.glob("wandb/offline-run-*/*.wandb")
    content = file.read_bytes()
    assert b"pretrain/causal/nats" in content
    assert b"talks" in content


def test_trackio_keeps_curves_here(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio")
    from trackio.sqlite_storage import SQLiteStorage

    record_run(Wandb("trackio", "test"), run)
    assert SQLiteStorage.get_runs("test") == ["run-1"]
    assert (SQLiteStorage.get_run_config("test", "run-1") or {})["corpus.root"] == "talks"
    curve = [log["pretrain/causal/nats"] for log in SQLiteStorage.get_logs("test", "run-1")[:3]]
    assert curve == [1.0, 0.5, 1 / 3]
    assert SQLiteStorage.get_logs("test", "run-1")[-1]["criterion"] == 30


def test_a_tracker_that_is_missing_or_fails_is_one_sentence(run: Run) -> None:
    with pytest.raises(ValueError, match="library must be one of wandb, trackio"):
        Wandb("nosuch")

    class Broken:
        def record(self, *_: object) -> None:
            raise ConnectionError("no route")

    with pytest.raises(BadInput, match=r"the run is complete, and was not recorded \(no route\)"):
        record_run(Broken(), run)
    assert json.loads((run.directory / "manifest.json").read_text())["stage"] == "run"

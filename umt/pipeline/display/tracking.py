"""Curves and parameters of a run for an experiment tracker; off unless ``tracking`` names one.

TensorBoard needs none of this: the training loop writes its files beside each network, as it learns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, cast

from umt.evaluation.finished_runs import FinishedRun, flat
from umt.pipeline.run import Run
from umt.runtime.validate import require
from umt.training.loop import LOG
from umt.types import BadInput


class Tracker(Protocol):
    """Where the curves of runs are collected."""

    def record(
        self, name: str, config: Mapping[str, Any], curves: Iterator[tuple[int, dict[str, float]]]
    ) -> None:
        """Send the run ``name``: its options by dotted name, and (step, values) of every record."""
        ...


@dataclass(frozen=True)
class Wandb:
    """Weights & Biases, or Trackio, which has the same calls and keeps its data on this machine.

    library: ``wandb`` or ``trackio``. project: under which the runs stand. WANDB_MODE=offline sends nothing.
    """

    library: str = "wandb"
    project: str = "umt"

    def __post_init__(self) -> None:
        require(self, choice={"library": ("wandb", "trackio")})
        _check_installed(self.library)

    def record(
        self, name: str, config: Mapping[str, Any], curves: Iterator[tuple[int, dict[str, float]]]
    ) -> None:
        """See `Tracker`."""
        library = cast(Any, import_module(self.library))
        library.init(project=self.project, name=name, config=dict(config))
        for step, values in curves:
            library.log({**values, "training_step": step})  # "step" belongs to trackio
        library.finish()


@dataclass(frozen=True)
class Mlflow:
    """MLflow (``mlflow`` or ``mlflow-skinny``). uri: its server or ``sqlite:///FILE``; null: its own default.

    experiment: under which the runs stand.
    """

    experiment: str = "umt"
    uri: str | None = None

    def __post_init__(self) -> None:
        require(self)
        _check_installed("mlflow")

    def record(
        self, name: str, config: Mapping[str, Any], curves: Iterator[tuple[int, dict[str, float]]]
    ) -> None:
        """See `Tracker`."""
        mlflow = cast(Any, import_module("mlflow"))
        if self.uri is not None:
            mlflow.set_tracking_uri(self.uri)
        mlflow.set_experiment(self.experiment)
        with mlflow.start_run(run_name=name):
            mlflow.log_params({key: str(value)[:500] for key, value in config.items()})
            for step, values in curves:
                mlflow.log_metrics(values, step=step)


def record_run(tracker: Tracker, run: Run) -> None:
    """Send what ``run`` was made of and how its networks learned. Raises BadInput when the tracker fails."""
    finished = FinishedRun(run.directory)
    try:
        tracker.record(run.directory.name, dict(flat(finished.manifest["config"])), curves_of(finished, run))
    except Exception as error:  # whatever the client, its server or the network say
        reason = " ".join(str(error).split())[:300]
        raise BadInput(f"tracking: the run is complete, and was not recorded ({reason})") from error


def curves_of(finished: FinishedRun, run: Run) -> Iterator[tuple[int, dict[str, float]]]:
    """(step, values) of each record of each network, names led by the stage; the criterion at the end."""
    last = 0
    for name, directory in finished.stages.items():
        if (directory / LOG).exists():
            stage = name.rpartition("-")[0]
            for line in (directory / LOG).read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                last = int(record.pop("step"))
                yield last, {f"{stage}/{key}": float(value) for key, value in record.items()}
    if run.criterion is not None:
        yield last, {"criterion": run.criterion}


def _check_installed(library: str) -> None:
    if find_spec(library) is None:
        raise BadInput(f"tracking asks for {library}, which is not installed: pip install {library}")

"""The frame of every program with a configuration: checks, threads, signals, errors as one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig
from rich.console import Console as Terminal

from umt.lm.loading import configure_libraries
from umt.pipeline.checks import check_options
from umt.pipeline.display.console import Console
from umt.pipeline.errors import sweep_cell, sweep_job
from umt.pipeline.run import Run
from umt.pipeline.stages import ADVICE, planned
from umt.runtime.distributed import ProcessGroup, init_process_group
from umt.runtime.files import MANIFEST
from umt.runtime.interrupts import handle_signals
from umt.runtime.threads import use_threads


class Program(NamedTuple):
    """What a program works with."""

    console: Console
    team: ProcessGroup


@contextmanager
def program(config: DictConfig, *, list_reused: bool = True) -> Iterator[Program]:
    """Set this process up for ``config``; what a user can mend ends in one sentence and an exit status.

    list_reused: whether stages that were built before are listed.
    """
    configure_libraries()
    team = init_process_group()
    console = Console(list_reused=list_reused)
    if team.rank:
        console.terminal = Terminal(quiet=True)
    if cell := sweep_cell():
        console.terminal.print(f"\n{cell}", markup=False, style="bold")
    with sweep_job(console):
        handle_signals()
        check_options(config)
        use_threads(config.runtime.threads)
        yield Program(console, team)


def announce(config: DictConfig, console: Console) -> None:
    """Print what a run will do: its stages, each with the time that it took last in this store."""
    stages, seconds = planned(config), _last_seconds(Path(config.store))
    listed = [f"{stage} ({_time(seconds[stage])})" if stage in seconds else stage for stage in stages]
    known = sum(seconds.get(stage, 0.0) for stage in stages)
    about = f", about {_time(known)} if nothing is built yet" if known else ""
    console.terminal.print(
        f"stages: {', '.join(listed)}{about}; what was built with the same options is used again",
        markup=False,
    )


def conclude(run: Run, console: Console) -> None:
    """Print where the run is and what to do next."""
    verdict, target = run.alignments["unsupervised"].report["verdict"], run.corpus.languages[1]
    if verdict["label"] != "aligned":
        console.terminal.print(f"alignment {verdict['label']}: {ADVICE}", markup=False)
    console.terminal.print("next: python evaluate.py with the same options scores the run", markup=False)
    if run.translators or run.translator:
        console.terminal.print(
            f'      python -m umt.cli.translate --run {run.directory} --to {target} "a sentence"',
            markup=False,
        )
    console.terminal.print(f"run: {run.directory}", markup=False)


def _last_seconds(store: Path) -> Mapping[str, float]:
    """Stage -> seconds that its newest artefact in ``store`` took."""
    newest: dict[str, tuple[str, float]] = {}
    for path in store.glob(f"[a-z]*/{MANIFEST}"):
        try:
            manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            made = (str(manifest["made"]), float(manifest["seconds"]))
            newest[manifest["stage"]] = max(made, newest.get(manifest["stage"], made))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a damaged artefact is reported where it is used
    return {stage: seconds for stage, (_, seconds) in newest.items()}


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"

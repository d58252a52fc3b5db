"""The frame of every program with a configuration: checks, threads, signals, errors as one sentence."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any, NamedTuple

from omegaconf import DictConfig
from rich.console import Console as Terminal

from umt.corpus.prepared_text import PreparedText
from umt.evaluation.finished_runs import MEANING
from umt.lm.loading import configure_libraries
from umt.pipeline.checks import check_options
from umt.pipeline.display.console import Console, duration, printable
from umt.pipeline.errors import sweep_cell, sweep_job
from umt.pipeline.inputs import drop_unselected
from umt.pipeline.resumption import resumed
from umt.pipeline.run import Run
from umt.pipeline.saved import LanguageDirection, open_translator
from umt.pipeline.stages import ADVICE, planned
from umt.runtime.distributed import ProcessGroup, init_process_group
from umt.runtime.files import MANIFEST
from umt.runtime.interrupts import handle_signals
from umt.runtime.threads import use_threads

WORLD, WORLD_SIZE = "umt.corpus.synthetic.source.SyntheticWorld", 200_000
WORLD_SECONDS = {
    "prepare": 37.0, "words": 5.0, "align": 25.0, "shared_content": 9.0, "tokenise": 12.0, "pretrain": 33.0,
    "bootstrap": 15.0, "train_translator": 375.0, "align_supervised": 8.0,
}  # fmt: skip
"""What the default run takes on two idle cores (docs/performance.md): what is said before a store knows."""


class Program(NamedTuple):
    """What a program works with."""

    console: Console
    team: ProcessGroup
    config: DictConfig


@contextmanager
def program(config: DictConfig, *, list_reused: bool = True) -> Iterator[Program]:
    """Set this process up for ``config``, or the run that it resumes; what a user can mend ends in one
    sentence and an exit status.

    list_reused: whether stages that were built before are listed.
    """
    configure_libraries()
    team = init_process_group()
    number, cell = sweep_cell()
    console = Console(list_reused=list_reused, label=f"[{number}] " if cell else "")
    if team.rank:
        console.terminal = Terminal(quiet=True)
    if cell:
        console.terminal.print(f"\n[{number}] run {number} of the sweep: {cell}", markup=False, style="bold")
    with sweep_job(console):
        handle_signals()
        config = resumed(config)
        check_options(config)
        use_threads(config.runtime.threads)
        yield Program(console, team, config)


def announce(config: DictConfig, console: Console) -> None:
    """Print what a run will do: its stages, each with the time that it took last in this store."""
    config = drop_unselected(config)
    stages, seconds = planned(config), _last_seconds(Path(config.store))
    measured = "here"
    if not seconds and config.corpus.get("_target_") == WORLD and config.corpus.size == WORLD_SIZE:
        seconds, measured = WORLD_SECONDS, "on two idle cores"
    console.expect((stage, seconds.get(stage)) for stage in stages)
    listed = [f"{stage} ({duration(seconds[stage])})" if stage in seconds else stage for stage in stages]
    known = sum(seconds.get(stage, 0.0) for stage in stages)
    least = "about" if seconds.keys() >= set(stages) else "more than"
    about = f"; {least} {duration(known)} {measured} if nothing is built yet" if known else ""
    console.terminal.print(
        f"stages: {', '.join(listed)}{about}; what was built with the same options is used again",
        markup=False,
        soft_wrap=not console.terminal.is_terminal,
    )


def conclude(run: Run, console: Console) -> None:
    """Print where the run is and what to do next."""
    label = run.alignments["unsupervised"].report["verdict"]["label"]
    if label in MEANING:
        advice = "" if label == "not judged" else f"; {ADVICE}"
        console.terminal.print(f"alignment {label}: {MEANING[label]}{advice}", markup=False)
    show_example(run, console.terminal)
    score = f"{_command('umt-evaluate')} resume={run.directory}"
    console.terminal.print(f"next: {score} scores it and writes its report", markup=False)
    console.terminal.print(f"run: {run.directory}", markup=False)


def show_example(run: Run, terminal: Terminal) -> None:
    """Print a sentence of the source text, its translation, and the command that translates another."""
    if terminal.quiet or not ((run.translators or run.translator) and run.text):
        return
    (source, target), text = run.corpus.languages, PreparedText(run.text.path)
    sentences = zip(text.sentences(source), text.words(source), strict=True)
    sentence = next((line for line, words in sentences if 6 <= len(words) <= 15), "")
    translator = open_translator(run.directory, LanguageDirection(source, target), beam=4)
    lines = (
        f"\n{source}: {sentence}",
        f"{target}: {translator.translate([sentence])[0]}",
        f'next: {_command("umt-translate")} --run {run.directory} --to {target} "a sentence"',
        f"next: {_command('umt-serve')} {run.directory} shows translations in the browser",
    )
    for line in lines:
        terminal.print(printable(line), markup=False)


def _command(name: str) -> str:
    """How to type a command of this project here."""
    return name if which(name) else os.path.relpath(Path(sys.executable).with_name(name))


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

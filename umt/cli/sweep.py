"""Many seeds at a glance: mean, spread and verdicts of the runs of a sweep.

    python train.py -m seed=1,2,3,4,5 [overrides]       trains
    python evaluate.py -m seed=1,2,3,4,5 [overrides]    scores
    python -m umt.cli.sweep runs                        sums up every run under the store, or the runs named

Runs whose configurations differ in nothing but the seed belong together.
"""

from __future__ import annotations

import umt.runtime.interrupts  # noqa: F401  (before all that takes long to import)

# isort: split
import json
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console as Terminal
from rich.table import Table

from umt.cli.command_line import Command
from umt.evaluation.finished_runs import SCORES, FinishedRun, find_runs, parameter_differences
from umt.evaluation.rows import DICTIONARY, OF_HUNDRED, system_label
from umt.pipeline.display.console import Console, literal
from umt.pipeline.errors import user_errors

SHOWN = ("bleu", "p@1", "p@1 covered")
COLLAPSE_P1 = 0.1
"""A run whose lexicon has a smaller P@1 of covered words in either direction found nothing."""


@dataclass(frozen=True)
class SweepRun(FinishedRun):
    """A run of a sweep, with the values that are summed up."""

    @cached_property
    def scores(self) -> dict[tuple[str, str, str, str], float]:
        """(set, direction, system, name) -> value; empty before ``evaluate.py`` saw the run."""
        path = self.path / SCORES[self.split]
        rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        systems = [system_label((row["system"], row.get("parallel_pairs", 0))) for row in rows]
        return {
            (row["set"], row["direction"], system, row["name"]): row["value"]
            for system, row in zip(systems, rows, strict=True)
        }

    @property
    def collapsed(self) -> bool | None:
        """Whether the lexicon is worth nothing; None where no dictionary says."""
        values = [
            value
            for (name, _, system, score), value in self.scores.items()
            if (name, system, score) == (DICTIONARY, "unsupervised", "p@1 covered")
        ]
        return max(values) < COLLAPSE_P1 if values else None

    def group(self) -> str:
        """Equal for runs that differ in the seed alone."""
        return json.dumps({**self.manifest["config"], "seed": None}, sort_keys=True)


def find(places: Iterable[Path]) -> list[SweepRun]:
    """Every finished run among or under ``places``, by seed; raises `BadInput` where there is none."""
    return [SweepRun(run.path) for run in find_runs(places)]


def differences(configurations: Sequence[Mapping[str, Any]]) -> list[str]:
    """What sets each configuration apart from the others: "key=value key=value"."""
    parameters = parameter_differences(configurations)
    return [" ".join(f"{key}={value}" for key, value in each.items()) for each in parameters]


def show(runs: Sequence[SweepRun], terminal: Terminal) -> None:
    """Print one table for each configuration."""
    groups: dict[str, list[SweepRun]] = {}
    for run in runs:
        groups.setdefault(run.group(), []).append(run)
    for members in groups.values():
        rivals = [each[0] for each in groups.values() if each[0].corpus == members[0].corpus]
        parameters = differences([each.manifest["config"] for each in rivals])[rivals.index(members[0])]
        terminal.print(
            f"\n[bold]{literal(members[0].corpus)}[/] {literal(parameters)}\n{literal(summary(members))}"
        )
        if any(run.scores for run in members):
            terminal.print(table(members))


def summary(runs: Sequence[SweepRun]) -> str:
    """Seeds, verdicts, collapsed runs, and how many of those were called aligned."""
    seeds = ", ".join(str(run.manifest["config"]["seed"]) for run in runs)
    verdicts = ", ".join(f"{count} {label}" for label, count in Counter(run.verdict for run in runs).items())
    measured = [run for run in runs if run.collapsed is not None]
    collapsed = [run for run in measured if run.collapsed]
    wrong = sum(run.verdict == "aligned" for run in collapsed)
    text = f"{len(runs)} runs (seeds {seeds}); {verdicts}"
    if measured:
        text += f"; {len(collapsed)} of {len(measured)} collapsed, {wrong} of these called aligned"
    unscored = sum(not run.scores for run in runs)
    return text + (f"; {unscored} not scored: python evaluate.py with their overrides" if unscored else "")


def table(runs: Sequence[SweepRun]) -> Table:
    """Mean, standard deviation, smallest and largest of each score over the runs that have it."""
    summary_table = Table(title_justify="left")
    for heading in ("set", "direction", "system", "score"):
        summary_table.add_column(heading, no_wrap=True)
    for heading in ("runs", "mean", "deviation", "lowest", "highest"):
        summary_table.add_column(heading, justify="right", no_wrap=True)
    keys = dict.fromkeys(key for run in runs for key in run.scores if key[3] in SHOWN)
    for key in keys:
        name, _, system, score = key
        if system in ("copy", "random") or name.startswith(f"{DICTIONARY} "):
            continue
        values = [run.scores[key] for run in runs if key in run.scores]
        digits = 1 if score in OF_HUNDRED else 3
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        cells = (statistics.fmean(values), spread, min(values), max(values))
        summary_table.add_row(*map(literal, key), str(len(values)), *(f"{each:.{digits}f}" for each in cells))
    return summary_table


def main() -> None:
    """The command."""
    parser = Command("umt.cli.sweep", __doc__)
    parser.add_argument("places", nargs="+", type=Path, help="a store (such as runs), or run directories")
    arguments = parser.parse_args()
    console = Console()
    with user_errors(console, " before all was summed up"):
        show(find(arguments.places), console.terminal)


if __name__ == "__main__":
    main()

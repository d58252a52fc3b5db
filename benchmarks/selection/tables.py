"""What the runs say: how each criterion ranks translators, and what choosing by it costs."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.selection.settings import NO_PAIRS, SETTINGS
from umt.evaluation.report.figures import scatter
from umt.evaluation.report.svg import standalone

Record = Mapping[str, Any]
Told = Mapping[str, float]
Measure = Callable[[Told], float]

OURS: dict[str, Measure] = {
    "round_trip": lambda entry: entry["round_trip"],
    "code": lambda entry: entry["code"],
    "agreement": lambda entry: entry["agreement"],
}
"""What `umt.translation.quality.criteria` offers."""

TRIED: dict[str, Measure] = {
    "code, y by the model before translation": lambda entry: -entry["first"] - entry["x given y"],
    "x given y": lambda entry: -entry["x given y"],
    "x unconditional less x given y": lambda entry: entry["x"] - entry["x given y"],
    "y unconditional less y given x": lambda entry: entry["y"] - entry["y given x"],
    "y unconditional, by the model before translation": lambda entry: -entry["first"],
    "round_trip / bits of code": lambda entry: -entry["round_trip"] / entry["code"],
    "training step": lambda entry: entry["step"],
}
"""What else the same check-ups tell."""

WORTH_CORRELATING = 4
"""Check-ups of a run within which criteria are correlated."""

RESAMPLES = 200
"""Of the runs, for an interval."""


def bleu(entry: Told) -> float:
    """The mean of both directions."""
    return statistics.fmean(value for name, value in entry.items() if name.startswith("bleu"))


@dataclass(frozen=True)
class Ranking:
    """How well a measure ranks, by Spearman with BLEU, and the BLEU that choosing by it loses.

    everywhere: over all check-ups of all runs, with its 95% interval over resampled runs; within: mean over
    the runs; last: over the last check-ups of the runs. lost, most: to the best check-up of the same run,
    mean and maximum; overall: to the best check-up of all.
    """

    everywhere: float
    interval: tuple[float, float]
    within: float
    last: float
    lost: float
    most: float
    overall: float

    @classmethod
    def of(cls, measure: Measure, runs: Sequence[Sequence[Told]]) -> Ranking:
        """Of check-ups, run by run; a run in which nothing changes says nothing of ``within``."""
        every = [entry for run in runs for entry in run]
        within = [_spearman(measure, run) for run in runs if len(run) >= WORTH_CORRELATING]
        lost = [_lost(measure, run) for run in runs]
        draws = np.random.default_rng(1).integers(len(runs), size=(RESAMPLES, len(runs)))
        redrawn = [_spearman(measure, [entry for place in row for entry in runs[place]]) for row in draws]
        low, high = np.nanquantile(redrawn, (0.025, 0.975)).tolist()
        return cls(
            _spearman(measure, every),
            (low, high),
            statistics.fmean(each for each in within if each == each),
            _spearman(measure, [run[-1] for run in runs]),
            statistics.fmean(lost),
            max(lost),
            _lost(measure, every),
        )


def _spearman(measure: Measure, every: Sequence[Told]) -> float:
    values, truth = [measure(entry) for entry in every], [bleu(entry) for entry in every]
    if len({*values}) < 2 or len({*truth}) < 2:
        return float("nan")
    return float(spearmanr(values, truth).statistic)


def _lost(measure: Measure, every: Sequence[Told]) -> float:
    return max(map(bleu, every)) - bleu(max(every, key=measure))


def sound(run: Sequence[Told]) -> list[Told]:
    """The check-ups among which training chooses: those that the guard lets pass, or the last."""
    return [entry for entry in run if not entry["collapsed"]] or [run[-1]]


def show(records: Sequence[Record], directory: Path) -> str:
    """Write ``selection.md`` and ``selection.svg`` into ``directory``; returns the text."""
    failed = sum("error" in record for record in records)
    records = [record for record in records if "error" not in record]
    runs = [record["checkups"] for record in records]
    checkups = [entry for run in runs for entry in run]
    collapsed = sum(entry["collapsed"] for entry in checkups)
    passed = [sound(run) for run in runs if not all(entry["collapsed"] for entry in run)]
    seconds = sum(record["processor"] for record in records)
    headings = ["criterion", "all validations", "within a run", "last validations",
                "BLEU lost in a run, mean", "most", "over all runs"]  # fmt: skip
    parts = [
        "# Model selection without parallel text",
        f"Written by `python -m benchmarks.selection show`. {len(runs)} runs, {len(checkups)} validations, "
        f"of which the guard calls {collapsed:.0f} a collapse; {failed} more runs gave no figure. "
        f"{seconds / 60:.0f} minutes on one core. BLEU: the mean of both directions on 100 dev pairs of the "
        "synthetic corpus, greedy, sacreBLEU with tok:zh and 13a. x are real sentences, y their "
        "translations.",
        "![round-trip BLEU against BLEU](selection.svg)",
        "## All validations\n\nThree Spearman correlations with BLEU, the first with a 95% interval over "
        "resampled runs; then the BLEU that selection by the criterion loses: to the best of its run, "
        "and to the best of all.",
        _table(headings, _rankings(runs)),
        f"## Without collapsed validations\n\nThe same without those that the guard calls a collapse, "
        f"in {len(passed)} runs.",
        _table(headings, _rankings(passed)),
        "## By run\n\nBLEU at the last validation, the best of the run, and at the validation that each "
        "criterion selects among those that are not collapsed.",
        _table(
            ["run", "last en-zh / zh-en", "best", *OURS, "last round_trip", "code", "agreement"],
            _runs(records),
        ),
    ]
    text = "\n\n".join(parts) + "\n"
    directory.mkdir(exist_ok=True)
    (directory / "selection.md").write_text(text, encoding="utf-8")
    series: dict[str, list[tuple[float, float, str]]] = {}
    for record in sorted(records, key=lambda record: kind(record["setting"])):
        for entry in record["checkups"]:
            label = f"{record['setting']}, step {entry['step']:.0f}"
            series.setdefault(kind(record["setting"]), []).append((entry["round_trip"], bleu(entry), label))
    picture = scatter(series, "round trip BLEU, no pair seen", "BLEU on dev pairs")
    (directory / "selection.svg").write_text(standalone(picture), encoding="utf-8")
    return text


def kind(name: str) -> str:
    """What a run learns from, for the picture."""
    [setting] = [each for each in SETTINGS if each.name == name]
    if setting.wrong:
        return "wrong lexicon"
    return "no more pairs" if NO_PAIRS in setting.overrides else "pairs"


def _rankings(runs: Sequence[Sequence[Told]]) -> Iterable[list[str]]:
    for name, measure in (OURS | TRIED).items():
        result = Ranking.of(measure, runs)
        low, high = result.interval
        everywhere = f"{result.everywhere:.2f} [{low:.2f}, {high:.2f}]"
        yield [
            name,
            everywhere,
            f"{result.within:.2f}",
            f"{result.last:.2f}",
            *(f"{each:.2f}" for each in (result.lost, result.most, result.overall)),
        ]


def _runs(records: Sequence[Record]) -> Iterable[list[str]]:
    ordered = sorted(records, key=lambda record: [each.name for each in SETTINGS].index(record["setting"]))
    for name, group in groupby(ordered, key=lambda record: str(record["setting"])):
        for record in sorted(group, key=lambda record: int(record["seed"])):
            run = record["checkups"]
            last, allowed = run[-1], sound(run)
            ways = [f"{value:.1f}" for key, value in last.items() if key.startswith("bleu")]
            chosen = [f"{bleu(max(allowed, key=measure)):.1f}" for measure in OURS.values()]
            values = [f"{last['round_trip']:.1f}", f"{last['code']:.2f}", f"{last['agreement']:.2f}"]
            yield [f"{name}, seed {record['seed']}", " / ".join(ways), f"{max(map(bleu, run)):.1f}",
                   *chosen, *values]  # fmt: skip


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

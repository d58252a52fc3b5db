"""The page that compares finished runs: scores, parameters, learning curves, significance, sentences."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from umt.evaluation.finished_runs import FinishedRun, TestSet, parameter_differences
from umt.evaluation.pairwise_significance import PairwiseComparison, compare_all
from umt.evaluation.report.figures import line_chart
from umt.evaluation.report.page import (
    Block,
    Cell,
    Details,
    Figure,
    Heading,
    Legend,
    Paragraph,
    Section,
    SideBySide,
    Table,
    Tiles,
    Widget,
    write_page,
)
from umt.evaluation.report.score_tables import direction_arrow, run_score_table
from umt.evaluation.report.sections import TONES
from umt.evaluation.report.side_by_side import sentences
from umt.evaluation.report.training_curves import LOGS, Curve, read_log
from umt.evaluation.rows import Kind
from umt.types import Lang

KINDS: dict[Kind, str] = {
    "translation": "Translation",
    "lexicon": "Lexicon",
    "bits": "Code lengths",
    "order": "Document order",
}

_LONGEST_LABEL = 40  # of what differs; beyond it the name of the directory says less and is read faster
_MOST_POINTS = 200  # of a curve


@dataclass
class CommonTestSet:
    """A test set in one direction, and what the systems of all runs that were scored on it wrote."""

    title: str
    direction: str
    test_set: TestSet
    outputs: dict[str, list[str]] = field(default_factory=dict)

    @property
    def target(self) -> Lang:
        """The language of the outputs."""
        return Lang(self.direction.split("-")[1])


def write_comparison(runs: Sequence[FinishedRun], path: Path, resamples: int = 1000) -> None:
    """Write the page. Raises BadInput when a run's scores or translations cannot be read."""
    labels = run_labels(runs)
    common = common_test_sets(runs, labels)
    sections = [
        overview(runs, labels),
        *score_sections(runs, labels),
        *learning_curves(runs, labels),
        significance(common, resamples),
        all_sentences(common),
    ]
    title = f"{len(runs)} runs compared" if len(runs) > 1 else "One run"
    write_page(path, title, ", ".join(labels), sections, ("comparison.js",))


def run_labels(runs: Sequence[FinishedRun]) -> list[str]:
    """What tells the runs apart in few words, such as "seed=2 dim=150"; else their directories' names."""
    configurations = [run.manifest["config"] for run in runs]
    seeds = [configuration["seed"] for configuration in configurations]
    parts: list[list[str]] = [[f"seed={seed}"] if len(set(seeds)) > 1 else [] for seed in seeds]
    for words, parameters in zip(parts, parameter_differences(configurations), strict=True):
        words += [f"{key.rpartition('.')[2]}={value}" for key, value in parameters.items()]
    labels = [" ".join(words) for words in parts]
    if len(set(labels)) < len(runs) or any(not 0 < len(label) <= _LONGEST_LABEL for label in labels):
        return [run.path.name for run in runs]
    return labels


def overview(runs: Sequence[FinishedRun], labels: Sequence[str]) -> Section:
    """Which runs there are, and the parameters that are not the same in all of them."""
    parameters = parameter_differences([run.manifest["config"] for run in runs])
    keys = sorted({key for each in parameters for key in each})
    rows = []
    for run, label, values in zip(runs, labels, parameters, strict=True):
        provenance = run.provenance.columns()
        cells = [_value(values[key]) if key in values else "" for key in keys]
        verdict = Cell(run.verdict, tone=TONES.get(run.verdict, ""))
        row = [label, run.path.name, run.corpus, verdict, *cells, *provenance.values()]
        rows.append(
            dict(zip(["run", "directory", "corpus", "verdict", *keys, *provenance], row, strict=True))
        )
    headings = list(dict.fromkeys(heading for row in rows for heading in row))
    table = Table(
        headings, [[row.get(each, "") for each in headings] for row in rows], text_columns=len(headings)
    )
    systems = {row.system for run in runs for row in run.rows if row.kind == "translation"}
    sets = {row.set for run in runs for row in run.rows if row.kind == "translation"}
    tiles = [(len(runs), "runs"), (len(systems), "translation systems"), (len(sets), "test sets")]
    lead = "The parameters in which the runs differ have a column each."
    if not keys:
        lead = "The runs differ in no parameter but the seed." if len(runs) > 1 else "One run alone."
    return Section("Runs", lead, [Tiles([(Cell(value), name) for value, name in tiles]), table])


def score_sections(runs: Sequence[FinishedRun], labels: Sequence[str]) -> list[Section]:
    """All scores, a table for each kind that there is."""
    sections = []
    for kind, title in KINDS.items():
        parts = [
            (label, [row for row in run.rows if row.kind == kind], run.provenance)
            for run, label in zip(runs, labels, strict=True)
        ]
        if any(rows for _, rows, _ in parts):
            signatures = dict.fromkeys(
                f"{row.score.name}: {row.score.signature}" for _, rows, _ in parts for row in rows
            )
            blocks: list[Block] = [run_score_table(parts)]
            if kind == "translation":
                blocks.append(Details("signatures", "\n".join(signatures)))
            below = "Least and most over permutations" if kind == "order" else "95% intervals"
            lead = f"{below} below each value; a click on a heading sorts."
            sections.append(Section(title, lead, blocks))
    return sections


def learning_curves(runs: Sequence[FinishedRun], labels: Sequence[str]) -> list[Section]:
    """A small picture for every number that a stage logged, with a curve for each run; one legend for all."""
    directories: dict[Path, list[str]] = defaultdict(list)  # of stages, with the runs that share them
    for run, label in zip(runs, labels, strict=True):
        for directory in run.stages.values():
            directories[directory].append(label)
    colours = {label: number for number, label in enumerate(labels)}
    pictures: dict[tuple[str, str], dict[str, dict[str, Curve]]] = defaultdict(lambda: defaultdict(dict))
    names: dict[str, int] = {}
    for directory, sharing in directories.items():
        name = ", ".join(sharing)
        for file, what in LOGS.items():
            if (directory / file).exists():
                names[name] = colours[sharing[0]]
                for quantity, curve in read_log(directory / file).items():
                    pictures[directory.name.rpartition("-")[0], what][quantity][name] = _thinned(curve)
    if not pictures:
        return []
    blocks: list[Block] = [Legend(labels)]
    for (stage, what), quantities in pictures.items():
        charts = [
            Figure(line_chart(series, "update", quantity.replace("_", " "), 380, 220, names))
            for quantity, series in quantities.items()
        ]
        blocks += [Heading(f"{stage}: {what}"), SideBySide(charts)]
    lead = "Against the updates made; the colours are those of the runs in all pictures."
    return [Section("Learning curves", lead, blocks)]


def common_test_sets(runs: Sequence[FinishedRun], labels: Sequence[str]) -> list[CommonTestSet]:
    """The test sets of all runs; sets of one name whose sentences differ are told apart by their run."""
    sets: dict[tuple[str, str, str], CommonTestSet] = {}
    for run, label in zip(runs, labels, strict=True):
        lines = {
            (row.set, row.direction, row.system): row.label for row in run.rows if row.kind == "translation"
        }
        for (name, direction, system), system_label in lines.items():
            test_set = run.test_set(name, direction)
            translations = run.translations(name, direction, system)
            if test_set is None or translations is None or len(translations) != len(test_set.sources):
                continue
            content = json.dumps([test_set.sources, test_set.references])
            title = f"{name}, {direction_arrow(direction)}"
            if any(key[:2] == (name, direction) and key[2] != content for key in sets):
                title = f"{title}, as in {label}"
            key = (name, direction, content)
            common = sets.setdefault(key, CommonTestSet(title, direction, test_set))
            common.outputs[f"{system_label}, {label}" if len(runs) > 1 else system_label] = translations
    return [common for common in sets.values() if len(common.outputs) > 1]


def significance(common: Sequence[CommonTestSet], resamples: int) -> Section:
    """Each system against each other on every common test set."""
    lead = (
        f"Paired bootstrap (Koehn 2004) with {resamples:,} resamples of the sentences. p is two-sided "
        "and not corrected for how many pairs are looked at; the interval is that of the difference. "
        "Systems that wrote the same throughout stand in one line."
    )
    data = []
    for tested in common:
        outputs = _distinct(tested.outputs)
        if len(outputs) > 1:
            compared = compare_all(outputs, tested.test_set.references, tested.target, resamples)
            metrics = {name: _as_json(comparison) for name, comparison in compared.items()}
            data.append({"title": tested.title, "systems": list(outputs), "metrics": metrics})
    blocks: list[Block] = [Widget("significance", data)] if data else [_nothing_kept()]
    return Section("Significance", lead, blocks)


def all_sentences(common: Sequence[CommonTestSet]) -> Section:
    """Every sentence of every common test set with the outputs of all systems."""
    lead = (
        "Each distinct output with the systems that wrote it; what it does not share with the reference "
        "nearest to it is marked."
    )
    data = [
        {
            "title": test.title,
            "languages": test.direction.split("-"),
            "systems": list(test.outputs),
            "sentences": sentences(
                test.test_set.sources, test.test_set.references, test.outputs, test.target
            ),
        }
        for test in common
    ]
    return Section("Sentences", lead, [Widget("sentences", data)] if data else [_nothing_kept()])


def _nothing_kept() -> Paragraph:
    return Paragraph(
        "No two systems with translations of the same test set: run python evaluate.py again where a run "
        "was evaluated before sources and references were kept."
    )


def _distinct(outputs: dict[str, list[str]]) -> dict[str, list[str]]:
    """The outputs without repetitions, the systems that wrote the same under one name."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, lines in outputs.items():
        names.setdefault(tuple(lines), []).append(name)
    return {
        (name[0] if len(name) == 1 else f"{name[0]} and {len(name) - 1} with the same output"): list(lines)
        for lines, name in names.items()
    }


def _as_json(comparison: PairwiseComparison) -> dict[str, Any]:
    arrays = {"scores": 3, "low": 2, "high": 2, "p": 4}
    rounded = {name: np.round(getattr(comparison, name), digits).tolist() for name, digits in arrays.items()}
    return {**rounded, "signature": comparison.signature}


def _thinned(curve: Curve) -> Curve:
    step = max(1, -(-len(curve) // _MOST_POINTS))
    return [*curve[:-1][::step], *curve[-1:]]


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

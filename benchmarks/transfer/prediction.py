"""What the sweep says: rank correlations with translation quality, and where translation works."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import numpy as np
from markupsafe import Markup
from scipy.stats import rankdata

from benchmarks.criterion.tables import table
from benchmarks.transfer.records import Record
from umt.evaluation.report.figures import scatter
from umt.types import F64

RESAMPLES = 1000
PREDICTORS: dict[str, tuple[str, Callable[[Record], float]]] = {
    "gain": (
        "code: saved through the lexicon, both ways",
        lambda one: statistics.fmean((one["lexicon"], one["reverse lexicon"])),
    ),
    "excess": (
        "code: the same beyond a permuted lexicon",
        lambda one: statistics.fmean(
            (
                one["lexicon"] - one["permuted"],
                one["reverse lexicon"] - one["reverse permuted"],
            )
        ),
    ),
    "agreement": ("agreement of independent alignments", lambda one: one["agreement"]),
    "cosine": ("mean cosine of matches", lambda one: one["cosine"]),
    "mutual": ("share of mutual matches", lambda one: one["mutual"]),
    "round trip": ("round-trip BLEU of the first translators", lambda one: one["round trip"]),
}
"""All known without a pair or a dictionary; the last one only after a translator was trained."""
OUTCOMES: dict[str, Callable[[Record], float]] = {
    "P@1": lambda one: statistics.fmean(one["p@1"]),
    "BLEU": lambda one: statistics.fmean(one["bleu"]),
}
BANDS = (("P@1 < 0.1", 0.0, 0.1), ("P@1 0.1 to 0.5", 0.1, 0.5), ("P@1 >= 0.5", 0.5, 1.01))


SHOWN = (*(PREDICTORS[name][1] for name in ("gain", "excess", "agreement")), *OUTCOMES.values())


def correlations(runs: Sequence[Record]) -> tuple[str, None]:
    """Spearman's correlation of each predictor with each outcome, also partial given corpus size."""
    runs = [each for each in runs if "error" not in each["result"]]
    size = np.array([float(each["size"]) for each in runs])
    results = [each["result"] for each in runs]
    outcomes = {name: np.array([*map(outcome, results)]) for name, outcome in OUTCOMES.items()}
    rows = []
    predictors = {what: np.array([*map(value, results)]) for what, value in PREDICTORS.values()}
    for what, values in {"corpus size": size, **predictors}.items():
        cells = [what]
        for outcome in outcomes.values():
            cells.append(_interval(values, outcome))
            cells.append("" if values is size else _interval(values, outcome, size))
        rows.append(cells)
    headings = [
        heading for name in OUTCOMES for heading in (f"Spearman with {name}", f"{name}, partial given size")
    ]
    return table([f"predictor, {len(runs)} runs", *headings], rows), None


def phases(runs: Sequence[Record]) -> tuple[str, Markup]:
    """Means by corpus size where all else is at its default, and a map of all runs over size and shift."""
    rows = []
    runs = [each for each in runs if "error" not in each["result"]]
    plain = [each for each in runs if _dials(each) <= {"size", "seed", "domain_shift"}]
    for size in sorted({each["size"] for each in plain}):
        for shift in sorted({each["domain_shift"] for each in plain}):
            cell = [each["result"] for each in plain if (each["size"], each["domain_shift"]) == (size, shift)]
            if cell:
                values = [[get(one) for one in cell] for get in SHOWN]
                named = [f"{size:,}", f"{shift:g}", str(len(cell))]
                formats = (".2f", ".2f", ".3f", ".3f", ".1f")
                cells = [
                    f"{statistics.fmean(each):z{form}}" for each, form in zip(values, formats, strict=True)
                ]
                rows.append([*named, *cells])
    headings = ["sentences a side", "domain shift", "worlds", "% saved through the lexicon"]
    headings += ["% beyond a permuted one", "agreement", "P@1", "BLEU"]
    dots = {
        name: [
            (float(np.log10(each["size"])), each.get("domain_shift", 0.0), _label(each))
            for each in runs
            if "mismatch" not in each and low <= OUTCOMES["P@1"](each["result"]) < high
        ]
        for name, low, high in BANDS
    }
    drawn = {name: points for name, points in dots.items() if points}
    return table(headings, rows), scatter(drawn, "log10 of the sentences a side", "domain shift")


def _dials(run: Record) -> set[str]:
    return set(run) - {"experiment", "corpus", "result"}


def _label(run: Record) -> str:
    named = ", ".join(f"{dial} {run[dial]:g}" for dial in sorted(_dials(run)))
    return f"{named}: P@1 {OUTCOMES['P@1'](run['result']):.3f}, BLEU {OUTCOMES['BLEU'](run['result']):.1f}"


def _interval(values: F64, outcome: F64, control: F64 | None = None) -> str:
    """Spearman's correlation, partial where ``control``, with a 95% bootstrap interval over runs."""
    chosen = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    drawn = partial_spearman(values[chosen], outcome[chosen], None if control is None else control[chosen])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{float(partial_spearman(values, outcome, control)):z.2f} [{low:z.2f}, {high:z.2f}]"


def partial_spearman(values: F64, outcome: F64, control: F64 | None = None) -> F64:
    """Pearson's correlation of ranks along the last axis, less their regression on those of ``control``.

    0 where either does not vary.
    """
    x, y = (rankdata(each, axis=-1) - (values.shape[-1] + 1) / 2 for each in (values, outcome))
    if control is not None:
        z = rankdata(control, axis=-1) - (values.shape[-1] + 1) / 2
        x, y = (each - z * (_product(each, z) / np.maximum(_product(z, z), 1))[..., None] for each in (x, y))
    norm = np.sqrt(_product(x, x) * _product(y, y))
    return np.where(norm > 0, _product(x, y) / np.maximum(norm, 1e-12), 0.0)


def _product(x: F64, y: F64) -> F64:
    """Inner products along the last axis."""
    return np.asarray((x * y).sum(-1))

"""Curves of everything that a stage of a run logged while it learned: a JSON object a line, with its step."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path

from markupsafe import Markup

from umt.evaluation.report.figures import line_chart
from umt.evaluation.report.page import Block, Figure, Heading, Section, SideBySide
from umt.runtime.files import MANIFEST, neighbour

LOGS = {"metrics.jsonl": "what was learnt from", "health.jsonl": "health, without references"}
"""The files in a stage's directory that are drawn, and what they hold."""

Curve = list[tuple[float, float]]


def training_curves(run: Path) -> list[Section]:
    """A section for each stage of the run that trained something.

    Names such as ``causal/nats`` share a picture with all other ``nats``, a curve each.
    """
    sections = []
    inputs = json.loads((run / MANIFEST).read_text(encoding="utf-8"))["inputs"]
    for stage in (neighbour(run, name) for name in inputs):
        blocks: list[Block] = []
        for file, what in LOGS.items():
            if (stage / file).exists():
                pictures = [Figure(picture) for picture in _pictures(read_log(stage / file))]
                blocks += [Heading(what), SideBySide(pictures)]
        if blocks:
            title = f"Training: {stage.name.rpartition('-')[0]}"
            sections.append(Section(title, f"Against the updates made in {stage.name}.", blocks))
    return sections


def read_log(log: Path) -> dict[str, Curve]:
    """Every number of the log by its name, as (step, value); values that are not finite are left out."""
    curves: dict[str, Curve] = defaultdict(list)
    for line in log.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        for name, value in record.items():
            if name != "step" and isinstance(value, int | float) and math.isfinite(value):
                curves[name].append((record["step"], float(value)))
    return dict(curves)


def _pictures(curves: dict[str, Curve]) -> list[Markup]:
    """A picture for each kind of number, the part of its name behind the stroke."""
    kinds: dict[str, dict[str, Curve]] = defaultdict(dict)
    for name, curve in curves.items():
        series, _, kind = name.rpartition("/")
        kinds[kind][series or kind] = curve
    return [line_chart(series, "update", kind.replace("_", " "), 380, 220) for kind, series in kinds.items()]

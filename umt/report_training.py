"""Curves of everything that a stage of a run noted while it learned: a JSON object a line, with its step."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from umt.report_figures import lines
from umt.report_page import Markup, Section, beside, element, figure, joined
from umt.runtime.files import MANIFEST

LOGS = {"metrics.jsonl": "what was learnt from", "health.jsonl": "health, without references"}
"""The files in a stage's directory that are drawn, and what they hold."""


def training(run: Path) -> list[Section]:
    """A section for each stage of the run that trained something.

    Names such as ``causal/nats`` share a picture with all other ``nats``, a curve each.
    """
    sections = []
    inputs = json.loads((run / MANIFEST).read_text(encoding="utf-8"))["inputs"]
    for stage in (run.parent / name for name in inputs):
        logs = [(what, stage / file) for file, what in LOGS.items() if (stage / file).exists()]
        if logs:
            body = joined(
                joined([element("h3", what), beside(figure(each, "") for each in curves(log))])
                for what, log in logs
            )
            title = f"Training: {stage.name.rpartition('-')[0]}"
            sections.append(Section(title, f"Against the updates made in {stage.name}.", body))
    return sections


def curves(log: Path) -> list[Markup]:
    """A picture for each kind of number in the log."""
    kinds: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(dict)
    for line in log.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        for name, value in record.items():
            if name != "step" and isinstance(value, int | float) and value == value:
                series, _, kind = name.rpartition("/")
                kinds[kind].setdefault(series or kind, []).append((record["step"], float(value)))
    return [lines(series, "update", kind.replace("_", " "), 380, 220) for kind, series in kinds.items()]

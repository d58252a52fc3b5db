"""Picture of BLEU over the number of known pairs, beside the translator that knows none.

Called by scripts/write_results.py, which writes the picture of each corpus beside the kept runs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markupsafe import Markup

from scripts.stored_results import Entry, best_entry
from umt.evaluation.report.figures import line_chart

SYSTEM = re.compile(r"translator(?:, ([\d,]+) pairs( and both texts)?)?")
"""How a neural translator is named: by its pairs, and by whether it had the two texts besides."""


def curve(group: Sequence[Entry]) -> Markup | None:
    """BLEU on the set ``test`` by thousands of pairs, from the runs of one corpus.

    A system without pairs is a level line over all counts. None where there are fewer than two counts.
    """
    systems = {row.system for entry in group for run in entry.runs for row in run.rows if row.set == "test"}
    kinds = {system: match for system in systems if (match := SYSTEM.fullmatch(system))}
    counts = sorted({_thousands(match) for match in kinds.values() if match[1]})
    if len(counts) < 2:
        return None
    series: dict[str, list[tuple[float, float]]] = {}
    for direction in ("en-zh", "zh-en"):
        for system, match in kinds.items():
            best = best_entry(group, "bleu", "test", system, [direction])
            value = best.mean("bleu", "test", system, direction)
            data = "both texts" if not match[1] else "pairs and texts" if match[2] else "pairs"
            places = [_thousands(match)] if match[1] else [counts[0], counts[-1]]
            series.setdefault(f"{data}, {direction}", []).extend((place, value) for place in places)
    drawn = {name: sorted(series[name]) for name in sorted(series)}
    return line_chart(drawn, "thousands of known pairs", "BLEU", width=860, height=340)


def _thousands(match: re.Match[str]) -> float:
    """Of pairs, in the name of a system."""
    return int((match[1] or "0").replace(",", "")) / 1000

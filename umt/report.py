"""Scores as a person reads them: the final table, and the file that other programs read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console as Terminal
from rich.table import Table

from umt.store import write_json
from umt.types import Score


@dataclass(frozen=True)
class Row:
    """One score of one system on one test set in one direction, for example ``en-zh``."""

    system: str
    set: str
    direction: str
    score: Score
    seconds: float

    def flat(self) -> dict[str, Any]:
        """The row as one JSON object."""
        return {
            "system": self.system,
            "set": self.set,
            "direction": self.direction,
            **asdict(self.score),
            "seconds": round(self.seconds, 3),
        }


def save_scores(rows: Iterable[Row], path: Path) -> None:
    """Write every row to ``path`` as a JSON list."""
    write_json(path, [row.flat() for row in rows])


def show_run(text: Mapping[str, Any], bridge: Mapping[str, Any], terminal: Terminal) -> None:
    """Print what bounds the scores below: what was found in the training text, and whether it aligned."""
    found = "; ".join(text["warnings"]) or "no held-out sentence in the training text, no aligned sides"
    terminal.print(f"audit:   {found}")
    terminal.print(f"verdict: {bridge['summary']}")


def show_scores(rows: Sequence[Row], terminal: Terminal) -> None:
    """Print the translation scores and the lexicon scores, a table each, one line a system and set."""
    translation = [row for row in rows if row.score.name in {"bleu", "chrf"}]
    lexicon = [row for row in rows if row.score.name not in {"bleu", "chrf"}]
    for title, part in (("Translation", translation), ("Lexicon", lexicon)):
        if part:
            terminal.print(_table(title, part))
    for name in sorted({row.score.name for row in translation}):
        signatures = sorted({row.score.signature for row in translation if row.score.name == name})
        for signature in signatures:
            terminal.print(f"[dim]{name}: {signature}[/]")


def _table(title: str, rows: Sequence[Row]) -> Table:
    names = list(dict.fromkeys(row.score.name for row in rows))
    directions = list(dict.fromkeys(row.direction for row in rows))
    table = Table(
        title=title, title_justify="left", caption="95% intervals in brackets", caption_justify="left"
    )
    table.add_column("set")
    table.add_column("system")
    for direction in directions:
        for name in names:
            table.add_column(f"{direction}\n{name}", justify="right")
    cells = {(row.set, row.system, row.direction, row.score.name): row.score for row in rows}
    lines = list(dict.fromkeys((row.set, row.system) for row in rows))
    for index, (set_name, system) in enumerate(lines):
        last = index + 1 == len(lines) or lines[index + 1][0] != set_name
        shown = [
            _cell(cells.get((set_name, system, direction, name)))
            for direction in directions
            for name in names
        ]
        table.add_row(set_name, system, *shown, end_section=last)
    return table


def _cell(score: Score | None) -> str:
    if score is None:
        return "-"
    digits = 1 if score.name in {"bleu", "chrf"} else 3
    if score.low == score.high:
        return f"{score.value:.{digits}f}"
    return f"{score.value:.{digits}f} [dim]\\[{score.low:.{digits}f}, {score.high:.{digits}f}][/]"

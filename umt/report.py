"""Scores as a person reads them: the final table, and the file that other programs read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console as Terminal
from rich.table import Table

from umt.runtime.files import write_json
from umt.types import Score

DICTIONARY = "dictionary"
"""The set that holds every word of the true dictionary; its subsets are named after it: "dictionary noun"."""


@dataclass(frozen=True)
class Row:
    """One score of one system on one test set in one direction, for example ``en-zh``."""

    system: str
    set: str
    direction: str
    score: Score
    seconds: float

    @property
    def of_words(self) -> bool:
        """Whether the score is of a lexicon, not of translations."""
        return self.set.split(" ")[0] == DICTIONARY

    @property
    def of_bits(self) -> bool:
        """Whether the score is a code length."""
        return self.score.name.startswith("bits")

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
    terminal.print(f"verdict: {bridge['verdict']['label']}: {bridge['verdict']['reason']}")


UNITS = ("bits/byte", "bits/character", "bits/token")
SHOWN = ("bleu", "p bleu", "chrf", "p chrf", "comet", "coverage", "p@1", "p@1 covered", "p@5", "mrr", *UNITS)
"""The scores that fit on a screen; the others stand in the file."""

BARE = {"coverage", "mrr"}
"""Those without their interval there."""


def by_system(rows: Iterable[Row]) -> dict[tuple[str, str, str], dict[str, Row]]:
    """(set, direction, system) -> the scores of that line of a table by name; lines of one block together."""
    lines: dict[tuple[str, str, str], dict[str, Row]] = {}
    for row in rows:
        lines.setdefault((row.set, row.direction, row.system), {})[row.score.name] = row
    blocks = list(dict.fromkeys(line[:2] for line in lines))
    return {line: lines[line] for line in sorted(lines, key=lambda line: blocks.index(line[:2]))}


def written(score: Score) -> tuple[str, str]:
    """Value and 95% interval, rounded for a person; no interval where it is a point."""
    digits = 1 if score.name in {"bleu", "chrf"} else 3
    interval = f"{score.low:z.{digits}f}-{score.high:z.{digits}f}" if score.low < score.high else ""
    return f"{score.value:z.{digits}f}", interval


def show_scores(rows: Sequence[Row], terminal: Terminal) -> None:
    """Print the translation scores and the lexicon scores, a table each, and the signatures."""
    translation = [row for row in rows if not row.of_words and not row.of_bits]
    lexicon = [row for row in rows if row.set == DICTIONARY]
    lengths = [row for row in rows if row.of_bits and row.score.name in UNITS]
    for title, part in (("Translation", translation), ("Lexicon", lexicon), ("Code length", lengths)):
        if part:
            terminal.print(_table(title, part))
    for signature in dict.fromkeys(f"{row.score.name}: {row.score.signature}" for row in translation):
        terminal.print(f"[dim]{signature}[/]")


def _table(title: str, rows: Sequence[Row]) -> Table:
    """A line for each set, direction and system; a column for each score, its 95% interval beside it."""
    found = {row.score.name for row in rows}
    names = [name for name in SHOWN if name in found]
    table = Table(title=title, title_justify="left", caption="with 95% intervals", caption_justify="left")
    for heading in ("set", "direction", "system"):
        table.add_column(heading, no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    lines = by_system(rows)
    for number, (line, scores) in enumerate(lines.items()):
        following = list(lines)[number + 1 : number + 2]
        cells = [_cell(scores[name].score, name in BARE) if name in scores else "-" for name in names]
        table.add_row(*line, *cells, end_section=not following or following[0][:2] != line[:2])
    return table


def _cell(score: Score, bare: bool) -> str:
    value, interval = written(score)
    return f"{value} [dim]{interval}[/]" if interval and not bare else value

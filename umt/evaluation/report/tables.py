"""Scores on the terminal: a table each for translations, lexicons and code lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console as Terminal
from rich.table import Table

from umt.evaluation.finished_runs import Provenance
from umt.evaluation.rows import BITS_UNITS, DICTIONARY, ORDER_GAIN, ScoreRow, format_score, group_by_system
from umt.types import Score

SHOWN = (
    *("bleu", "bleu, first reference", "p bleu", "chrf", "chrf, first reference", "p chrf"),
    *("chrf++", "spbleu", "ter", "comet", "metricx"),
    *("coverage", "p@1", "p@1 covered", "p@5", "mrr"),
    *(*BITS_UNITS, ORDER_GAIN),
)
"""The scores that fit on a screen; the others stand in the file."""

WITHOUT_INTERVAL = {"coverage", "mrr"}
"""Those without their interval there."""


def show_run(text: Mapping[str, Any] | None, alignment: Mapping[str, Any], terminal: Terminal) -> None:
    """Print what bounds the scores below: what was found in the training text, and whether it aligned.

    text: None where there is none.
    """
    if text is not None:
        findings = [*text["warnings"]] or ["no held-out sentence in the training text, no aligned sides"]
        terminal.print(f"audit:   {'; '.join([*findings, text['shared_content']])}")
    terminal.print(f"verdict: {alignment['verdict']['label']}: {alignment['verdict']['reason']}")


def show_scores(rows: Sequence[ScoreRow], terminal: Terminal, provenance: Provenance | None = None) -> None:
    """Print the scores by kind, a table each, where they come from, and the signatures."""
    translation = [row for row in rows if row.kind == "translation"]
    lexicon = [row for row in rows if row.kind == "lexicon" and row.set == DICTIONARY]
    lengths = [row for row in rows if row.kind == "bits" and row.score.name in BITS_UNITS]
    order = [row for row in rows if row.kind == "order"]
    titles = ("Translation", "Lexicon", "Code length", "Document order")
    for title, part in zip(titles, (translation, lexicon, lengths, order), strict=True):
        if part:
            terminal.print(_table(title, part))
    if provenance is not None:
        columns = provenance.columns().items()
        terminal.print(f"[dim]{'; '.join(f'{name}: {value}' for name, value in columns)}[/]")
    for signature in dict.fromkeys(f"{row.score.name}: {row.score.signature}" for row in translation):
        terminal.print(f"[dim]{signature}[/]")


def _table(title: str, rows: Sequence[ScoreRow]) -> Table:
    """A line for each set, direction and system; a column for each score, its 95% interval beside it."""
    present = {row.score.name for row in rows}
    names = [name for name in SHOWN if name in present]
    order = rows[0].kind == "order"
    caption = "least and most over permutations" if order else "with 95% intervals"
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for heading in ("set", "direction", "system"):
        table.add_column(heading, no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    with_references = any(row.references for row in rows)
    if with_references:
        table.add_column("references", justify="right", no_wrap=True)
    lines = group_by_system(rows)
    for number, ((name, direction, _), scores) in enumerate(lines.items()):
        following = list(lines)[number + 1 : number + 2]
        cells = [
            _cell(scores[column].score, column in WITHOUT_INTERVAL) if column in scores else "-"
            for column in names
        ]
        if with_references:
            cells.append(str(max(row.references for row in scores.values())))
        label = next(iter(scores.values())).label
        end = not following or following[0][:2] != (name, direction)
        table.add_row(name, direction, label, *cells, end_section=end)
    return table


def _cell(score: Score, bare: bool) -> str:
    value, interval = format_score(score)
    return f"{value} [dim]{interval}[/]" if interval and not bare else value

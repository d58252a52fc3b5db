"""Rows of a table of scores: what was scored, by whom, on what; how rows are grouped, formatted and saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from umt.runtime.files import write_json
from umt.types import Score

DICTIONARY = "dictionary"
"""The set that holds every word of the true dictionary; its subsets are named after it: "dictionary noun"."""

BITS_UNITS = ("bits/byte", "bits/character", "bits/token")
"""The units in which a code length is given."""

ORDER_GAIN, REAL_TEXT = "order gain", "real text"
"""Bits per byte that the order of sentences saves, and the system of its row for text by people."""

OF_HUNDRED = {"bleu", "spbleu", "chrf", "chrf++", "ter"}
"""The scores that reach 100, or about that, and of which one decimal is enough."""

Kind = Literal["translation", "lexicon", "bits", "order"]
"""What a score is of: translations, a lexicon against a true dictionary, a code length, an order."""

System = tuple[str, int]
"""A system's id, which also names its files, and how many parallel pairs it was trained on."""


@dataclass(frozen=True)
class ScoreRow:
    """One score of one system on one test set in one direction, for example ``en-zh``.

    parallel_pairs: true sentence pairs that the system was trained on; 0: it is unsupervised.
    references: the largest number of references of an item of the set; 0 where there is no such thing.
    """

    system: str
    set: str
    direction: str
    score: Score
    seconds: float
    kind: Kind = "translation"
    parallel_pairs: int = 0
    references: int = 0

    @property
    def label(self) -> str:
        """The system's name for a person, which says so where it was trained on parallel pairs."""
        return system_label((self.system, self.parallel_pairs))

    def as_json(self) -> dict[str, Any]:
        """The row as one JSON object, the fields of its score beside its own."""
        own = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "score"}
        return {**own, **asdict(self.score), "seconds": round(self.seconds, 3)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> ScoreRow:
        """What `as_json` wrote. Raises KeyError for a missing field, TypeError for one of another kind."""
        for name in ("value", "low", "high", "seconds", "parallel_pairs", "references"):
            if type(record[name]) not in (int, float):
                raise TypeError(f"{name} is no number")
        for name in ("system", "set", "direction", "kind", "name", "signature"):
            if not isinstance(record[name], str):
                raise TypeError(f"{name} is no text")
        score = Score(**{field.name: record[field.name] for field in fields(Score)})
        own = {field.name: record[field.name] for field in fields(cls) if field.name != "score"}
        return cls(score=score, **own)


def system_label(system: System) -> str:
    """The name of a system for a person: "translator (5,000 parallel pairs)"."""
    name, pairs = system
    return f"{name} ({pairs:,} parallel pairs)" if pairs else name


def save_scores(rows: Iterable[ScoreRow], path: Path) -> None:
    """Write every row to ``path`` as a JSON list."""
    write_json(path, [row.as_json() for row in rows])


def group_by_system(rows: Iterable[ScoreRow]) -> dict[tuple[str, str, str], dict[str, ScoreRow]]:
    """(set, direction, system) -> its rows by the name of their score; those of one set stay together."""
    lines: dict[tuple[str, str, str], dict[str, ScoreRow]] = {}
    for row in rows:
        lines.setdefault((row.set, row.direction, row.system), {})[row.score.name] = row
    blocks = list(dict.fromkeys(line[:2] for line in lines))
    return {line: lines[line] for line in sorted(lines, key=lambda line: blocks.index(line[:2]))}


def format_score(score: Score) -> tuple[str, str]:
    """Value and 95% interval, rounded for a person; no interval where it is a point."""
    digits = 1 if score.name.split(",")[0] in OF_HUNDRED else 3
    interval = f"{score.low:z.{digits}f}-{score.high:z.{digits}f}" if score.low < score.high else ""
    return f"{score.value:z.{digits}f}", interval

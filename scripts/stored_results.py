"""Stored results of finished runs: docs/results/runs/NAME/{scores.json,config.yaml,about.json}.

Shared by the scripts that keep a run, write the tables of results and check the numbers of the README. A
result that is older than the store of results has no scores: docs/results/earlier.json holds what the lab
book says of it, and where.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
RUNS = DOCS / "results" / "runs"
EARLIER = DOCS / "results" / "earlier.json"

RELATIONS = {
    "world": "two samples of one generated source: disjoint meanings, the same statistics",
    "bible": "one book in two translations, lines shuffled, so every sentence has a counterpart somewhere",
    "talks": "one domain, no shared document; the Chinese test side was written by a language model",
    "commonvoice": "two domains: dialogue and fiction in English, encyclopaedia in Chinese",
    "tatoeba": "disjoint halves of one collection of pairs, so that no sentence meets its translation",
}
"""Corpus -> what its two sides are to each other."""

ABOUT = ("command", "commit", "date", "machine", "seed", "data", "relation", "references")
"""What about.json and an entry of earlier.json have to say."""


@dataclass(frozen=True)
class Row:
    """One score of scores.json."""

    system: str
    set: str
    direction: str
    name: str
    value: float
    low: float
    high: float
    signature: str


@dataclass(frozen=True)
class Stored:
    """One run that is kept under docs/results/runs."""

    path: Path

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.path.name

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """Command, commit, date, machine, seed, data, relation of the sides, references."""
        return read_about(self.path / "about.json")

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Every score."""
        fields = Row.__dataclass_fields__
        rows = json.loads((self.path / "scores.json").read_text(encoding="utf-8"))
        texts = self._learned_from_texts()
        return tuple(
            Row(**{key: row[key] for key in fields} | {"system": _system(row, texts)}) for row in rows
        )

    def _learned_from_texts(self) -> bool:
        """Whether its translator learned from the two texts, whatever true pairs it had besides."""
        config = yaml.safe_load((self.path / "config.yaml").read_text(encoding="utf-8"))
        schedules = (config.get("translator") or {}).get("schedules", {})
        return schedules.get("back_translation") is not None

    @property
    def recipe(self) -> str:
        """Its command without what differs among repetitions: the seed and the place of the store."""
        return " ".join(re.sub(r"(?<!\S)(seed|store|rebuild)=\S+", "", self.about["command"]).split())


def _system(row: Mapping[str, Any], texts: bool) -> str:
    """Its name, how many true pairs it has learned from, and whether from both texts besides."""
    pairs = row.get("parallel_pairs") or 0
    name = f"{row['system']}, {pairs:,} pairs" if pairs else str(row["system"])
    return f"{name} and both texts" if pairs and texts else name


def read_about(path: Path) -> Mapping[str, Any]:
    """Read and check an about.json; raises ValueError when something is missing."""
    about: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if missing := [key for key in ABOUT if about.get(key) in (None, "")]:
        raise ValueError(f"{path}: {', '.join(missing)} missing")
    return about


def stored_runs(folder: Path = RUNS) -> list[Stored]:
    """All of them, by name."""
    return [Stored(path.parent) for path in sorted(folder.glob("*/about.json"))]


@dataclass(frozen=True)
class Entry:
    """The runs of one command at one commit, which differ in the seed only."""

    runs: tuple[Stored, ...]

    def rows(self, name: str, test: str, system: str, direction: str) -> list[Row]:
        """One score of each seed."""
        wanted = (name, test, system, direction)
        return [
            row
            for run in self.runs
            for row in run.rows
            if (row.name, row.set, row.system, row.direction) == wanted
        ]

    def mean(self, name: str, test: str, system: str, direction: str) -> float:
        """Over the seeds; -1 where nothing was measured."""
        values = [row.value for row in self.rows(name, test, system, direction)]
        return sum(values) / len(values) if values else -1.0

    def standing(
        self, name: str, test: str, system: str, directions: Sequence[str]
    ) -> tuple[bool, int, float]:
        """What entries rank by: whether the score is there, seeds, and the sum of both directions."""
        means = [self.mean(name, test, system, direction) for direction in directions]
        return min(means) >= 0, len(self.runs), sum(means)


def entries(runs: Sequence[Stored]) -> list[Entry]:
    """Runs grouped by their command; of several runs with one seed the newest."""
    groups: dict[str, dict[int, Stored]] = {}
    for run in sorted(runs, key=lambda run: str(run.about["date"])):
        groups.setdefault(run.recipe, {})[run.about["seed"]] = run
    return [Entry(tuple(group[seed] for seed in sorted(group))) for group in groups.values()]


def best_entry(group: Sequence[Entry], name: str, test: str, system: str, directions: Sequence[str]) -> Entry:
    """The entry with most seeds among those with this score, of these the best by the sum of directions."""
    return max(group, key=partial(Entry.standing, name=name, test=test, system=system, directions=directions))


def family(name: str) -> str:
    """What repetitions of a run that differ in the seed have in common in their names."""
    return re.sub(r"-seed-\d+$", "", name)


def resolve(name: str, runs: Mapping[str, Stored]) -> list[Stored]:
    """The run of this name, or all runs of this family."""
    return [run for run in runs.values() if name in (run.name, family(run.name))]


def earlier_results(path: Path = EARLIER) -> Mapping[str, Mapping[str, Any]]:
    """Name -> what is known of a result without stored scores; ``entry`` is its place in the lab book."""
    entries: Mapping[str, Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    for name, entry in entries.items():
        if missing := [key for key in (*ABOUT, "entry") if entry.get(key) in (None, "")]:
            raise ValueError(f"{path}: {name}: {', '.join(missing)} missing")
    return entries


def slug(heading: str) -> str:
    """The anchor of a Markdown heading, as GitHub makes it."""
    letters = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return letters.replace(" ", "-")


def section(page: Path, anchor: str) -> str:
    """The text below the heading with this anchor, up to the next heading of its level; raises ValueError."""
    level = 0
    lines: list[str] = []
    for line in page.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"(#+) (.*)", line):
            if level and len(heading.group(1)) <= level:
                break
            if not level and slug(heading.group(2)) == anchor:
                level = len(heading.group(1))
        if level:
            lines.append(line)
    if not level:
        raise ValueError(f"{page} has no heading with the anchor {anchor}")
    return "\n".join(lines)


NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*\.\d+(?![\w]|\.\d)")


def decimals(text: str) -> Iterator[str]:
    """The numbers with a decimal point in a text, without code, links' targets, comments and dates."""
    text = re.sub(r"<!--.*?-->", " ", text, flags=re.DOTALL)
    text = re.sub(r"`[^`]*`", " ", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    for number in NUMBER.findall(text):
        yield number.replace(",", "")


def rounds_to(value: float, number: str) -> bool:
    """Whether ``number`` is ``value`` at its own number of decimals."""
    places = len(number.partition(".")[2])
    return bool(abs(value - float(number)) <= 0.5 * 10.0**-places + 1e-9)

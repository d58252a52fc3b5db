"""Finished runs as they lie on disk: their manifest, their scores, their translations, and the test sets.

`evaluate.py` leaves in the folder of a run ``scores.json`` (of dev sets ``scores.dev.json``), the
``translations`` (see `umt.evaluation.external_systems`) and, in ``test_sets``, the sources and references of
every set it scored; in the store, one line in `LOG` whenever it opens test sets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from umt.corpus.reading import lines
from umt.evaluation.external_systems import translations_file
from umt.evaluation.rows import ScoreRow
from umt.runtime.files import MANIFEST, neighbour, write_json
from umt.runtime.saved_arrays import SavedJson, damaged
from umt.types import BadInput

SCORES = {"test": "scores.json", "dev": "scores.dev.json"}
"""Split -> the file of its scores."""

MEANING = {
    "doubtful": "some of its words may be wrong, so read those in the report before you trust translations",
    "failed": "expect translations unrelated to the source",
    "not judged": "nothing says whether its words are right, so check the translations",
}
"""What a verdict other than ``aligned`` says of an alignment and of all that is built on it."""

TEST_SETS, LOG = "test_sets", "test_scorings.jsonl"


def split_of(name: str) -> str:
    """The split to which a held-out set of this name belongs: ``dev`` or ``test``."""
    return "dev" if name.startswith("dev") else "test"


def log_test_scoring(run: Path, sets: Sequence[str], commit: str | None) -> int:
    """Add a line to the log of the store: when, run, sets, commit; return how often test sets were scored."""
    line = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "run": run.name, "sets": [*sets]}
    with (run.parent / LOG).open("a+", encoding="utf-8") as log:
        log.write(json.dumps({**line, "commit": commit}) + "\n")
        log.seek(0)
        return sum(1 for _ in log)


@dataclass(frozen=True)
class Provenance:
    """Where the figures of a run come from.

    commit: of the program; date: of the run, UTC; relation: what the two sides of its text are to each
    other.  Empty where the run does not say.  split: of the sets that were scored, ``dev`` or ``test``.
    """

    commit: str
    date: str
    seed: str
    relation: str
    split: str = ""

    @classmethod
    def of(cls, manifest: Mapping[str, Any], split: str = "") -> Provenance:
        """What the manifest of a run says."""
        config, report = manifest.get("config") or {}, manifest.get("report") or {}
        corpus = config.get("corpus") or {}
        relations = (part.get("relation") for part in (manifest, report, corpus))
        return cls(
            str(manifest.get("commit") or "")[:10],
            str(manifest.get("made") or "")[:16].replace("T", " "),
            str(config.get("seed", "")),
            str(next((relation for relation in relations if relation), "")),
            split,
        )

    def columns(self) -> dict[str, str]:
        """Heading -> what stands below it; the relation only where it is known."""
        columns = {"seed": self.seed} | ({"split": self.split} if self.split else {})
        columns |= {"date": self.date, "commit": self.commit or "not recorded"}
        return columns | ({"relation of the sides": self.relation} if self.relation else {})


@dataclass(frozen=True)
class TestSet:
    """Sources and all references of a test set in one direction; for those who read scores."""

    sources: Sequence[str]
    references: Sequence[Sequence[str]]

    def save(self, run: Path, name: str, direction: str) -> None:
        """Keep it in the folder of a run that was scored on it."""
        (run / TEST_SETS).mkdir(exist_ok=True)
        write_json(run / TEST_SETS / f"{name}.{direction}.json", asdict(self))


@dataclass(frozen=True)
class FinishedRun:
    """The directory of a run: what it was made from, what it reports of itself, what was measured."""

    path: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What the run wrote last. Raises BadInput when it is damaged."""
        saved = SavedJson.read(self.path / MANIFEST)
        saved.get("inputs", dict)
        config = SavedJson(saved.path, saved.get("config", dict))
        config.get("seed", int)
        if corpus := config.get("corpus", dict):  # empty: vectors alone
            SavedJson(saved.path, corpus).get("_target_", str)
        if not isinstance(saved.content.get("report", {}), dict):
            raise damaged(saved.path, "its report is no object")
        return dict(saved.content)

    @property
    def provenance(self) -> Provenance:
        """Where its figures come from."""
        return Provenance.of(self.manifest, self.split if self.is_scored else "")

    @property
    def corpus(self) -> str:
        """The folder or the kind of its text."""
        corpus = self.manifest["config"]["corpus"]
        kind = corpus.get("_target_", "vectors").rpartition(".")[2].lower()
        return Path(str(corpus.get("root") or corpus.get("source") or kind)).name

    @property
    def stages(self) -> dict[str, Path]:
        """The directory of each artefact that it consists of, by the artefact's name."""
        return {name: neighbour(self.path, name) for name in self.manifest["inputs"]}

    @cached_property
    def verdict(self) -> str:
        """The verdict of its alignment; "none" where there is none."""
        for directory in self.stages.values():
            manifest = SavedJson.read(directory / MANIFEST)
            if manifest.get("stage", str) == "align":
                verdict = SavedJson(manifest.path, manifest.get("report", dict)).get("verdict", dict)
                return str(verdict.get("label", "none"))
        return "none"

    @property
    def split(self) -> str:
        """Of the scores that count: ``test`` where test sets were scored, else ``dev``."""
        return "test" if (self.path / SCORES["test"]).exists() else "dev"

    @property
    def is_scored(self) -> bool:
        """Whether ``evaluate.py`` saw it."""
        return (self.path / SCORES[self.split]).exists()

    @cached_property
    def rows(self) -> list[ScoreRow]:
        """All its scores. Raises BadInput when they are missing or no longer read."""
        path = self.path / SCORES[self.split]
        try:
            return [ScoreRow.from_json(record) for record in _json(path)]
        except OSError:
            raise BadInput(f"{self.path} has no {path.name}: run evaluate.py resume={self.path}") from None
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            raise BadInput(
                f"{path} is damaged or of an older version: run python evaluate.py resume={self.path}"
            ) from None

    def test_set(self, name: str, direction: str) -> TestSet | None:
        """Sources and references of a set that it was scored on; None where they were not kept."""
        path = self.path / TEST_SETS / f"{name}.{direction}.json"
        if not path.exists():
            return None
        saved = SavedJson.read(path)
        sources, references = saved.get("sources", list), saved.get("references", list)
        if len(sources) != len(references) or not all(
            isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts)
            for texts in (*references, sources or [""])
        ):
            raise damaged(path, "it holds no sources with references")
        return TestSet(sources, references)

    def translations(self, name: str, direction: str, system: str) -> list[str] | None:
        """What one of its systems made of a test set; None where that was not kept."""
        path = translations_file(self.path, name, direction, system)
        return [*lines(path)] if path.exists() else None


def find_runs(places: Iterable[Path]) -> list[FinishedRun]:
    """Every finished run among or under ``places``, by seed.

    Raises BadInput where one of ``places`` is not there, or none holds a run.
    """
    known = list(places)
    for place in known:
        if not place.is_dir():
            raise BadInput(f"there is no folder {place}: give the folder of a run, or of a sweep")
    runs = [FinishedRun(path) for path in sorted({path for place in known for path in _runs_in(place)})]
    if not runs:
        raise BadInput(f"no finished run under {', '.join(map(str, known))}: give a store or run directories")
    return sorted(runs, key=lambda run: int(run.manifest["config"]["seed"]))


def find_scored_runs(places: Iterable[Path]) -> list[FinishedRun]:
    """The runs among or under ``places`` that have scores, by seed.

    Raises BadInput when one of ``places`` holds no run, or none that was scored.
    """
    runs: dict[Path, FinishedRun] = {}
    for place in places:
        inside = find_runs([place])
        scored = [run for run in inside if run.is_scored]
        if not scored:
            raise BadInput(
                f"{place} holds no scores ({len(inside)} finished without): run python evaluate.py "
                f"resume={inside[0].path} first"
            )
        runs |= {run.path: run for run in scored}
    return sorted(runs.values(), key=lambda run: (int(run.manifest["config"]["seed"]), run.path))


def parameter_differences(configurations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each configuration the parameters that are not the same in all, the seed aside, by dotted name."""
    every = [dict(flat(configuration)) for configuration in configurations]
    keys = sorted({key for parameters in every for key in parameters} - {"seed"})
    differing = [
        key for key in keys if len({json.dumps(each.get(key), sort_keys=True) for each in every}) > 1
    ]
    return [{key: parameters[key] for key in differing if key in parameters} for parameters in every]


def _runs_in(place: Path) -> Iterator[Path]:
    for directory in [place] if (place / MANIFEST).exists() else place.glob("run-*"):
        path = directory / MANIFEST
        if path.exists() and SavedJson.read(path).content.get("stage", "run") == "run":
            yield directory.resolve()


def flat(tree: Mapping[str, Any], root: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a configuration with its dotted name."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{root}{key}.")
        else:
            yield f"{root}{key}", value


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))

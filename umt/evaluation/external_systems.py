"""Translations of the same test sets by other systems: other runs, or whatever writes a line a sentence.

An evaluated run keeps them in the folder ``translations``: ``SET.en-zh.SYSTEM.txt`` a system, and
``systems.json``, which says on how many parallel pairs each system was trained.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from umt.corpus.reading import lines, maybe_compressed
from umt.evaluation.rows import System
from umt.types import BadInput

OPTION = "evaluation.external"
"""The option that names other systems."""

FOLDER, INDEX = "translations", "systems.json"
TRANSLATOR = "translator"
"""The neural translator of a run."""
SYSTEMS = ("copy", "random", "phrase-based", "few-shot", "supervised", "single map", TRANSLATOR)
"""The ids of the systems that a run may have."""

Translations = tuple[System, list[str]]


def translations_file(run: Path, test: str, direction: str, system: str) -> Path:
    """The translations of one test set by one system of an evaluated run, a line a sentence."""
    return run / FOLDER / f"{test}.{direction}.{system}.txt"


@dataclass(frozen=True)
class ExternalSystem:
    """Another system, under a name of the user's.

    folder: of a run that was evaluated, of which the neural translator counts; or one with ``SET.en-zh.txt``
    and the like.
    """

    name: str
    folder: Path

    def __post_init__(self) -> None:
        if self.name in SYSTEMS:
            raise BadInput(f"{OPTION}.{self.name}: a run has a system of that name, choose another")
        if not self.name or "/" in self.name:
            raise BadInput(f"{OPTION}.{self.name}: the name becomes that of a file: choose one without /")
        if not self.folder.is_dir():
            raise BadInput(f"{OPTION}.{self.name}: there is no folder {self.folder}")

    def all_translations(self, sets: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], Translations]:
        """`translations_of` each of ``sets``, (test set, direction) -> sentences, of which there are any.

        Raises BadInput when there are none at all.
        """
        known = {
            key: translations
            for key, sentences in sets.items()
            if (translations := self.translations_of(*key, sentences))
        }
        if sets and not known:
            files = ", ".join(f"{test}.{direction}.txt" for test, direction in sets)
            raise BadInput(
                f"{OPTION}.{self.name}: {self.folder} is no run that was evaluated "
                f"on these test sets, and has none of {files}"
            )
        return known

    def translations_of(self, test: str, direction: str, sentences: int) -> Translations | None:
        """The system, parallel pairs included, and its translations of a test set; None where it has none.

        Raises BadInput when the lines are not ``sentences``, or a run does not say what its system was
        trained on.
        """
        file, pairs = maybe_compressed(self.folder / f"{test}.{direction}.txt"), 0
        of_run = translations_file(self.folder, test, direction, TRANSLATOR)
        if of_run.exists():
            file, pairs = of_run, self._parallel_pairs()
        if file is None:
            return None
        translations = [*lines(file)]
        if len(translations) != sentences:
            raise BadInput(
                f"{OPTION}.{self.name}: {file} has {len(translations):,} lines, "
                f"the test set {test} has {sentences:,}"
            )
        return (self.name, pairs), translations

    def _parallel_pairs(self) -> int:
        index = self.folder / FOLDER / INDEX
        try:
            return int(json.loads(index.read_text(encoding="utf-8"))[TRANSLATOR])
        except (OSError, KeyError, ValueError, TypeError, OverflowError, RecursionError):
            raise BadInput(
                f"{OPTION}.{self.name}: {index} does not say on how many parallel pairs the translator "
                "was trained: run python evaluate.py on that run again"
            ) from None


def missing_translations(names: Iterable[str], lines: Collection[tuple[str, str, str]]) -> Iterator[str]:
    """Which test sets the systems ``names`` have not translated, of ``lines``: (set, direction, system)."""
    for name in names:
        translated = {line[:2] for line in lines if line[2] == name}
        for test, direction in dict.fromkeys(line[:2] for line in lines):
            if (test, direction) not in translated:
                yield f"{name} has no translations of {test}, {direction}"

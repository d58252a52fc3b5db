"""Translations of the same test sets by other systems: other runs, or whatever writes a line a sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from umt.types import BadInput

TAUGHT = "taught by "
"""How the name of a neural translator begins that saw true pairs; the others are called so:"""
TRANSLATOR = "translator"
SYSTEMS = ("copy", "random", "phrase-based", "few-shot", "supervised", TRANSLATOR)
"""Every system that a run may have, but those taught by true pairs, whose names say by how many."""


@dataclass(frozen=True)
class Beside:
    """Another system, named by who compares.

    folder: of a run that was evaluated, of which the neural translator counts; or one with ``SET.en-zh.txt``
    and the like.
    """

    name: str
    folder: Path

    def __post_init__(self) -> None:
        if self.name in SYSTEMS or self.name.startswith(TAUGHT):
            raise BadInput(f"evaluation.beside.{self.name}: a run has a system of that name, choose another")
        if not self.name or "/" in self.name:
            raise BadInput(f"evaluation.beside names no file: '{self.name}', choose a name without a stroke")
        if not self.folder.is_dir():
            raise BadInput(f"evaluation.beside.{self.name}: there is no folder {self.folder}")

    def everything(self, sets: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], tuple[str, list[str]]]:
        """What it `said` of ``sets``: (test set, direction) -> sentences; what it has none of is not there.

        Raises BadInput when it has none of any.
        """
        told = {key: self.said(*key, sentences) for key, sentences in sets.items()}
        found = {key: each for key, each in told.items() if each}
        if sets and not found:
            files = ", ".join(f"{test}.{direction}.txt" for test, direction in sets)
            raise BadInput(
                f"evaluation.beside.{self.name}: {self.folder} is no run that was evaluated "
                f"on these test sets, and has none of {files}"
            )
        return found

    def said(self, test: str, direction: str, sentences: int) -> tuple[str, list[str]] | None:
        """What to call it in a table, and its translations of a test set; None where it has none.

        The name says so if true pairs taught it. Raises BadInput when the lines are not ``sentences``.
        """
        runs = self.folder / "translations"
        files = [
            runs / f"{test}.{direction}.{TRANSLATOR}.txt",
            *sorted(runs.glob(f"{test}.{direction}.{TAUGHT}*.txt")),
            self.folder / f"{test}.{direction}.txt",
        ]
        found = next((file for file in files if file.exists()), None)
        if found is None:
            return None
        try:
            lines = found.read_text(encoding="utf-8-sig").split("\n")
        except UnicodeDecodeError:
            raise BadInput(f"evaluation.beside.{self.name}: {found} is not UTF-8") from None
        if not lines[-1]:
            lines.pop()
        if len(lines) != sentences:
            raise BadInput(
                f"evaluation.beside.{self.name}: {found} has {len(lines):,} lines, "
                f"the test set {test} has {sentences:,}"
            )
        taught = found.stem.removeprefix(f"{test}.{direction}.")
        return (f"{self.name} ({taught})" if taught.startswith(TAUGHT) else self.name), lines


def not_said(names: Iterable[str], lines: Collection[tuple[str, str, str]]) -> Iterator[str]:
    """Which test sets the others named have not translated, of ``lines``: (set, direction, system)."""
    for name in names:
        said = {line[:2] for line in lines if line[2] == name or line[2].startswith(f"{name} ({TAUGHT}")}
        for test, direction in dict.fromkeys(line[:2] for line in lines):
            if (test, direction) not in said:
                yield f"{name} has no translations of {test}, {direction}"

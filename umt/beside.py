"""Translations of the same test sets by other systems: other runs, or whatever writes a line a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from umt.types import BadInput

TAUGHT = "taught by "
"""How the name of a neural translator begins that saw true pairs; the others are called so:"""
TRANSLATOR = "translator"


@dataclass(frozen=True)
class Beside:
    """Another system, named by who compares.

    folder: of a run that was evaluated, of which the neural translator counts; or one with ``SET.en-zh.txt``
    and the like.
    """

    name: str
    folder: Path

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise BadInput(f"evaluation.beside.{self.name}: there is no folder {self.folder}")

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
        lines = found.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        if len(lines) != sentences:
            raise BadInput(
                f"evaluation.beside.{self.name}: {found} has {len(lines):,} lines, "
                f"the test set {test} has {sentences:,}"
            )
        taught = found.stem.removeprefix(f"{test}.{direction}.")
        return (f"{self.name} ({taught})" if taught.startswith(TAUGHT) else self.name), lines

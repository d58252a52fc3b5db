"""Reading what preparation wrote: clean sentences and their words, one language at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from umt.types import BadInput, Lang


@dataclass(frozen=True)
class PreparedText:
    """A directory with ``{lang}.txt``, ``{lang}.words`` (line-aligned with it) and ``report.json``.

    ``.txt`` holds a normalised sentence a line, ``.words`` its words joined by one space, case
    preserved, punctuation and numbers as words of their own.  Everything streams.
    """

    directory: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "directory", Path(self.directory))

    @cached_property
    def report(self) -> dict[str, Any]:
        """What preparation counted; ``report["languages"]`` is [source, target]."""
        path = self.directory / "report.json"
        try:
            report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BadInput(f"{self.directory} holds no prepared text: {path.name} is missing") from None
        return report

    @property
    def languages(self) -> tuple[Lang, Lang]:
        """(source, target)."""
        source, target = self.report["languages"]
        return Lang(source), Lang(target)

    def size(self, lang: Lang) -> int:
        """How many sentences were kept."""
        return int(self.report["sides"][lang]["kept"])

    def sentences(self, lang: Lang) -> Iterator[str]:
        """Clean sentences with their real case and punctuation."""
        return self._lines(self.directory / f"{lang}.txt")

    def spaced(self, lang: Lang) -> Iterator[str]:
        """The same sentences as words joined by one space; the fast form of `words`."""
        return self._lines(self.directory / f"{lang}.words")

    def words(self, lang: Lang) -> Iterator[list[str]]:
        """The same sentences as lists of words, case preserved."""
        for line in self.spaced(lang):
            yield line.split(" ")

    @staticmethod
    def _lines(path: Path) -> Iterator[str]:
        if not path.exists():
            raise BadInput(f"prepared text {path} is missing: rebuild it with rebuild=[prepare]")
        with path.open(encoding="utf-8", newline="\n") as file:
            for line in file:
                yield line[:-1]

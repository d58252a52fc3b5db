"""Test sets whose rows hold both sides: a TSV file, or a dataset with a column for each side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from umt.corpus import ParallelSet
from umt.corpus.files import language_pair
from umt.corpus.hub import HubDataset
from umt.corpus.reading import file_digest, lines, path_of
from umt.runtime.files import digest_of
from umt.types import BadInput, Lang

Item: TypeAlias = tuple[str, tuple[str, ...]]
"""A source and all its references; empty texts where a side is missing."""

_PARAGRAPH = re.compile(r"\n\s*\n")


class _Rows:
    """What is common to them: `_items` are read, those with an empty side are left out and counted."""

    name: str
    languages: tuple[Lang, Lang]
    source: Lang | None

    def _items(self) -> Iterator[Item]:
        raise NotImplementedError

    def unpaired_side(self, lang: Lang) -> list[str]:
        """See `umt.corpus.HeldOut`."""
        sources, references = ([], []) if (items := [*self._items()]) == [] else zip(*items, strict=True)
        texts = sources if lang == self._direction[0] else [text for item in references for text in item]
        return sorted(filter(None, texts))

    def pairs(self) -> ParallelSet:
        """See `umt.corpus.HeldOut`."""
        items = [(source, tuple(filter(None, references))) for source, references in self._items()]
        complete = [(source, references) for source, references in items if source and references]
        if not complete:
            raise BadInput(f"held-out set {self.name} has no pair without an empty side")
        here, there = self._direction
        sides = {here: tuple((source,) for source, _ in complete), there: tuple(refs for _, refs in complete)}
        one_way = self.source is not None
        return ParallelSet(
            self.name, sides, (here, there) if one_way else None, left_out=len(items) - len(complete)
        )

    @property
    def _direction(self) -> tuple[Lang, Lang]:
        first, second = self.languages
        return (second, first) if self.source == second else (first, second)


@dataclass(frozen=True)
class ParallelTsv(_Rows):
    """A `HeldOut` set from one file: ``source<TAB>target`` a line; further columns are more references.

    path: plain, .gz, .xz or .zst.
    """

    name: str
    languages: tuple[Lang, Lang]
    path: Path
    source = None  # both directions

    def __post_init__(self) -> None:
        object.__setattr__(self, "languages", language_pair(self.languages))
        path = path_of(self.path)
        if path is None:
            raise ValueError("path must be a file, got an empty path")
        object.__setattr__(self, "path", path)

    def digest(self) -> str:
        """Of the file."""
        return file_digest([self.path])

    def _items(self) -> Iterator[Item]:
        for number, line in enumerate(lines(self.path), 1):
            columns = [text.strip() for text in line.split("\t")]
            if len(columns) < 2 and columns[0]:
                raise BadInput(
                    f"held-out set {self.name}: line {number} of {self.path} has no tab: give two columns"
                )
            yield columns[0], tuple(columns[1:])


@dataclass(frozen=True)
class HubRows(_Rows):
    """A `HeldOut` set on the Hugging Face hub, or in a local folder laid out like it, both sides in a row.

    columns: that of each language; a dotted name leads into nested values. only: read rows with these values
    alone. left_out: a column that marks rows to leave out. source: the language that was written first, where
    the set is for one direction. paragraphs: split texts at blank lines where both sides have as many of
    them. The other fields are those of `umt.corpus.hub.HubDataset`.
    """

    name: str
    languages: tuple[Lang, Lang]
    dataset: str
    revision: str | None
    licence: str
    columns: Mapping[str, str]
    source: Lang | None
    config: str | None = None
    files: str | None = None
    split: str = "train"
    only: Mapping[str, str] = field(default_factory=dict)
    left_out: str | None = None
    paragraphs: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "languages", language_pair(self.languages))
        for option in ("columns", "only"):
            object.__setattr__(
                self, option, {str(key): str(value) for key, value in getattr(self, option).items()}
            )
        for lang in self.languages:
            if lang not in self.columns:
                raise ValueError(f"columns must name one for {lang}, got {dict(self.columns)}")
        if self.source is not None and self.source not in self.languages:
            raise ValueError(f"source must be one of {list(self.languages)} or null, got {self.source!r}")

    def digest(self) -> str:
        """Of the parameters, for a pinned revision does not change; of a local folder's files too."""
        return digest_of([asdict(self), self._hub().digest()])

    def _hub(self) -> HubDataset:
        return HubDataset(
            self.languages,
            self.dataset,
            self.revision,
            self.licence,
            config=self.config,
            files=self.files,
            split=self.split,
            relation=None,
        )

    def _items(self) -> Iterator[Item]:
        here, there = (self.columns[lang] for lang in self._direction)
        for row in self._hub().rows(self.languages[0]):
            if any(str(_value(row, column)) != value for column, value in self.only.items()):
                continue
            if self.left_out and _value(row, self.left_out):
                continue
            sides = [str(_value(row, column) or "") for column in (here, there)]
            parts = [_PARAGRAPH.split(text.strip()) if self.paragraphs else [text] for text in sides]
            if len(parts[0]) != len(parts[1]):
                parts = [[text] for text in sides]
            for source, reference in zip(*parts, strict=True):
                yield " ".join(source.split()), (" ".join(reference.split()),)


def _value(row: Mapping[str, Any], column: str) -> Any:
    """What ``column`` of a row holds; None where a dotted name leads nowhere. Raises BadInput without it."""
    first, *rest = column.split(".")
    if first not in row:
        raise BadInput(
            f"there is no column {first!r} among {', '.join(sorted(row))}: set columns of the test set"
        )
    value = row[first]
    for key in rest:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value

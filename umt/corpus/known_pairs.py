"""True translation pairs to learn from, for controls only: a type of their own, which no test set has.

A test set is a `umt.corpus.ParallelSet`; nothing turns one into `TrainingPairs` or back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Protocol, runtime_checkable

from umt.corpus.preparation.held_out_filter import is_other_language, leaked_lines
from umt.corpus.preparation.leak_index import LeakIndex
from umt.corpus.reading import file_digest, lines
from umt.types import BadInput, Lang

_LINES = 4_000


class TrainingPairs(Protocol):
    """Sentences with their translations, on their way to a supervised control."""

    @property
    def languages(self) -> tuple[Lang, Lang]:
        """(source, target)."""
        ...

    def examples(self) -> Iterator[tuple[str, str]]:
        """(source, target) sentences; raises `BadInput` when they cannot be read."""
        ...

    @property
    def left_out(self) -> int:
        """How many pairs are no examples because they stand in a held-out set."""
        ...

    @property
    def incomplete(self) -> int:
        """How many lines are no pairs because they are blank or have an empty side."""
        ...

    def digest(self) -> str:
        """Hex digest of the content."""
        ...


@runtime_checkable
class HasTrainingPairs(Protocol):
    """A source that knows true translations of sentences, beside the text that it teaches."""

    def training_pairs(self, count: int, leaks: Mapping[Lang, LeakIndex]) -> TrainingPairs:
        """At most ``count`` pairs, none of which stands in a held-out set (``leaks``, of either language).

        Raises BadInput when it was given none.
        """
        ...


@dataclass(frozen=True)
class TsvPairs:
    """A file with ``source<TAB>target`` a line, of which the first ``size`` in no held-out set are taken.

    leaks: the held-out sentences of either language.
    """

    path: Path
    languages: tuple[Lang, Lang]
    size: int
    leaks: Mapping[Lang, LeakIndex] = field(default_factory=dict)

    def examples(self) -> Iterator[tuple[str, str]]:
        yield from self._read[0]

    @property
    def left_out(self) -> int:
        return len(self._read[1])

    @property
    def incomplete(self) -> int:
        return self._incomplete

    def digest(self) -> str:
        left_out = self._read[1]
        content = f"{file_digest([self.path])} {self.size}{f' without {left_out}' if left_out else ''}"
        return sha256(content.encode()).hexdigest()

    @cached_property
    def _incomplete(self) -> int:
        rows = (line.split("\t") for line in lines(self.path))
        return sum(not all(part.strip() for part in parts) for parts in rows)

    @cached_property
    def _read(self) -> tuple[list[tuple[str, str]], list[int]]:
        """What is taken, and the numbers of the lines that were left out for a held-out set."""
        numbered = enumerate(self._pairs(), 1)
        taken: list[tuple[str, str]] = []
        left_out: list[int] = []
        while batch := list(islice(numbered, min(_LINES, self.size - len(taken)))):
            held = set[int]()
            for place, lang in enumerate(self.languages):
                if lang in self.leaks:
                    held |= leaked_lines([pair[place] for _, pair in batch], lang, self.leaks[lang])
            taken += [pair for place, (_, pair) in enumerate(batch) if place not in held]
            left_out += [batch[place][0] for place in sorted(held)]
        source, target = self.languages
        for place, lang, other in ((0, source, target), (1, target, source)):
            if is_other_language([pair[place] for pair in taken], lang, other):
                raise BadInput(
                    f"{self.path}: a line must be {source}, a tab, {target}, but most of what should be "
                    f"{lang} is not: is it swapped?"
                )
        return taken, left_out

    def _pairs(self) -> Iterator[tuple[str, str]]:
        """The pairs of the file; a blank line or an empty side is none."""
        for number, line in enumerate(lines(self.path), 1):
            if not line.strip():
                continue
            columns = line.split("\t")
            if len(columns) != 2:
                raise BadInput(
                    f"{self.path}: line {number} is no pair of sentences with a tab between them: it has "
                    f"{len(columns)} columns"
                    + (", keep two, for example with cut -f 1,2" if len(columns) > 2 else "")
                )
            source, target = (column.strip() for column in columns)
            if source and target:
                yield source, target

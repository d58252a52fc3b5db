"""Text: where it comes from (`Source`), what it is measured on (`HeldOut`), and the type of parallel text.

Parallel text has a type of its own, so that no training function can be handed test pairs by accident.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from umt.types import Lang


class Source(Protocol):
    """Monolingual text of two languages."""

    @property
    def languages(self) -> tuple[Lang, Lang]:
        """(source, target)."""
        ...

    @property
    def relation(self) -> str | None:
        """What the two sides are to each other, in a sentence; None: not stated."""
        ...

    def sentences(self, lang: Lang) -> Iterator[str]:
        """Raw lines of one language, streaming; raises `BadInput` when they cannot be read."""
        ...

    def digest(self) -> str:
        """Hex digest of the content, for the store's fingerprint."""
        ...

    def held_out(self) -> tuple[HeldOut, ...]:
        """The held-out sets that belong to this text; may be empty."""
        ...


@runtime_checkable
class HasReadingWarnings(Protocol):
    """A source that knows what it could not read."""

    def reading_warnings(self) -> tuple[str, ...]:
        """What was left out, a sentence each."""
        ...


@dataclass(frozen=True)
class ParallelSet:
    """Held-out items in two languages; for scoring only.

    ``sides[lang][i]`` holds the versions of item i in that language: ``[0]`` is the sentence to
    translate, all of them are references.
    direction: (source, target), the only direction that is fair, where one side was translated for the set.
    left_out: how many items were dropped because one of their sides is empty.
    """

    name: str
    sides: Mapping[Lang, tuple[tuple[str, ...], ...]]
    direction: tuple[Lang, Lang] | None = None
    left_out: int = 0

    def __post_init__(self) -> None:
        if len(self.sides) != 2:
            raise ValueError(f"held-out set {self.name} needs two languages, got {sorted(self.sides)}")
        lengths = {lang: len(items) for lang, items in self.sides.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"the sides of held-out set {self.name} differ in length: {lengths}")
        if not all(items and all(items) for items in self.sides.values()):
            raise ValueError(f"held-out set {self.name} is empty or holds an item without text")

    def __len__(self) -> int:
        return len(next(iter(self.sides.values())))


class HeldOut(Protocol):
    """A held-out set by descriptor: nothing is read before one of its methods is called."""

    @property
    def name(self) -> str:
        """What tables and files call it."""
        ...

    def unpaired_side(self, lang: Lang) -> list[str]:
        """All sentences of one language, SORTED: a bag without pairing, all that the audit may see."""
        ...

    def pairs(self) -> ParallelSet:
        """The aligned pairs; for evaluation only (a test guards it)."""
        ...

    def digest(self) -> str:
        """Hex digest of the content."""
        ...

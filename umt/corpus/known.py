"""True translation pairs to learn from, for controls only: a type of their own, which no test set has.

A test set is a `umt.corpus.ParallelSet`; nothing turns one into `KnownPairs` or back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Protocol

from umt.corpus.reading import digest, lines
from umt.corpus.world.source import World
from umt.corpus.world.speaking import tell
from umt.types import BadInput, Lang


class KnownPairs(Protocol):
    """Sentences with their translations, on their way to a supervised control."""

    @property
    def languages(self) -> tuple[Lang, Lang]:
        """(source, target)."""
        ...

    def examples(self) -> Iterator[tuple[str, str]]:
        """(source, target) sentences; raises `BadInput` when they cannot be read."""
        ...

    def digest(self) -> str:
        """Hex digest of the content."""
        ...


@dataclass(frozen=True)
class PairsFile:
    """A file with ``source<TAB>target`` a line, of which the first ``size`` are taken."""

    path: Path
    languages: tuple[Lang, Lang]
    size: int

    def examples(self) -> Iterator[tuple[str, str]]:
        for number, line in enumerate(islice(lines(self.path), self.size), 1):
            parts = line.split("\t")
            if len(parts) != 2 or not all(part.strip() for part in parts):
                raise BadInput(f"{self.path}: line {number} is no pair of sentences with a tab between them")
            yield parts[0].strip(), parts[1].strip()

    def digest(self) -> str:
        return sha256(f"{digest([self.path])} {self.size}".encode()).hexdigest()


@dataclass(frozen=True)
class WorldExamples:
    """What the two sides of a world say, half of it each, told in both languages.

    Held-out meanings belong to neither side, so these pairs know nothing of a test set.
    """

    world: World
    size: int

    @property
    def languages(self) -> tuple[Lang, Lang]:
        return self.world.languages

    def examples(self) -> Iterator[tuple[str, str]]:
        first, second = self.languages
        for side, count in ((first, self.size - self.size // 2), (second, self.size // 2)):
            for item in tell(self.world.voice(side), count, 1) if count else ():
                yield item[first][0], item[second][0]

    def digest(self) -> str:
        return sha256(f"{self.world.digest()} examples {self.size}".encode()).hexdigest()

"""A choice among named strategies, so that restarts can run and compare several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Generator

from umt.align import Aligner, Alignment
from umt.embeddings.wordspace import WordSpace
from umt.runtime.validate import require


@dataclass(frozen=True)
class StrategyChoice:
    """The strategy that is ``chosen`` by name.

    Different strategies fail in different ways, more so than restarts of one strategy do. `Restarts` with
    ``chosen`` among its settings compares runs of different strategies and takes their consensus.
    """

    strategies: Mapping[str, Aligner]
    chosen: str

    def __post_init__(self) -> None:
        require(self, choice={"chosen": self.strategies})

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """Raises what the strategy raises."""
        return self.strategies[self.chosen].align(source, target, generator)

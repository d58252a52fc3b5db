"""Several strategies under their names, one of them at work: what lets restarts run and compare them all."""

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

    Strategies that go astray go astray in different ways, more so than draws of one strategy do. So
    `Restarts` over ``chosen`` has runs of different strategies support one another, and their consensus.
    """

    strategies: Mapping[str, Aligner]
    chosen: str

    def __post_init__(self) -> None:
        require(self, choice={"chosen": self.strategies})

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """Raises what the strategy raises."""
        return self.strategies[self.chosen].align(source, target, generator)

"""Batches of sentences of like length: every sentence once an epoch, as many as fit a budget of subwords."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from umt.runtime.batching import budgeted
from umt.types import I64, BadInput


@dataclass
class LengthBatches:
    """Batches of sentence numbers, epoch after epoch.

    lengths: (sentences,) subwords of each sentence, special ones included; tokens: subwords of a batch at
    most, padding included; longest: longer sentences are left out; epoch, position: of the next batch.
    """

    lengths: I64
    tokens: int
    longest: int
    seed: int
    epoch: int = 0
    position: int = 0

    def __post_init__(self) -> None:
        self.fitting = np.flatnonzero((self.lengths > 0) & (self.lengths <= min(self.longest, self.tokens)))
        if not len(self.fitting):
            raise BadInput(
                f"none of {len(self.lengths)} sentences fits into {self.longest} subwords "
                f"and a batch of {self.tokens}: raise translator.batching"
            )
        self._order = self._shuffled()

    def draw(self) -> I64:
        """The sentences of the next batch."""
        if self.position == len(self._order):
            self.epoch, self.position = self.epoch + 1, 0
            self._order = self._shuffled()
        batch = self._order[self.position]
        self.position += 1
        return batch

    def state(self) -> dict[str, Any]:
        """Epoch and position of the next batch, as JSON."""
        return {"epoch": self.epoch, "number": self.position}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        self.epoch, self.position = int(state["epoch"]), int(state["number"])
        self._order = self._shuffled()

    def _shuffled(self) -> list[I64]:
        """Sorted by length, equal lengths in random order, cut to the budget, the batches shuffled."""
        generator = np.random.default_rng((self.seed, self.epoch))
        lengths = self.lengths[self.fitting]
        order = self.fitting[np.lexsort((generator.random(len(lengths)), lengths))]
        counts = [len(batch) for batch in budgeted(self.lengths[order].tolist(), self.tokens, int)]
        batches = np.split(order, np.cumsum(counts)[:-1])
        return [batches[number] for number in generator.permutation(len(batches))]

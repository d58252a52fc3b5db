"""Back-translation (Sennrich et al. 2016): real targets from synthetic sources that the model writes, on line
(Lample et al. 2018) or in rounds (Hoang et al. 2018)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Generator
from torch.optim.swa_utils import AveragedModel

from umt.lm.joint_lm import JointLM
from umt.lm.loading import reload, save
from umt.runtime.files import atomic_directory
from umt.runtime.seeds import child_seed
from umt.runtime.validate import require
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Ids
from umt.training.length_batches import LengthBatches
from umt.training.objective import Loss
from umt.training.schedule import Schedule
from umt.translation.noise import Noise, word_starts
from umt.translation.objectives import TranslationTask, make_batch
from umt.translation.synthesis import SyntheticSourceWriter


@dataclass(frozen=True)
class FrozenWriter:
    """Copies of the model that write all synthetic sources of a round.

    count: rounds over the training. directory: keeps the weights of a round, for a run that is killed.
    """

    count: int
    directory: Path

    def number(self, step: int, steps: int) -> int:
        """Number of the round that ``step`` belongs to."""
        return step * self.count // steps

    def begin(self, number: int, model: JointLM) -> JointLM:
        """Save the weights of ``model`` for round ``number``; returns a frozen copy."""
        with atomic_directory(self._place(number)) as directory:
            save(model, directory)
        return copy.deepcopy(model).requires_grad_(False)

    def reopen(self, number: int, model: JointLM) -> JointLM:
        """The frozen copy of round ``number``, on the device of ``model``."""
        return reload(self._place(number), model).requires_grad_(False)

    def _place(self, number: int) -> Path:
        return self.directory / f"round-{number}"


@dataclass
class BackTranslation:
    """Cross entropy of real targets, given synthetic sources that the model writes.

    texts: real sentences of both languages, which take turns. noise: on the synthetic sources.
    batches_per_generation: batches whose sources are written at once, and learned from in the updates after.
    rounds: None to write with the weights of the moment, else with those of the round's beginning.
    average: of the weights, which writes instead of the weights themselves; None: they do.
    """

    task: TranslationTask
    texts: tuple[TokenShards, TokenShards]
    source_writer: SyntheticSourceWriter
    schedule: Schedule = field(default_factory=Schedule)
    noise: Noise | None = None
    batches_per_generation: int = 2
    rounds: FrozenWriter | None = None
    average: AveragedModel | None = field(default=None, repr=False)
    next_side: int = 0
    queue: list[tuple[int, list[Ids], list[Ids]]] = field(default_factory=list)
    round: int = -1
    frozen_model: JointLM | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        require(self, positive="batches_per_generation")
        task = self.task
        # a synthetic source is about as long as its target
        self.batches = [
            LengthBatches(
                2 * text.lengths() + 3,
                task.tokens,
                task.max_tokens,
                child_seed(task.seed, "back-translation", text.lang),
            )
            for text in self.texts
        ]
        self.starts = word_starts(task.tokenizer)

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """Of one batch; None when the objective takes no part in this update or no source was accepted."""
        if not self.task.is_active(self.schedule, step, generator):
            return None
        if not self.queue:
            self._generate(self._writer_at(model, step), generator, dtype)
        side, sources, targets = self.queue.pop(0)
        if not sources:
            return None
        tokenizer = self.task.tokenizer
        if self.noise is not None:
            offsets = np.cumsum([0, *map(len, sources)])
            ids, ends = self.noise.apply(
                np.concatenate(sources), offsets, self.starts, tokenizer.mask, generator
            )
            sources = np.split(ids, ends[1:-1])
        tags = (tokenizer.tag(self.texts[1 - side].lang), tokenizer.tag(self.texts[side].lang))
        batch = make_batch(sources, targets, [tags] * len(sources), tokenizer.end, tokenizer.pad)
        return self.task.loss(model, batch, generator, dtype)

    def _writer_at(self, model: JointLM, step: int) -> JointLM:
        """The model that writes at ``step``."""
        if self.average is not None and self.average.n_averaged:
            model = cast(JointLM, self.average.module)
        if self.rounds is None:
            return model
        number = self.rounds.number(step, self.task.steps)
        if number != self.round:
            self.round, self.frozen_model = number, self.rounds.begin(number, model)
        elif self.frozen_model is None:
            self.frozen_model = self.rounds.reopen(number, model)
        return self.frozen_model

    def _generate(self, model: JointLM, generator: Generator, dtype: torch.dtype) -> None:
        """Write sources for the next real sentences; those that pass the filters are queued."""
        side, self.next_side = self.next_side, 1 - self.next_side
        batches = [self.batches[side].draw() for _ in range(self.batches_per_generation)]
        targets = [self.texts[side].ids(line) for batch in batches for line in batch]
        sources, _, accepted = self.source_writer.write(model, side, targets, generator, dtype)
        ends = np.cumsum([0, *map(len, batches)])
        for start, end in pairwise(ends.tolist()):
            usable = [number for number in range(start, end) if accepted[number]]
            self.queue.append(
                (side, [sources[number] for number in usable], [targets[number] for number in usable])
            )

    def state(self) -> dict[str, Any]:
        """Position in the data, and the queue of pairs not yet learned from."""
        queue = [
            (side, [ids.tolist() for ids in sources], [ids.tolist() for ids in targets])
            for side, sources, targets in self.queue
        ]
        return {
            "places": [batches.state() for batches in self.batches],
            "next_side": self.next_side,
            "queue": queue,
            "round": self.round,
            **self.source_writer.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        dtype = self.task.tokenizer.dtype
        for batches, place in zip(self.batches, state["places"], strict=True):
            batches.restore(place)
        self.next_side, self.round, self.frozen_model = int(state["next_side"]), int(state["round"]), None
        self.queue = [
            (int(side), [np.array(ids, dtype) for ids in sources], [np.array(ids, dtype) for ids in targets])
            for side, sources, targets in state["queue"]
        ]
        self.source_writer.restore(state)

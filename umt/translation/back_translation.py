"""Back-translation (Sennrich et al. 2016): real sentences from the model's own renderings of them, written on
line (Lample et al. 2018) or in rounds (Hoang et al. 2018)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator

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
    """Weights that write renderings stay the same for a round, as if all had been written at its beginning.

    count: rounds over the training. directory: keeps the weights of a round, for a run that is killed.
    """

    count: int
    directory: Path

    def number(self, step: int, steps: int) -> int:
        """Of the round that ``step`` belongs to."""
        return step * self.count // steps

    def begin(self, number: int, model: JointLM) -> JointLM:
        """Keep the weights of ``model`` for round ``number``; a copy of it to write with."""
        with atomic_directory(self._place(number)) as directory:
            save(model, directory)
        return copy.deepcopy(model).requires_grad_(False)

    def reopened(self, number: int, model: JointLM) -> JointLM:
        """The one that wrote in round ``number``, where ``model`` is."""
        return reload(self._place(number), model).requires_grad_(False)

    def _place(self, number: int) -> Path:
        return self.directory / f"round-{number}"


@dataclass
class BackTranslation:
    """Real sentences from the model's own renderings of them, written with the weights of the moment.

    texts: real sentences of both languages, which take turns. ahead: batches that are rendered at once, and
    learned from in the steps after. rounds: where the weights that write are to be those of a round's
    beginning instead.
    """

    setting: TranslationTask
    texts: tuple[TokenShards, TokenShards]
    renderer: SyntheticSourceWriter
    course: Schedule = field(default_factory=Schedule)
    noise: Noise | None = None
    ahead: int = 2
    rounds: FrozenWriter | None = None
    next_side: int = 0
    queue: list[tuple[int, list[Ids], list[Ids]]] = field(default_factory=list)
    round: int = -1
    writer: JointLM | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        require(self, positive="ahead")
        setting = self.setting
        # a rendering is about as long as what it renders
        self.batches = [
            LengthBatches(
                2 * text.lengths() + 3,
                setting.tokens,
                setting.longest,
                child_seed(setting.seed, "back-translation", text.lang),
            )
            for text in self.texts
        ]
        self.starts = word_starts(setting.tokenizer)

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """One batch; None when it is not this objective's turn or no rendering was fit to learn from."""
        if not self.setting.is_active(self.course, step, generator):
            return None
        if not self.queue:
            self._render(self._writer_at(model, step), generator, dtype)
        side, given, asked = self.queue.pop(0)
        if not given:
            return None
        tokenizer = self.setting.tokenizer
        if self.noise is not None:
            offsets = np.cumsum([0, *map(len, given)])
            ids, ends = self.noise.apply(
                np.concatenate(given), offsets, self.starts, tokenizer.mask, generator
            )
            given = np.split(ids, ends[1:-1])
        tags = [(tokenizer.tag(self.texts[1 - side].lang), tokenizer.tag(self.texts[side].lang))] * len(given)
        batch = make_batch(given, asked, tags, tokenizer.end, tokenizer.pad)
        return self.setting.loss(model, batch, generator, dtype)

    def _writer_at(self, model: JointLM, step: int) -> JointLM:
        """Who writes at ``step``."""
        if self.rounds is None:
            return model
        number = self.rounds.number(step, self.setting.steps)
        if number != self.round:
            self.round, self.writer = number, self.rounds.begin(number, model)
        elif self.writer is None:
            self.writer = self.rounds.reopened(number, model)
        return self.writer

    def _render(self, model: JointLM, generator: Generator, dtype: torch.dtype) -> None:
        """Translate the next real sentences; what passes the filters waits to be learned from."""
        side, self.next_side = self.next_side, 1 - self.next_side
        batches = [self.batches[side].draw() for _ in range(self.ahead)]
        asked = [self.texts[side].ids(line) for batch in batches for line in batch]
        given, _, fit = self.renderer.write(model, side, asked, generator, dtype)
        ends = np.cumsum([0, *map(len, batches)])
        for start, end in pairwise(ends.tolist()):
            chosen = [number for number in range(start, end) if fit[number]]
            self.queue.append((side, [given[n] for n in chosen], [asked[n] for n in chosen]))

    def state(self) -> dict[str, Any]:
        """Where the data stand, and what was rendered and not yet learned from."""
        waiting = [
            (side, [ids.tolist() for ids in given], [ids.tolist() for ids in asked])
            for side, given, asked in self.queue
        ]
        return {
            "places": [batches.state() for batches in self.batches],
            "turn": self.next_side,
            "waiting": waiting,
            "round": self.round,
            **self.renderer.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Stand there again."""
        dtype = self.setting.tokenizer.dtype
        for batches, place in zip(self.batches, state["places"], strict=True):
            batches.restore(place)
        self.next_side, self.round, self.writer = int(state["turn"]), int(state["round"]), None
        self.queue = [
            (int(side), [np.array(ids, dtype) for ids in given], [np.array(ids, dtype) for ids in asked])
            for side, given, asked in state["waiting"]
        ]
        self.renderer.restore(state)

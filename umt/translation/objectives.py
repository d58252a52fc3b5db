"""What translating minimises, on sequences ``<x> given <y> asked </s>`` with the loss on ``asked </s>``.

`Denoising` asks for a sentence from its own ruins, `Synthetic` for a real sentence from a machine's rendering
of it, `Supervised` for a known translation; see also `umt.translation.back_translation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from umt.lm.joint_lm import JointLM
from umt.lm.thread_parallel import sum_nll
from umt.runtime.batching import inside, pad
from umt.runtime.validate import require
from umt.text.tokenizer import Ids, Tokenizer
from umt.training.length_batches import LengthBatches
from umt.training.objective import Loss
from umt.training.schedule import Schedule
from umt.translation.bitext import Bitext
from umt.translation.noise import Noise, word_starts


class SequenceBatch(NamedTuple):
    """A batch, padded on the right: ``ids`` (rows, length + 1); ``asked`` (rows, length), true where the next
    subword costs."""

    ids: Tensor
    asked: Tensor


def make_batch(
    given: Sequence[Ids], asked: Sequence[Ids], tags: Sequence[tuple[int, int]], end: int, fill: int
) -> SequenceBatch:
    """Sequences ``<x> given <y> asked </s>``; tags: the numbers of ``<x>`` and ``<y>`` of each."""
    sequences = [
        np.concatenate(([x], before, [y], after, [end]))
        for (x, y), before, after in zip(tags, given, asked, strict=True)
    ]
    ids = pad(sequences, fill)
    width = ids.shape[1] - 1
    costs = inside([len(each) - 1 for each in sequences], width) & ~inside([len(x) + 1 for x in given], width)
    return SequenceBatch(ids, costs)


@dataclass(frozen=True)
class TranslationTask:
    """What all objectives of a run share.

    steps: of the run, by which every `Schedule` counts. tokens: subwords a batch, padding included. longest:
    subwords of a sequence. forgotten: share of the subwords asked for that the model does not see when it
    goes on after them (word dropout, Bowman et al. 2016: it must look at what is given).
    """

    tokenizer: Tokenizer
    steps: int
    tokens: int
    longest: int
    seed: int
    forgotten: float = 0.0

    def __post_init__(self) -> None:
        require(self, within={"forgotten": "[0, 1)"})

    def loss(
        self, model: JointLM, batch: SequenceBatch, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss:
        """The nats of what is asked for; dtype: of products by weights."""
        seen, wanted = batch.ids[:, :-1].clone(), batch.ids[:, 1:]
        if self.forgotten:
            hit = torch.rand(seen.shape, generator=generator) < self.forgotten
            hit[:, 1:] &= batch.asked[:, :-1]
            hit[:, 0] = False
            seen[hit] = self.tokenizer.mask
        sizes = self.tokenizer.byte_lengths[wanted[batch.asked].numpy()]
        nats = sum_nll(model, seen, wanted, batch.asked, dtype=dtype)
        return Loss(nats, len(sizes), int(sizes.sum()))

    def is_active(self, course: Schedule, step: int, generator: Generator) -> bool:
        """An objective of share s takes part in that share of the steps, so that it costs what it is
        worth.
        """
        return float(torch.rand((), generator=generator)) < course.at(step / self.steps)


@dataclass
class BitextObjective:
    """Sentences from other sentences: what `Denoising`, `Synthetic` and `Supervised` have in common."""

    setting: TranslationTask
    bitexts: Sequence[Bitext]
    course: Schedule = Schedule()
    noise: Noise | None = None
    batches: LengthBatches = field(init=False)

    def __post_init__(self) -> None:
        lengths = []
        for given, asked in self.bitexts:
            if len(given) != len(asked):
                raise ValueError(f"{len(given)} lines cannot become {len(asked)} lines")
            lengths.append(np.where((given.lengths() > 0) & (asked.lengths() > 0),
                                    given.lengths() + asked.lengths() + 3, 0))  # fmt: skip
        self.firsts = np.cumsum([0, *map(len, lengths)])
        setting = self.setting
        self.batches = LengthBatches(np.concatenate(lengths), setting.tokens, setting.longest, setting.seed)
        self.starts = word_starts(setting.tokenizer)

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """One batch, the directions mixed; None when it is not this objective's turn."""
        if not self.setting.is_active(self.course, step, generator):
            return None
        return self.setting.loss(model, self.draw(generator), generator, dtype)

    def draw(self, generator: Generator) -> SequenceBatch:
        """The next batch."""
        tokenizer = self.setting.tokenizer
        numbers = self.batches.draw()
        sides = np.searchsorted(self.firsts, numbers, side="right") - 1
        given, asked, tags = [], [], []
        for side, line in zip(sides, numbers - self.firsts[sides], strict=True):
            bitext = self.bitexts[side]
            given.append(bitext.source.ids(line))
            asked.append(bitext.target.ids(line))
            tags.append((tokenizer.tag(bitext.source.lang), tokenizer.tag(bitext.target.lang)))
        if self.noise is not None:
            offsets = np.cumsum([0, *map(len, given)])
            ids, ends = self.noise.apply(
                np.concatenate(given), offsets, self.starts, tokenizer.mask, generator
            )
            given = np.split(ids, ends[1:-1])
        return make_batch(given, asked, tags, tokenizer.end, tokenizer.pad)

    def state(self) -> dict[str, Any]:
        """Where the data stand."""
        return self.batches.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Stand there again."""
        self.batches.restore(state)


class Synthetic(BitextObjective):
    """Real sentences from a bootstrap's renderings of them."""


class Supervised(BitextObjective):
    """Known translations: the control and the ceiling, never a part of an unsupervised run."""


class Denoising(BitextObjective):
    """A sentence from its noisy self; each bitext holds one text twice."""

    def __post_init__(self) -> None:
        if self.noise is None:
            raise ValueError("denoising needs noise: noise is null")
        if any(given is not asked for given, asked in self.bitexts):
            raise ValueError("denoising asks for the text that is given")
        super().__post_init__()

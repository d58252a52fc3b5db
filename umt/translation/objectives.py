"""Sequence-to-sequence objectives: cross entropy of ``target </s>`` in ``<x> source <y> target </s>``.

`Denoising` predicts a sentence from a noisy copy of it, `Synthetic` a real sentence from a synthetic source,
`Supervised` a true translation; see also `umt.translation.back_translation`.
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
    """Sequences padded on the right.

    ids: (rows, length + 1). is_target: (rows, length), true where the next subword belongs to the target or
    is its end.
    """

    ids: Tensor
    is_target: Tensor


def make_batch(
    sources: Sequence[Ids], targets: Sequence[Ids], tags: Sequence[tuple[int, int]], end: int, pad_id: int
) -> SequenceBatch:
    """Sequences ``<x> source <y> target </s>``; tags: ids of ``<x>`` and ``<y>`` of each pair."""
    sequences = [
        np.concatenate(([source_tag], source, [target_tag], target, [end]))
        for (source_tag, target_tag), source, target in zip(tags, sources, targets, strict=True)
    ]
    ids = pad(sequences, pad_id)
    width = ids.shape[1] - 1
    before_end = inside([len(sequence) - 1 for sequence in sequences], width)
    in_source = inside([len(source) + 1 for source in sources], width)
    return SequenceBatch(ids, before_end & ~in_source)


@dataclass(frozen=True)
class TranslationTask:
    """What all objectives of a training share.

    steps: updates, by which every `Schedule` counts. tokens: subwords a batch, padding included. max_tokens:
    subwords of a sequence. word_dropout: share of the target's subwords that are masked in the input, so that
    the model must look at the source (Bowman et al. 2016).
    """

    tokenizer: Tokenizer
    steps: int
    tokens: int
    max_tokens: int
    seed: int
    word_dropout: float = 0.0

    def __post_init__(self) -> None:
        require(self, within={"word_dropout": "[0, 1)"})

    def loss(
        self, model: JointLM, batch: SequenceBatch, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss:
        """Sum of the negative log-likelihood of the targets, in nats; dtype: of products by weights."""
        inputs, next_tokens = batch.ids[:, :-1].clone(), batch.ids[:, 1:]
        if self.word_dropout:
            hidden = torch.rand(inputs.shape, generator=generator) < self.word_dropout
            hidden[:, 1:] &= batch.is_target[:, :-1]
            hidden[:, 0] = False
            inputs[hidden] = self.tokenizer.mask
        sizes = self.tokenizer.byte_lengths[next_tokens[batch.is_target].numpy()]
        nll = sum_nll(model, inputs, next_tokens, batch.is_target, dtype=dtype)
        return Loss(nll, len(sizes), int(sizes.sum()))

    def is_active(self, schedule: Schedule, step: int, generator: Generator) -> bool:
        """Whether an objective takes part in an update: it does so in the share that ``schedule`` says."""
        return float(torch.rand((), generator=generator)) < schedule.at(step / self.steps)


@dataclass
class BitextObjective:
    """Cross entropy of the targets of bitexts, whose lines are drawn mixed.

    Raises ValueError when the two sides of a bitext differ in length.
    """

    task: TranslationTask
    bitexts: Sequence[Bitext]
    schedule: Schedule = Schedule()
    noise: Noise | None = None
    batches: LengthBatches = field(init=False)

    def __post_init__(self) -> None:
        lengths = []
        for sources, targets in self.bitexts:
            if len(sources) != len(targets):
                raise ValueError(f"a bitext has {len(sources)} sources and {len(targets)} targets")
            lengths.append(np.where((sources.lengths() > 0) & (targets.lengths() > 0),
                                    sources.lengths() + targets.lengths() + 3, 0))  # fmt: skip
        self.firsts = np.cumsum([0, *map(len, lengths)])
        task = self.task
        self.batches = LengthBatches(np.concatenate(lengths), task.tokens, task.max_tokens, task.seed)
        self.starts = word_starts(task.tokenizer)

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """Of one batch, the directions mixed; None when the objective takes no part in this update."""
        if not self.task.is_active(self.schedule, step, generator):
            return None
        return self.task.loss(model, self.draw(generator), generator, dtype)

    def draw(self, generator: Generator) -> SequenceBatch:
        """The next batch."""
        tokenizer = self.task.tokenizer
        numbers = self.batches.draw()
        sides = np.searchsorted(self.firsts, numbers, side="right") - 1
        sources, targets, tags = [], [], []
        for side, line in zip(sides, numbers - self.firsts[sides], strict=True):
            bitext = self.bitexts[side]
            sources.append(bitext.source.ids(line))
            targets.append(bitext.target.ids(line))
            tags.append((tokenizer.tag(bitext.source.lang), tokenizer.tag(bitext.target.lang)))
        if self.noise is not None:
            offsets = np.cumsum([0, *map(len, sources)])
            ids, ends = self.noise.apply(
                np.concatenate(sources), offsets, self.starts, tokenizer.mask, generator
            )
            sources = np.split(ids, ends[1:-1])
        return make_batch(sources, targets, tags, tokenizer.end, tokenizer.pad)

    def state(self) -> dict[str, Any]:
        """Position in the data."""
        return self.batches.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        self.batches.restore(state)


class Synthetic(BitextObjective):
    """Real sentences from synthetic sources that a bootstrap wrote."""


class Supervised(BitextObjective):
    """True translations: for a control or a ceiling, never a part of an unsupervised run."""


class Denoising(BitextObjective):
    """A sentence from a noisy copy of itself; each bitext holds one text twice."""

    def __post_init__(self) -> None:
        if self.noise is None:
            raise ValueError("denoising needs noise: noise is null")
        if any(sources is not targets for sources, targets in self.bitexts):
            raise ValueError("the two sides of a bitext for denoising must be one text")
        super().__post_init__()

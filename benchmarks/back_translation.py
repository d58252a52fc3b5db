"""Steps of back-translation alone: their seconds and the share of them that generation takes."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import umt  # noqa: F401  (before torch: threads that sleep while they wait)

# isort: split
import numpy as np
import torch

from umt.lm.generation import Generation, Output
from umt.lm.joint_lm import JointLM
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Tokenizer
from umt.training.loop import LoopOptions, fit
from umt.training.objective import Loss
from umt.training.optimiser import OptimiserConfig
from umt.translation.back_translation import BackTranslation
from umt.translation.noise import word_starts
from umt.translation.objectives import TranslationTask
from umt.translation.quality.filters import SubwordUsage
from umt.translation.synthesis import SyntheticSourceWriter
from umt.translation.training import TranslatorTraining

WARM = 4


@dataclass(frozen=True)
class Clocked(Generation):
    """Remembers the seconds of every call."""

    spent: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, generation: Generation) -> Clocked:
        """The same generation with a clock."""
        return cls(**{each.name: getattr(generation, each.name) for each in fields(Generation)})

    def generate(self, *arguments: Any, **named: Any) -> list[list[Output]]:
        start = time.perf_counter()
        outputs = super().generate(*arguments, **named)
        self.spent.append(time.perf_counter() - start)
        return outputs


@dataclass
class Clock:
    """A `umt.training.loop.Callback`: when each step was over, and how much generation had taken by then."""

    generation: Clocked
    laps: list[tuple[float, float]] = field(default_factory=list)

    def __call__(self, model: JointLM, step: int, record: object) -> None:
        self.laps.append((time.perf_counter(), sum(self.generation.spent)))

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: object) -> None: ...


class Steps(NamedTuple):
    """Seconds a step of back-translation, what part of them went into generation, and how many words of real
    sentences were learned from a second (subwords that begin a word; a Chinese one is a word)."""

    seconds: float
    share: float
    words: float


@dataclass
class Counted(BackTranslation):
    """Remembers how many subwords were asked for."""

    asked: int = 0

    def loss(
        self,
        model: JointLM,
        step: int,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> Loss | None:
        entry = super().loss(model, step, generator, dtype)
        self.asked += entry.tokens if entry else 0
        return entry


def steps_of(
    strategy: TranslatorTraining,
    model: JointLM,
    tokenizer: Tokenizer,
    texts: tuple[TokenShards, TokenShards],
    steps: int,
) -> Steps:
    """Of back-translation alone, by a translator whose synthetic sources pass the filters."""
    usage = SubwordUsage.count(tokenizer, texts)
    batching, synthesis = strategy.batching, strategy.synthesis
    task = TranslationTask(tokenizer, steps, batching.tokens, batching.max_tokens, 1)
    generation = Clocked.of(synthesis.generation)
    writer = SyntheticSourceWriter(
        tokenizer, (texts[0].lang, texts[1].lang), generation, synthesis.filters, usage
    )
    objective = Counted(task, texts, writer, batches_per_generation=synthesis.batches_per_generation)
    still = OptimiserConfig(
        steps, learning_rate=1e-9, adamw_learning_rate=1e-9, method=strategy.optimisation.method
    )
    clock = Clock(generation)
    with tempfile.TemporaryDirectory() as folder:
        fit(
            model, {"back_translation": objective}, still, Path(folder), 1, lambda *_: None, [clock],
            LoopOptions(steps, 1e9),
        )  # fmt: skip
    (begun, before), (ended, after) = clock.laps[WARM - 1], clock.laps[-1]
    print(f"{writer.accepted} of {writer.written} synthetic sources were accepted")
    starts = word_starts(tokenizer)
    begins = float(np.mean([starts[text.tokens[:100_000]].mean() for text in texts]))
    seconds = (ended - begun) / (steps - WARM)
    return Steps(seconds, (after - before) / (ended - begun), begins * objective.asked / steps / seconds)

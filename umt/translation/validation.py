"""Looking after a translator while it learns: every so often it translates there and back; the best is
kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from umt.lm.generation import Direction, Generation
from umt.lm.joint_lm import JointLM
from umt.lm.loading import reload, save
from umt.lm.scoring import SequenceScorer
from umt.runtime.files import atomic_directory
from umt.text.tokenizer import Ids, Tokenizer
from umt.training.loop import StopTraining
from umt.translation.collapse_guard import CollapseGuard, OutputHealth
from umt.translation.criteria import Criterion, round_trip_bleu
from umt.translation.filters import SubwordUsage
from umt.types import Lang, ProgressCallback

LOG = "health.jsonl"
BEST = "best"


@dataclass(frozen=True)
class ValidationResult:
    """What a translator did with a sample: health by direction, criteria on the mean of both, all the better
    the higher.
    """

    health: Mapping[str, OutputHealth]
    criteria: Mapping[Criterion, float]


@dataclass(frozen=True)
class ValidationSample:
    """Real sentences of both languages, which have nothing to do with each other, for a look at a
    translator.
    """

    sentences: Mapping[Lang, Sequence[Ids]]
    usage: SubwordUsage

    def examine(self, model: JointLM, tokenizer: Tokenizer, generation: Generation) -> ValidationResult:
        """Translate every sentence there and back."""
        first, second = self.sentences
        judge = SequenceScorer(model, tokenizer)
        health: dict[str, OutputHealth] = {}
        totals: dict[Criterion, list[float]] = {"round_trip": [], "code": [], "agreement": []}
        for here, there in ((first, second), (second, first)):
            sentences = list(self.sentences[here])
            there_, ended = self._write(model, tokenizer, generation, sentences, here, there)
            back, _ = self._write(model, tokenizer, generation, there_, there, here)
            health[f"{here}-{there}"] = OutputHealth.read(
                sentences, there_, ended, self.sentences[there], there, self.usage
            )
            totals["round_trip"].append(round_trip_bleu(sentences, back))
            for name, value in judge.criteria(sentences, there_, here, there).items():
                totals[name].append(value)  # type: ignore[index]
        return ValidationResult(health, {name: float(np.mean(values)) for name, values in totals.items()})

    def _write(
        self,
        model: JointLM,
        tokenizer: Tokenizer,
        generation: Generation,
        sentences: Sequence[Ids],
        here: Lang,
        there: Lang,
    ) -> tuple[list[Ids], list[bool]]:
        direction = Direction.between(tokenizer, here, there, self.usage.written(there))
        with torch.no_grad():
            outputs = generation.generate(model, sentences, direction, torch.Generator().manual_seed(0))
        return [each[0].ids.astype(tokenizer.dtype) for each in outputs], [each[0].ended for each in outputs]


@dataclass
class Validation:
    """A `umt.training.loop.Callback`: every ``every`` updates, and after the last, it examines the model.

    The best model by ``criterion`` that the guard has nothing against is kept in ``directory/best``. A
    collapse ends the training, with a sentence; what stays is the best from before. A model that was never
    sound has not collapsed: it goes on learning.
    """

    sample: ValidationSample
    tokenizer: Tokenizer
    generation: Generation
    guard: CollapseGuard
    criterion: Criterion
    every: int
    last: int
    directory: Path
    progress: ProgressCallback
    history: list[dict[str, float]] = field(default_factory=list)
    complaint: str = ""

    def __call__(self, model: JointLM, step: int, record: Mapping[str, float]) -> None:
        """Raises `StopTraining` when the model has collapsed."""
        if step % self.every and step != self.last:
            return
        model.eval()
        examined = self.sample.examine(model, self.tokenizer, self.generation)
        told: dict[str, float] = {"step": step} | {
            str(name): value for name, value in examined.criteria.items()
        }
        for direction, health in examined.health.items():
            told |= health.as_metrics(direction)
        complaint = self.guard.diagnose(examined.health)
        before = self.best
        sound = [each[self.criterion] for each in self.history if not each["collapsed"]]
        if complaint is None and told[self.criterion] > max(sound, default=-np.inf):
            self._keep(model)
        self.history.append(told | {"collapsed": float(complaint is not None)})
        with (self.directory / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(self.history[-1]) + "\n")
        self.progress(self._line(examined), step, self.last)
        if complaint is not None and before is not None:
            self.complaint = f"{complaint}; stopped at step {step}, the model of step {before} is kept"
            raise StopTraining(self.complaint)
        if complaint is not None and step == self.last:
            self.complaint = f"{complaint}, and was never sound"
            self._keep(model)

    @property
    def best(self) -> int | None:
        """The step of the model that is kept, if any."""
        sound = [told for told in self.history if not told["collapsed"]]
        return int(max(sound, key=lambda told: told[self.criterion])["step"]) if sound else None

    def best_model(self, model: JointLM) -> tuple[int, JointLM]:
        """The best model and its step; the last one where none was sound. model: the one that was trained."""
        return self.best or self.last, reload(self.directory / BEST, model)

    def state(self) -> dict[str, Any]:
        """What was seen so far."""
        return {"history": self.history, "complaint": self.complaint}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Remember it."""
        self.history, self.complaint = list(state["history"]), str(state["complaint"])

    def _keep(self, model: JointLM) -> None:
        with atomic_directory(self.directory / BEST) as directory:
            save(model, directory)

    def _line(self, examined: ValidationResult) -> str:
        worst = max(examined.health.values(), key=lambda health: health.foreign + health.copied)
        return (
            f"round trip {examined.criteria['round_trip']:.1f}, copied {worst.copied:.0%}, "
            f"foreign {worst.foreign:.0%}"
        )

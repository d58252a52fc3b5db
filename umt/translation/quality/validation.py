"""Validation during training without parallel text: round trips, detection of collapses, the best model."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from umt.lm.generation import Direction, Generation
from umt.lm.joint_lm import JointLM
from umt.lm.loading import reload, save
from umt.lm.scoring import SequenceScorer
from umt.runtime.files import atomic_directory, atomic_text
from umt.text.tokenizer import Ids, Tokenizer
from umt.training.loop import StopTraining
from umt.translation.quality.collapse_guard import CollapseGuard, OutputHealth
from umt.translation.quality.criteria import Criterion, round_trip_bleu
from umt.translation.quality.filters import SubwordUsage
from umt.types import Lang, ProgressCallback, Score

LOG = "health.jsonl"
BEST = "best"


@dataclass(frozen=True)
class ValidationResult:
    """Measurements on a sample: output health by direction, and criteria as the mean of both directions, all
    the better the higher."""

    health: Mapping[str, OutputHealth]
    criteria: Mapping[Criterion, float]


@dataclass(frozen=True)
class ValidationSample:
    """Real, unrelated sentences of both languages to validate on.

    usage: the subwords of each language. order: the gain of consecutive sentences in a language, for the
    criterion of that name; None: it is not measured.
    """

    sentences: Mapping[Lang, Sequence[Ids]]
    usage: SubwordUsage
    order: Callable[[Sequence[Ids], Lang], Score] | None = None

    def examine(self, model: JointLM, tokenizer: Tokenizer, generation: Generation) -> ValidationResult:
        """Translate every sentence and translate it back."""
        first, second = self.sentences
        scorer = SequenceScorer(model, tokenizer)
        health: dict[str, OutputHealth] = {}
        totals: dict[Criterion, list[float]] = defaultdict(list)
        for source, target in ((first, second), (second, first)):
            sentences = list(self.sentences[source])
            translations, ended = self._write(model, tokenizer, generation, sentences, source, target)
            returned, _ = self._write(model, tokenizer, generation, translations, target, source)
            health[f"{source}-{target}"] = OutputHealth.read(
                sentences, translations, ended, self.sentences[target], target, self.usage
            )
            totals["round_trip"].append(round_trip_bleu(sentences, returned))
            for name, value in scorer.criteria(sentences, translations, source, target).items():
                totals[name].append(value)  # type: ignore[index]
            if self.order is not None:
                totals["order"].append(self.order(translations, target).value)
        return ValidationResult(health, {name: float(np.mean(values)) for name, values in totals.items()})

    def _write(
        self,
        model: JointLM,
        tokenizer: Tokenizer,
        generation: Generation,
        sentences: Sequence[Ids],
        source: Lang,
        target: Lang,
    ) -> tuple[list[Ids], list[bool]]:
        direction = Direction.between(tokenizer, source, target, self.usage.allowed(target))
        with torch.no_grad():
            outputs = generation.generate(model, sentences, direction, torch.Generator().manual_seed(0))
        best = [hypotheses[0] for hypotheses in outputs]
        return [output.ids.astype(tokenizer.dtype) for output in best], [output.ended for output in best]


@dataclass
class Validation:
    """A `umt.training.loop.Callback` that examines the model every ``every`` updates and after the last.

    The best model by ``criterion`` in which the guard finds no collapse is saved in ``directory/best``. A
    collapse ends the training with a sentence, ``stop_reason``, and the best model from before is kept.
    A model that has been collapsed from the start continues to learn.

    history: metrics of every validation; ``collapsed`` is 0 or 1.
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
    stop_reason: str = ""

    def __call__(self, model: JointLM, step: int, record: Mapping[str, float]) -> None:
        """Raises `StopTraining` when the model has collapsed."""
        if step % self.every and step != self.last:
            return
        model.eval()
        result = self.sample.examine(model, self.tokenizer, self.generation)
        metrics: dict[str, float] = {"step": step} | {
            str(name): value for name, value in result.criteria.items()
        }
        for direction, health in result.health.items():
            metrics |= health.as_metrics(direction)
        problem = self.guard.diagnose(result.health)
        best_before = self.best
        healthy = [metrics[self.criterion] for metrics in self.history if not metrics["collapsed"]]
        if problem is None and metrics[self.criterion] > max(healthy, default=-np.inf):
            self._save(model)
        self.history.append(metrics | {"collapsed": float(problem is not None)})
        with atomic_text(self.directory / LOG) as file:  # whole, since a killed run may have left more
            file.writelines(json.dumps(each) + "\n" for each in self.history)
        self.progress(self._line(result), step, self.last)
        if problem is not None and best_before is not None:
            self.stop_reason = f"{problem}; stopped at step {step}, the model of step {best_before} is kept"
            raise StopTraining(self.stop_reason)
        if problem is not None and step == self.last:
            self.stop_reason = f"{problem}, as at every validation before"
            self._save(model)

    @property
    def latest(self) -> str:
        """The last validation in a few words, empty before the first."""
        if not self.history:
            return ""
        metrics = self.history[-1]
        collapsed = ", collapsed" * bool(metrics["collapsed"])
        return f"round trip {metrics['round_trip']:.1f}{collapsed} at step {metrics['step']:,.0f}"

    @property
    def best(self) -> int | None:
        """The step of the best model, if any."""
        healthy = [metrics for metrics in self.history if not metrics["collapsed"]]
        return int(max(healthy, key=lambda metrics: metrics[self.criterion])["step"]) if healthy else None

    def best_model(self, model: JointLM) -> tuple[int, JointLM]:
        """The best model and its step, the last one where all had collapsed; ``model``: the trained one."""
        return self.best or self.last, reload(self.directory / BEST, model)

    def state(self) -> dict[str, Any]:
        """Metrics so far."""
        return {"history": self.history, "stop_reason": self.stop_reason}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        self.history, self.stop_reason = list(state["history"]), str(state["stop_reason"])

    def _save(self, model: JointLM) -> None:
        with atomic_directory(self.directory / BEST) as directory:
            save(model, directory)

    def _line(self, result: ValidationResult) -> str:
        worst = max(result.health.values(), key=lambda health: health.foreign + health.copied)
        order = f", order gain {result.criteria['order']:.3f}" if "order" in result.criteria else ""
        return (
            f"round trip {result.criteria['round_trip']:.1f}, copied {worst.copied:.0%}, "
            f"foreign {worst.foreign:.0%}{order}"
        )

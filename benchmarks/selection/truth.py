"""What a translator is worth at a check-up, by pairs that it never sees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch

from umt.corpus import ParallelSet
from umt.evaluation.metrics import Bleu
from umt.lm.generation import Direction, Generation
from umt.lm.joint_lm import JointLM
from umt.lm.scoring import SequenceScorer
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Ids, Tokenizer
from umt.training.objective import Objective
from umt.translation.quality.criteria import sample_sentences
from umt.translation.quality.filters import SubwordUsage
from umt.translation.training import TranslatorTraining

SENTENCES = 100
"""Dev pairs that BLEU is measured on; what else is measured takes half as many sentences of each language."""


@dataclass
class Truth:
    """An `Objective` that asks for nothing: it sees the model where a check-up has just seen it.

    pairs: of which the first rendering is translated; start: the model before it learned to translate;
    result: step -> what was measured.
    """

    pairs: ParallelSet
    texts: tuple[TokenShards, TokenShards]
    tokenizer: Tokenizer
    start: JointLM
    generation: Generation
    every: int
    result: dict[int, dict[str, float]] = field(default_factory=dict)

    def loss(
        self,
        model: JointLM,
        step: int,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Measures before the update that comes after a check-up."""
        if step and step % self.every == 0:
            self.result[step] = self.measure(model.eval(), dtype)
            model.train()

    def measure(self, model: JointLM, dtype: torch.dtype = torch.float32) -> dict[str, float]:
        """BLEU both ways; and in bits per byte of real sentences x, mean of both directions, what x costs,
        and its translation y, each alone and given the other; ``first``: y alone, by the model at the start.
        """
        entry: dict[str, float] = {}
        bits: dict[str, list[float]] = {}
        usage, judge = (
            SubwordUsage.count(self.tokenizer, self.texts),
            SequenceScorer(model, self.tokenizer, dtype),
        )
        for text, other in (self.texts, self.texts[::-1]):
            here, there = text.lang, other.lang
            way = Direction.between(self.tokenizer, here, there, usage.allowed(there))
            parsed = self.tokenizer.encode([item[0] for item in self.pairs.sides[here]][:SENTENCES], here)
            written = [
                self.tokenizer.decode(ids, there).strip() for ids in self._write(model, parsed, way, dtype)
            ]
            references = self.pairs.sides[there][:SENTENCES]
            entry[f"bleu {here}-{there}"] = Bleu(resamples=1).score(written, references, there).value
            x = sample_sentences(text, SENTENCES // 2, 40, 7)
            y = self._write(model, x, way, dtype)
            size = sum(int(self.tokenizer.byte_lengths[ids].sum()) + 1 for ids in x) * math.log(2)
            for name, nats in {
                "x": judge.nll(x, here),
                "y": judge.nll(y, there),
                "y given x": judge.conditional_nll(x, y, here, there),
                "x given y": judge.conditional_nll(y, x, there, here),
                "first": SequenceScorer(self.start, self.tokenizer).nll(y, there),
            }.items():
                bits.setdefault(name, []).append(float(nats.sum()) / size)
        return entry | {name: float(np.mean(both)) for name, both in bits.items()}

    def _write(self, model: JointLM, parsed: Sequence[Ids], way: Direction, dtype: torch.dtype) -> list[Ids]:
        with torch.no_grad():
            outputs = self.generation.generate(model, parsed, way, dtype=dtype)
        return [each[0].ids.astype(self.tokenizer.dtype) for each in outputs]

    def state(self) -> dict[str, Any]:
        """Nothing: a run is not resumed."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True)
class Observed(TranslatorTraining):
    """Translation beside which the truth is measured."""

    truth: Truth | None = None

    @classmethod
    def of(cls, strategy: TranslatorTraining, truth: Truth) -> Observed:
        """The same strategy, observed."""
        return cls(
            **{each.name: getattr(strategy, each.name) for each in fields(TranslatorTraining)}, truth=truth
        )

    def _objectives(self, *arguments: Any) -> dict[str, Objective]:
        objectives = super()._objectives(*arguments)
        return objectives if self.truth is None else objectives | {"truth": self.truth}

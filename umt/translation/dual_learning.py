"""There and back: renderings that the model draws itself are rewarded by what comes back of the sentence
(He et al. 2016, "Dual learning for machine translation").

The model is both translators, so its own way back judges its way there. The reward reaches the way there by
REINFORCE with the other draws of a sentence for a baseline (Kool et al. 2019, "Buy 4 REINFORCE samples, get a
baseline for free!") and the way back by plain differentiation.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Generator, Tensor

from umt.lm.joint_lm import JointLM
from umt.lm.scoring import SequenceScorer
from umt.lm.search import Sampling
from umt.runtime.seeds import child_seed
from umt.runtime.validate import require
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Ids
from umt.training.length_batches import LengthBatches
from umt.training.objective import Loss
from umt.training.schedule import Schedule
from umt.translation.objectives import SequenceBatch, TranslationTask, make_batch
from umt.translation.synthesis import SyntheticSources, SyntheticSourceWriter

_SPREAD = 1e-3
"""Nats; rewards that differ by less differ by rounding."""


@dataclass(frozen=True)
class DualLearningConfig:
    """How often to go there and back; what a draw y of a sentence x is worth is
    ``log p(x | y) + fluency * log p(y)``.

    Both are nats of whole strings, since together (at fluency 1) they are the code length of x by way of y:
    counted by the subword, likely words that tell nothing would be worth writing.

    course: the share of the steps. samples: draws a sentence. temperature: of the draws; below 1 they are
    likelier than the gradient takes them to be. pull: weight of the way there against the way back.
    """

    schedule: Schedule
    samples: int = 3
    temperature: float = 1.0
    fluency: float = 0.5
    forward_weight: float = 0.3

    def __post_init__(self) -> None:
        require(
            self, at_least_zero="fluency forward_weight", at_least={"samples": 2}
        )  # one to judge another by


def advantages(rewards: Tensor) -> Tensor:
    """(sentences, samples): each reward less the mean of the others of its sentence.

    The sum of advantage times gradient of log p, over ``samples``, is an unbiased gradient of the expected
    reward.
    """
    samples = rewards.shape[1]
    return (rewards - rewards.mean(1, keepdim=True)) * (samples / (samples - 1))


def row_nll(model: JointLM, batch: SequenceBatch, dtype: torch.dtype = torch.float32) -> Tensor:
    """(rows,) -log p of what is asked for in each, with its gradient; dtype: of products by weights."""
    seen, wanted, asked = (
        part.to(model.device) for part in (batch.ids[:, :-1], batch.ids[:, 1:], batch.asked)
    )
    nats = model.nll(model.target_states(seen, asked, dtype=dtype), wanted[asked], dtype)
    return torch.zeros(len(asked), device=nats.device).index_add(0, asked.nonzero()[:, 0], nats)


@dataclass
class DualLearning:
    """Real sentences there and back; the languages take turns.

    start: the model of the languages before it translates, whose copy says what a rendering costs; the one
    that learns forgets what it is not asked for.
    renderer: samples; a draw that does not pass its filters is worth no more than the worst of its sentence,
    and nothing is learned from it on the way back.
    """

    setting: TranslationTask
    texts: tuple[TokenShards, TokenShards]
    renderer: SyntheticSourceWriter
    start: JointLM
    trips: DualLearningConfig
    turn: int = 0
    judge: SequenceScorer = field(init=False)

    def __post_init__(self) -> None:
        setting, samples = self.setting, self.trips.samples
        self.judge = SequenceScorer(copy.deepcopy(self.start).requires_grad_(False), setting.tokenizer)
        sampled = replace(self.renderer.generation, search=Sampling(self.trips.temperature))
        self.renderer = replace(self.renderer, generation=sampled)
        self.batches = [
            LengthBatches(samples * (2 * text.lengths() + 3), setting.tokens, samples * setting.longest,
                    child_seed(setting.seed, "cycle", text.lang))
            for text in self.texts
        ]  # fmt: skip

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """One batch; None when it is not this objective's turn or no draw was fit to learn from."""
        if not self.setting.is_active(self.trips.schedule, step, generator):
            return None
        side, self.turn = self.turn, 1 - self.turn
        lines = self.batches[side].draw()
        sentences = [self.texts[side].ids(line) for line in lines for _ in range(self.trips.samples)]
        draws = self.renderer.write(model, side, sentences, generator, dtype)
        if not draws.accepted.any():
            return None
        fit = torch.from_numpy(draws.accepted)
        way_back = self._rows(draws.ids, sentences, 1 - side)
        back = row_nll(model, way_back, dtype)  # (sentences * samples,)
        told = self.judge.nll(draws.ids, self.texts[1 - side].lang)
        rewards = -back.detach() - self.trips.fluency * torch.from_numpy(told).to(back)
        there = self._policy_loss(model, side, sentences, draws, rewards, dtype)
        nats = back[fit.to(back.device)].sum() + self.trips.forward_weight * there
        return Loss(nats, int(way_back.asked[fit].sum()), 0)

    def _policy_loss(
        self,
        model: JointLM,
        side: int,
        sentences: Sequence[Ids],
        draws: SyntheticSources,
        rewards: Tensor,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """A scalar whose gradient, turned round, estimates that of the expected reward, up to a scale."""
        batch = self._rows(sentences, draws.ids, side)
        ends = batch.asked.long().cumsum(1).argmax(1)
        batch.asked[torch.arange(len(ends)), ends] &= torch.from_numpy(
            draws.ended
        )  # a forced end was not drawn
        better = self._normalised_advantages(rewards, torch.from_numpy(draws.accepted).to(rewards.device))
        return (better * row_nll(model, batch, dtype)).sum()

    def _normalised_advantages(self, rewards: Tensor, fit: Tensor) -> Tensor:
        """(sentences * samples,) advantages, of root mean square 1 over the batch."""
        each = rewards.view(-1, self.trips.samples)  # (sentences, samples)
        worst = each.min(1, keepdim=True).values
        better = advantages(torch.where(fit.view_as(each), each, worst))
        return (better / better.square().mean().sqrt().clamp(min=_SPREAD)).flatten()

    def _rows(self, given: Sequence[Ids], asked: Sequence[Ids], side: int) -> SequenceBatch:
        """``given`` in the language of ``side``."""
        tokenizer = self.setting.tokenizer
        tags = (tokenizer.tag(self.texts[side].lang), tokenizer.tag(self.texts[1 - side].lang))
        return make_batch(given, asked, [tags] * len(given), tokenizer.end, tokenizer.pad)

    def state(self) -> dict[str, Any]:
        """Where the data stand."""
        places = [batches.state() for batches in self.batches]
        return {"places": places, "turn": self.turn, **self.renderer.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Stand there again."""
        for batches, place in zip(self.batches, state["places"], strict=True):
            batches.restore(place)
        self.turn = int(state["turn"])
        self.renderer.restore(state)

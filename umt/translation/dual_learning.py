"""Dual learning (He et al. 2016, "Dual learning for machine translation"): sampled translations are rewarded
by the likelihood of the sentence given its translation.

The model translates both ways, so that its backward direction scores its forward direction. The reward
reaches the forward direction by REINFORCE, with the other samples of a sentence for a baseline (Kool et al.
2019, "Buy 4 REINFORCE samples, get a baseline for free!"), and the backward direction by differentiation.
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
    """Reward ``log p(x | y) + fluency * log p(y)`` of a sampled translation y of a sentence x, and sampling.

    Both terms are nats of whole strings, since together (at fluency 1) they are the code length of x by way
    of y; a mean per subword would reward likely words that carry no information.

    schedule: share of the updates. samples: translations sampled of a sentence. temperature: of sampling;
    below 1 the samples are likelier than the gradient assumes. forward_weight: of the policy gradient against
    the backward cross entropy.
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
    """(sentences, samples): every reward less the mean of the other rewards of its sentence.

    The sum of advantage times gradient of log p, over ``samples``, is an unbiased gradient of the expected
    reward.
    """
    samples = rewards.shape[1]
    return (rewards - rewards.mean(1, keepdim=True)) * (samples / (samples - 1))


def row_nll(model: JointLM, batch: SequenceBatch, dtype: torch.dtype = torch.float32) -> Tensor:
    """(rows,) negative log-likelihood of the targets in nats; dtype: of products by weights."""
    inputs, next_tokens, is_target = (
        part.to(model.device) for part in (batch.ids[:, :-1], batch.ids[:, 1:], batch.is_target)
    )
    nll = model.nll(model.target_states(inputs, is_target, dtype=dtype), next_tokens[is_target], dtype)
    return torch.zeros(len(is_target), device=nll.device).index_add(0, is_target.nonzero()[:, 0], nll)


@dataclass
class DualLearning:
    """Policy gradient of the forward direction and cross entropy of the backward one; languages take turns.

    initial_model: the language model before it translates; a copy scores the fluency of samples, since the
    model in training forgets what it is not trained on.
    source_writer: samples; one that its filters reject is worth no more than the worst of its sentence, and
    no backward cross entropy is taken of it.
    """

    task: TranslationTask
    texts: tuple[TokenShards, TokenShards]
    source_writer: SyntheticSourceWriter
    initial_model: JointLM
    config: DualLearningConfig
    turn: int = 0
    scorer: SequenceScorer = field(init=False)

    def __post_init__(self) -> None:
        task, samples = self.task, self.config.samples
        self.scorer = SequenceScorer(copy.deepcopy(self.initial_model).requires_grad_(False), task.tokenizer)
        sampled = replace(self.source_writer.generation, search=Sampling(self.config.temperature))
        self.source_writer = replace(self.source_writer, generation=sampled)
        self.batches = [
            LengthBatches(samples * (2 * text.lengths() + 3), task.tokens, samples * task.max_tokens,
                    child_seed(task.seed, "cycle", text.lang))
            for text in self.texts
        ]  # fmt: skip

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """Of one batch; None when the objective takes no part in this update or no sample was accepted."""
        if not self.task.is_active(self.config.schedule, step, generator):
            return None
        side, self.turn = self.turn, 1 - self.turn
        lines = self.batches[side].draw()
        sentences = [self.texts[side].ids(line) for line in lines for _ in range(self.config.samples)]
        draws = self.source_writer.write(model, side, sentences, generator, dtype)
        if not draws.accepted.any():
            return None
        accepted = torch.from_numpy(draws.accepted)
        backward_batch = self._rows(draws.ids, sentences, 1 - side)
        backward_nll = row_nll(model, backward_batch, dtype)  # (sentences * samples,)
        fluency_nll = self.scorer.nll(draws.ids, self.texts[1 - side].lang)
        fluency = self.config.fluency * torch.from_numpy(fluency_nll).to(backward_nll)
        rewards = -backward_nll.detach() - fluency
        policy = self._policy_loss(model, side, sentences, draws, rewards, dtype)
        nll = backward_nll[accepted.to(backward_nll.device)].sum() + self.config.forward_weight * policy
        return Loss(nll, int(backward_batch.is_target[accepted].sum()), 0)

    def _policy_loss(
        self,
        model: JointLM,
        side: int,
        sentences: Sequence[Ids],
        draws: SyntheticSources,
        rewards: Tensor,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """A scalar whose negative gradient estimates that of the expected reward, up to a scale."""
        batch = self._rows(sentences, draws.ids, side)
        ends = batch.is_target.long().cumsum(1).argmax(1)
        batch.is_target[torch.arange(len(ends)), ends] &= torch.from_numpy(
            draws.ended
        )  # a forced end was not drawn
        normalised = self._normalised_advantages(rewards, torch.from_numpy(draws.accepted).to(rewards.device))
        return (normalised * row_nll(model, batch, dtype)).sum()

    def _normalised_advantages(self, rewards: Tensor, accepted: Tensor) -> Tensor:
        """(sentences * samples,) advantages, of root mean square 1 over the batch."""
        by_sentence = rewards.view(-1, self.config.samples)  # (sentences, samples)
        worst = by_sentence.min(1, keepdim=True).values
        normalised = advantages(torch.where(accepted.view_as(by_sentence), by_sentence, worst))
        return (normalised / normalised.square().mean().sqrt().clamp(min=_SPREAD)).flatten()

    def _rows(self, sources: Sequence[Ids], targets: Sequence[Ids], side: int) -> SequenceBatch:
        """Sequences whose ``sources`` are in the language number ``side``."""
        tokenizer = self.task.tokenizer
        tags = (tokenizer.tag(self.texts[side].lang), tokenizer.tag(self.texts[1 - side].lang))
        return make_batch(sources, targets, [tags] * len(sources), tokenizer.end, tokenizer.pad)

    def state(self) -> dict[str, Any]:
        """Position in the data."""
        places = [batches.state() for batches in self.batches]
        return {"places": places, "turn": self.turn, **self.source_writer.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        for batches, place in zip(self.batches, state["places"], strict=True):
            batches.restore(place)
        self.turn = int(state["turn"])
        self.source_writer.restore(state)

"""Language adversary (Lample et al. 2018): hidden states of a sentence must not tell its language."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from umt.lm.joint_lm import JointLM
from umt.lm.mixed_precision import autocast
from umt.runtime.batching import pad
from umt.runtime.seeds import child_seed
from umt.text.token_shards import TokenShards
from umt.training.length_batches import LengthBatches
from umt.training.objective import Loss
from umt.training.schedule import Schedule
from umt.translation.objectives import TranslationTask


class Adversary:
    """Adversarial loss of a language discriminator, which is trained beside the model.

    The discriminator reads the mean of the states halfway up the network over ``<x> sentence``, the tag left
    out: the states at the top must hold the language, since they predict its subwords.
    """

    def __init__(
        self,
        task: TranslationTask,
        texts: tuple[TokenShards, TokenShards],
        schedule: Schedule,
        width: int,
        generator: Generator,
        hidden: int = 128,
        rate: float = 0.1,
    ) -> None:
        self.task, self.texts, self.schedule = task, texts, schedule
        self.batches = [
            LengthBatches(
                text.lengths() + 1,
                task.tokens // 2,
                task.max_tokens,
                child_seed(task.seed, "adversary", text.lang),
            )
            for text in texts
        ]
        self.discriminator = nn.Sequential(nn.Linear(width, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1))
        with torch.no_grad():
            for weight in self.discriminator.parameters():
                weight.copy_(torch.randn(weight.shape, generator=generator) * weight.shape[-1] ** -0.5)
        self.optimiser = torch.optim.SGD(self.discriminator.parameters(), lr=rate)
        self.discriminator_accuracy = 0.5

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """Of one batch of each language; the discriminator takes its own step first."""
        if not self.task.is_active(self.schedule, step, generator):
            return None
        with autocast(model.device, dtype):
            return self._loss(model)

    def _loss(self, model: JointLM) -> Loss:
        states = [self._states(model, side) for side in (0, 1)]
        pooled = torch.cat(states)
        languages = torch.cat([torch.full((len(each), 1), float(side)) for side, each in enumerate(states)])
        languages = languages.to(model.device)
        self.discriminator.to(model.device)
        logits = self.discriminator(pooled.detach())
        self.discriminator_accuracy = float(((logits > 0) == (languages > 0)).float().mean())
        self.optimiser.zero_grad()
        binary_cross_entropy_with_logits(logits, languages).backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        for weight in self.discriminator.parameters():
            weight.requires_grad_(False)
        fooled = self.discriminator(pooled)
        for weight in self.discriminator.parameters():
            weight.requires_grad_(True)
        nats = binary_cross_entropy_with_logits(fooled, 1 - languages, reduction="sum")
        return Loss(nats, len(pooled), 0)

    def _states(self, model: JointLM, side: int) -> Tensor:
        """(sentences, width) of the next batch of one language."""
        text, tokenizer = self.texts[side], self.task.tokenizer
        sentences = [text.ids(line) for line in self.batches[side].draw()]
        tag = [tokenizer.tag(text.lang)]
        batch = pad([np.concatenate((tag, each)) for each in sentences], tokenizer.pad).to(model.device)
        reader = model.inner if model.encoder is None else model.encoder
        output = reader(input_ids=batch, use_cache=False, output_hidden_states=True)
        states = output.hidden_states[len(output.hidden_states) // 2][:, 1:]  # (sentences, length, width)
        real = (batch[:, 1:] != tokenizer.pad)[..., None]
        pooled: Tensor = (states * real).sum(1) / real.sum(1)
        return pooled

    def state(self) -> dict[str, Any]:
        """Position in the data, and weights of the discriminator."""
        weights = {
            name: base64.b64encode(weight.detach().cpu().numpy().tobytes()).decode()
            for name, weight in self.discriminator.state_dict().items()
        }
        return {"places": [batches.state() for batches in self.batches], "weights": weights}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        for batches, place in zip(self.batches, state["places"], strict=True):
            batches.restore(place)
        for name, weight in self.discriminator.state_dict().items():
            flat = np.frombuffer(base64.b64decode(state["weights"][name]), dtype=np.float32)
            weight.copy_(torch.from_numpy(flat.copy()).view_as(weight))

"""Adversarial training of linear maps, many seeds as one batched computation (Conneau et al., 2018)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, leaky_relu

from umt.align.linear_maps import procrustes
from umt.align.soft_matching import csls_cosine, similarity_profiles, sinkhorn, zscore
from umt.runtime.progress import report
from umt.runtime.validate import require

Start = Literal["random", "profile", "identity"]
Optimiser = Literal["adam", "sgd"]


class Cloud(NamedTuple):
    """The N words of one language as input of the adversarial training.

    vectors: (N, dim) unit rows, which are mapped.  features: (N, F) of `invariant_features`.
    frequencies: (N,) token counts.
    """

    vectors: Tensor
    features: Tensor
    frequencies: Tensor


class _Batch(NamedTuple):
    """Words sampled for P maps: mapped_side (P, batch, dim) before the maps, other_side (P, batch, dim), and
    the features of both, (P, 2 batch, F).
    """

    mapped_side: Tensor
    other_side: Tensor
    features: Tensor

    def discriminator_inputs(self, mapped: Tensor) -> Tensor:
        """(P, 2 batch, dim + F); ``mapped`` (P, batch, dim): mapped_side after the maps."""
        return torch.cat([torch.cat([mapped, self.other_side], 1), self.features], 2)


@dataclass(frozen=True)
class Discriminator:
    """A network with two hidden layers that classifies words as mapped or of the other language.

    hidden: width of its layers.  smoothing: of its labels; dropout: of its inputs.
    noise_first, noise_last: deviation of the noise on unit-variance inputs, at the first and the last step.
    rate: learning rate.
    """

    hidden: int = 128
    smoothing: float = 0.1
    dropout: float = 0.1
    noise_first: float = 1.5
    noise_last: float = 0.5
    rate: float = 0.003

    def __post_init__(self) -> None:
        require(
            self,
            positive="hidden rate",
            at_least_zero="noise_last",
            within={"smoothing dropout": "[0, 0.5)"},
            ascending="noise_last noise_first",
        )

    def weights(self, maps: int, inputs: int, generator: Generator) -> list[Tensor]:
        """Weights and biases of one network inputs-hidden-hidden-1 for each of ``maps`` maps.

        Three pairs of (maps, in, out) and (maps, 1, out).
        """
        parts = []
        for fan, out in ((inputs, self.hidden), (self.hidden, self.hidden), (self.hidden, 1)):
            weight = (2 * torch.rand(maps, fan, out, generator=generator) - 1) / math.sqrt(fan)
            parts += [weight.requires_grad_(), torch.zeros(maps, 1, out, requires_grad=True)]
        return parts

    def labels(self, maps: int, batch: int) -> Tensor:
        """(maps, 2 batch) smoothed: near 1 for mapped words, near 0 for the others."""
        truth = torch.cat([torch.ones(maps, batch), torch.zeros(maps, batch)], 1)
        return truth * (1 - 2 * self.smoothing) + self.smoothing

    def noise(self, share: float) -> float:
        """The deviation of the noise after this ``share`` of the steps."""
        ratio = max(self.noise_last, 1e-3) / max(self.noise_first, 1e-3)
        return self.noise_first * float(ratio**share)

    def loss(
        self,
        weights: list[Tensor],
        inputs: Tensor,
        labels: Tensor,
        dim: int,
        noise: float,
        generator: Generator,
    ) -> Tensor:
        """Cross-entropy in nats: mean over the words of each network, summed over networks.

        inputs: (maps, 2 batch, dim + F), of which the first ``dim`` columns get ``noise``; labels: (maps,
        2 batch).
        """
        if noise:
            drawn = torch.randn(*inputs.shape[:2], dim, generator=generator)
            inputs = torch.cat([inputs[..., :dim] + noise * drawn, inputs[..., dim:]], 2)
        if self.dropout:
            inputs = (
                inputs * (torch.rand(inputs.shape, generator=generator) >= self.dropout) / (1 - self.dropout)
            )
        for layer in range(0, len(weights), 2):
            inputs = torch.baddbmm(weights[layer + 1], inputs, weights[layer])
            if layer + 2 < len(weights):
                inputs = leaky_relu(inputs, 0.2)
        loss = binary_cross_entropy_with_logits(inputs.squeeze(2), labels, reduction="none")
        total: Tensor = loss.mean(1).sum()
        return total


@dataclass(frozen=True)
class MapTraining:
    """Adversarial training of maps against discriminators.

    seeds: maps trained side by side.  start: initial map; profile: fitted on VecMap's similarity profiles.
    cycle: weight of the cycle loss of maps trained both ways; 0: one way.
    steps: of the maps.  batch: words a side and step.  critic: discriminator steps for each step of the maps.
    sampling: words are drawn as their frequency to this power.  optimiser, map_rate: of the maps.
    epoch: steps after which learning rates are multiplied by ``decay`` and, if the criterion fell, halved.
    orthogonality: step size towards orthogonal maps after each step.
    """

    seeds: int = 8
    start: Start = "random"
    cycle: float = 0.0
    steps: int = 800
    batch: int = 256
    critic: int = 2
    sampling: float = 0.5
    optimiser: Optimiser = "adam"
    map_rate: float = 0.01
    epoch: int = 100
    decay: float = 0.8
    orthogonality: float = 0.01
    discriminator: Discriminator = field(default_factory=Discriminator)

    def __post_init__(self) -> None:
        require(
            self,
            positive="seeds steps batch critic epoch map_rate decay",
            at_least_zero="cycle orthogonality",
        )

    def train(
        self, source: Cloud, target: Cloud, frequency_scores: Tensor, generator: Generator
    ) -> tuple[Tensor, list[Mapping[str, float]]]:
        """(seeds, dim, dim) maps of the source, and one entry an epoch.

        frequency_scores: (N, N) agreement of the frequencies of two words, see `frequency_score`.
        Raises FloatingPointError when a loss is no number.
        """
        dim = source.vectors.shape[1]
        maps = self._first_maps(source.vectors, target.vectors, frequency_scores, generator)
        if self.cycle:
            maps = torch.cat(
                [maps, self._first_maps(target.vectors, source.vectors, frequency_scores.T, generator)]
            )
        maps.requires_grad_()
        discriminators = self.discriminator.weights(len(maps), dim + source.features.shape[1], generator)
        discriminator_optimiser = self._optimiser(discriminators, self.discriminator.rate)
        map_optimiser = self._optimiser([maps], self.map_rate)
        labels = self.discriminator.labels(len(maps), self.batch)
        history: list[Mapping[str, float]] = []
        highest = -math.inf
        for step in range(self.steps):
            report("steps of the maps", step, self.steps)
            noise = self.discriminator.noise(step / self.steps)
            for _ in range(self.critic):
                batch = self._sample(source, target, generator)
                with torch.no_grad():
                    inputs = batch.discriminator_inputs(torch.bmm(batch.mapped_side, maps))
                loss = self.discriminator.loss(discriminators, inputs, labels, dim, noise, generator)
                discriminator_optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                discriminator_optimiser.step()
            batch = self._sample(source, target, generator)
            total = self._map_loss(batch, maps, discriminators, 1 - labels, noise, generator)
            if not math.isfinite(total.item()):
                raise FloatingPointError(
                    f"the loss of the maps is {total.item()} at step {step}: "
                    "lower aligner.map_training.map_rate"
                )
            map_optimiser.zero_grad()
            total.backward()  # type: ignore[no-untyped-call]
            map_optimiser.step()
            with torch.no_grad():
                square = maps.transpose(1, 2) @ maps
                maps.copy_((1 + self.orthogonality) * maps - self.orthogonality * maps @ square)
            if (step + 1) % self.epoch == 0 or step + 1 == self.steps:
                forward = maps.detach()[: self.seeds]
                cosines = [csls_cosine(source.vectors @ one @ target.vectors.T) for one in forward]
                losses = {"discriminator_loss": loss.item() / len(maps), "cosine": max(cosines)}
                history.append({"step": float(step + 1), **losses})
                factor = self.decay * (0.5 if max(cosines) < highest else 1.0)
                highest = max(highest, *cosines)
                for optimiser in (discriminator_optimiser, map_optimiser):
                    optimiser.param_groups[0]["lr"] *= factor
        return maps.detach()[: self.seeds], history

    def _map_loss(
        self,
        batch: _Batch,
        maps: Tensor,
        discriminators: list[Tensor],
        labels: Tensor,
        noise: float,
        generator: Generator,
    ) -> Tensor:
        """Cross-entropy of the discriminators under swapped ``labels``, and the cycle loss, in nats."""
        mapped = torch.bmm(batch.mapped_side, maps)
        inputs, dim = batch.discriminator_inputs(mapped), maps.shape[1]
        loss = self.discriminator.loss(discriminators, inputs, labels, dim, noise, generator)
        return loss + self.cycle * self._cycle_loss(batch.mapped_side, mapped, maps) if self.cycle else loss

    def _optimiser(self, weights: list[Tensor], rate: float) -> torch.optim.Optimizer:
        if self.optimiser == "adam":
            return torch.optim.Adam(weights, lr=rate, betas=(0.5, 0.99))
        return torch.optim.SGD(weights, lr=rate)

    def _first_maps(self, x: Tensor, z: Tensor, frequency_scores: Tensor, generator: Generator) -> Tensor:
        """(seeds, dim, dim) initial orthogonal maps of x (N, dim) towards z (N, dim)."""
        dim = x.shape[1]
        if self.start == "random":
            rotations: Tensor = torch.linalg.qr(torch.randn(self.seeds, dim, dim, generator=generator)).Q
            return rotations
        first = torch.eye(dim)
        if self.start == "profile":
            first = procrustes(x, sinkhorn(zscore(similarity_profiles(x, z)) + 3 * frequency_scores, 1.0) @ z)
        return first.repeat(self.seeds, 1, 1)

    def _sample(self, source: Cloud, target: Cloud, generator: Generator) -> _Batch:
        """Words for every map, of unit variance; with a cycle, the second half maps target to source."""
        ways = 2 if self.cycle else 1
        # (ways, seeds, batch) words of either side
        x, z = (
            torch.multinomial(
                side.frequencies.float() ** self.sampling,
                ways * self.seeds * self.batch,
                True,
                generator=generator,
            ).view(ways, self.seeds, self.batch)
            for side in (source, target)
        )
        scale = math.sqrt(source.vectors.shape[1])
        mapped_side, other_side = scale * source.vectors[x[0]], scale * target.vectors[z[0]]
        features = torch.cat([source.features[x[0]], target.features[z[0]]], 1)
        if self.cycle:
            mapped_side = torch.cat([mapped_side, scale * target.vectors[z[1]]])
            other_side = torch.cat([other_side, scale * source.vectors[x[1]]])
            backward = torch.cat([target.features[z[1]], source.features[x[1]]], 1)
            features = torch.cat([features, backward])
        return _Batch(mapped_side, other_side, features)

    def _cycle_loss(self, start: Tensor, mapped: Tensor, maps: Tensor) -> Tensor:
        """Mean squared distance of words from their vectors mapped to the other side and back, summed."""
        back = torch.bmm(mapped, torch.cat([maps[self.seeds :], maps[: self.seeds]]))
        distance: Tensor = (back - start).square().mean((1, 2)).sum()
        return distance

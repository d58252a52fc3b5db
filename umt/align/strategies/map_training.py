"""Linear maps trained against discriminators, many seeds as one computation (Conneau et al., 2018)."""

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
from umt.runtime.validate import require

Start = Literal["random", "profile", "identity"]
Optimiser = Literal["adam", "sgd"]


class Cloud(NamedTuple):
    """The N words of one language as the game sees them.

    vectors: (N, dim) unit rows, which are mapped.  features: (N, F) what no map changes (`unmapped`).
    frequencies: (N,) token counts.
    """

    vectors: Tensor
    features: Tensor
    frequencies: Tensor


class _Batch(NamedTuple):
    """Words drawn for P players: here (P, batch, dim) to map, there (P, batch, dim) as they are, and the
    features of both, (P, 2 batch, F).
    """

    here: Tensor
    there: Tensor
    features: Tensor

    def seen(self, mapped: Tensor) -> Tensor:
        """(P, 2 batch, dim + F) what discriminators see; ``mapped`` (P, batch, dim): here after the maps."""
        return torch.cat([torch.cat([mapped, self.there], 1), self.features], 2)


@dataclass(frozen=True)
class Discriminator:
    """A network with two hidden layers that tells mapped words from words of the other language.

    hidden: width of its layers.  smoothing: of its labels; dropout: of its inputs.
    noise_first, noise_last: deviation of the noise on unit-variance inputs, falling between the two.
    rate: of learning.
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

    def weights(self, players: int, inputs: int, generator: Generator) -> list[Tensor]:
        """Weights and biases of ``players`` networks inputs-hidden-hidden-1.

        Three pairs of (players, in, out) and (players, 1, out).
        """
        parts = []
        for fan, out in ((inputs, self.hidden), (self.hidden, self.hidden), (self.hidden, 1)):
            weight = (2 * torch.rand(players, fan, out, generator=generator) - 1) / math.sqrt(fan)
            parts += [weight.requires_grad_(), torch.zeros(players, 1, out, requires_grad=True)]
        return parts

    def labels(self, players: int, batch: int) -> Tensor:
        """(players, 2 batch) smoothed: near 1 for mapped words, near 0 for the others."""
        truth = torch.cat([torch.ones(players, batch), torch.zeros(players, batch)], 1)
        return truth * (1 - 2 * self.smoothing) + self.smoothing

    def noise(self, share: float) -> float:
        """The deviation of the noise after this ``share`` of the steps."""
        ratio = max(self.noise_last, 1e-3) / max(self.noise_first, 1e-3)
        return self.noise_first * float(ratio**share)

    def loss(
        self,
        weights: list[Tensor],
        seen: Tensor,
        labels: Tensor,
        dim: int,
        noise: float,
        generator: Generator,
    ) -> Tensor:
        """The cross-entropy of every player's network in nats, a mean over its words, summed over players.

        seen: (players, 2 batch, dim + F), of which the first ``dim`` columns get ``noise``; labels: (players,
        2 batch).
        """
        if noise:
            drawn = torch.randn(*seen.shape[:2], dim, generator=generator)
            seen = torch.cat([seen[..., :dim] + noise * drawn, seen[..., dim:]], 2)
        if self.dropout:
            seen = seen * (torch.rand(seen.shape, generator=generator) >= self.dropout) / (1 - self.dropout)
        for layer in range(0, len(weights), 2):
            seen = torch.baddbmm(weights[layer + 1], seen, weights[layer])
            if layer + 2 < len(weights):
                seen = leaky_relu(seen, 0.2)
        loss = binary_cross_entropy_with_logits(seen.squeeze(2), labels, reduction="none")
        total: Tensor = loss.mean(1).sum()
        return total


@dataclass(frozen=True)
class MapTraining:
    """The game of maps against discriminators.

    seeds: maps that are trained side by side.  start: of each map; profile: fitted on VecMap's profiles.
    cycle: above 0, maps are trained both ways and this weighs that they undo each other.
    steps, batch, critic: of the maps, words a side and step, and discriminator steps for each of theirs.
    sampling: words are drawn as their frequency to this power.  optimiser, map_rate: of the maps' learning.
    epoch: steps after which the rates are multiplied by ``decay`` and, if the criterion fell, halved.
    orthogonality: pull towards orthogonal maps after each step.
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
        self, source: Cloud, target: Cloud, fit: Tensor, generator: Generator
    ) -> tuple[Tensor, list[Mapping[str, float]]]:
        """(seeds, dim, dim) maps of the source, and one entry an epoch.

        fit: (N, N) how well the frequencies of two words agree, see `frequency_fit`.
        Raises FloatingPointError when a loss is no number.
        """
        dim = source.vectors.shape[1]
        maps = self._first_maps(source.vectors, target.vectors, fit, generator)
        if self.cycle:
            maps = torch.cat([maps, self._first_maps(target.vectors, source.vectors, fit.T, generator)])
        maps.requires_grad_()
        discriminators = self.discriminator.weights(len(maps), dim + source.features.shape[1], generator)
        critics_step = self._optimiser(discriminators, self.discriminator.rate)
        maps_step = self._optimiser([maps], self.map_rate)
        labels = self.discriminator.labels(len(maps), self.batch)
        history: list[Mapping[str, float]] = []
        highest = -math.inf
        for step in range(self.steps):
            noise = self.discriminator.noise(step / self.steps)
            for _ in range(self.critic):
                batch = self._sample(source, target, generator)
                with torch.no_grad():
                    seen = batch.seen(torch.bmm(batch.here, maps))
                loss = self.discriminator.loss(discriminators, seen, labels, dim, noise, generator)
                critics_step.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                critics_step.step()
            batch = self._sample(source, target, generator)
            mapped = torch.bmm(batch.here, maps)
            total = self.discriminator.loss(
                discriminators, batch.seen(mapped), 1 - labels, dim, noise, generator
            )
            if self.cycle:
                total = total + self.cycle * self._not_undone(batch.here, mapped, maps)
            if not math.isfinite(total.item()):
                raise FloatingPointError(f"the loss of the maps is {total.item()} at step {step}")
            maps_step.zero_grad()
            total.backward()  # type: ignore[no-untyped-call]
            maps_step.step()
            with torch.no_grad():
                square = maps.transpose(1, 2) @ maps
                maps.copy_((1 + self.orthogonality) * maps - self.orthogonality * maps @ square)
            if (step + 1) % self.epoch == 0 or step + 1 == self.steps:
                forward = maps.detach()[: self.seeds]
                reached = [csls_cosine(source.vectors @ one @ target.vectors.T) for one in forward]
                judged = loss.item() / len(maps)
                history.append({"step": float(step + 1), "judged": judged, "cosine": max(reached)})
                factor = self.decay * (0.5 if max(reached) < highest else 1.0)
                highest = max(highest, *reached)
                for optimiser in (critics_step, maps_step):
                    optimiser.param_groups[0]["lr"] *= factor
        return maps.detach()[: self.seeds], history

    def _optimiser(self, weights: list[Tensor], rate: float) -> torch.optim.Optimizer:
        if self.optimiser == "adam":
            return torch.optim.Adam(weights, lr=rate, betas=(0.5, 0.99))
        return torch.optim.SGD(weights, lr=rate)

    def _first_maps(self, x: Tensor, z: Tensor, fit: Tensor, generator: Generator) -> Tensor:
        """(seeds, dim, dim) orthogonal maps of x (N, dim) towards z (N, dim) to begin with."""
        dim = x.shape[1]
        if self.start == "random":
            turned: Tensor = torch.linalg.qr(torch.randn(self.seeds, dim, dim, generator=generator)).Q
            return turned
        first = torch.eye(dim)
        if self.start == "profile":
            first = procrustes(x, sinkhorn(zscore(similarity_profiles(x, z)) + 3 * fit, 1.0) @ z)
        return first.repeat(self.seeds, 1, 1)

    def _sample(self, source: Cloud, target: Cloud, generator: Generator) -> _Batch:
        """Words for every player, of unit variance; with a cycle, the second half maps target to source."""
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
        here, there = scale * source.vectors[x[0]], scale * target.vectors[z[0]]
        features = torch.cat([source.features[x[0]], target.features[z[0]]], 1)
        if self.cycle:
            here = torch.cat([here, scale * target.vectors[z[1]]])
            there = torch.cat([there, scale * source.vectors[x[1]]])
            backward = torch.cat([target.features[z[1]], source.features[x[1]]], 1)
            features = torch.cat([features, backward])
        return _Batch(here, there, features)

    def _not_undone(self, here: Tensor, mapped: Tensor, maps: Tensor) -> Tensor:
        """How far words are from where they began, once mapped there and back: mean squares, summed."""
        back = torch.bmm(mapped, torch.cat([maps[self.seeds :], maps[: self.seeds]]))
        distance: Tensor = (back - here).square().mean((1, 2)).sum()
        return distance

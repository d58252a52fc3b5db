"""A linear map that a discriminator cannot tell from the other language: many seeds as one computation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, leaky_relu

from umt.align import Alignment
from umt.align.linear_maps import procrustes
from umt.align.refinement import Widening
from umt.align.soft_matching import (
    alignment_of,
    frequency_fit,
    matched_words,
    profiles,
    scaled,
    shaped,
    sinkhorn,
    standardised,
)
from umt.align.strategies.cooccurrence import Cooccurrence
from umt.align.strategies.gromov_wasserstein import fitted_map
from umt.align.strategies.invariant_features import unmapped
from umt.embeddings.wordspace import WordSpace
from umt.runtime.validate import require

Start = Literal["random", "profile", "identity"]
Optimiser = Literal["adam", "sgd"]
_Found: TypeAlias = tuple[Tensor, Sequence[Mapping[str, float]]]
"""Scores between the words of both sides, and the history of how they came about."""


@dataclass(frozen=True)
class Adversarial:
    """Maps against discriminators, the best refined by Procrustes and CSLS (Conneau et al., 2018, MUSE).

    A map turns source words so that a network cannot tell them from target words. Where the words are few
    the network knows each by heart, and a game from a random map ends anywhere. Four things change that:
    noise on what the discriminator sees, large at first, so that it judges the shape of the clouds before
    their points; few dimensions; beside the vector, what no map can change (`unmapped`): the frequency of
    the word and the shape of its neighbourhood, so that it is judged among its like; and several games, some
    of which are lost on text: how well the refined maps match tells which.

    What the game finds is rough, and on text Procrustes does not get on from there. Counts do: ``counts``
    matches the words again from each of the refined maps, then ``again`` times from the best that came of it.
    It must begin hard, as hard as it ends: counts that begin soft find the words from hardly any start, and
    the game would be for show (docs/results.md has the control: maps that were not trained lead nowhere).

    words: the most frequent words that take part. dim: leading principal axes that are mapped, 0: all.
    spectrum: see `shaped`. unmapped: neighbourhood features beside the log frequency; -1: neither.
    seeds: maps that are trained side by side. start: of each map; profile: fitted on VecMap's profiles.
    cycle: above 0, maps are trained both ways and this weighs that they undo each other.
    steps, batch, critic: of the maps, words a side and step, and discriminator steps for each of theirs.
    hidden: width of its two layers. smoothing: of its labels; dropout: of its inputs.
    noise_first, noise_last: deviation of the noise on unit-variance inputs, falling between the two.
    sampling: words are drawn as their frequency to this power. optimiser, rate, map_rate: learning.
    epoch: steps after which the rates are multiplied by ``decay`` and, if the criterion fell, halved.
    orthogonality: pull towards orthogonal maps after each step.
    refine: matchings after the game, in a space of ``refine_spectrum``, the first as soft as ``soft``, in
        deviations of the scores; frequency: see `Gromov`. counts, again: see above; None: maps as they are.
    candidates, widening: as in `Cooccurrence`.
    """

    words: int = 1000
    dim: int = 10
    spectrum: float = 2.0
    unmapped: int = 8
    seeds: int = 8
    start: Start = "random"
    cycle: float = 0.0
    steps: int = 800
    batch: int = 256
    critic: int = 2
    hidden: int = 128
    smoothing: float = 0.1
    dropout: float = 0.1
    noise_first: float = 1.5
    noise_last: float = 0.5
    sampling: float = 0.5
    optimiser: Optimiser = "adam"
    rate: float = 0.003
    map_rate: float = 0.01
    epoch: int = 100
    decay: float = 0.8
    orthogonality: float = 0.01
    refine: int = 20
    refine_spectrum: float = 3.0
    soft: float = 1.0
    frequency: float = 0.1
    counts: Cooccurrence | None = None
    again: int = 2
    candidates: int = 10
    widening: Widening | None = None

    def __post_init__(self) -> None:
        require(
            self,
            positive="seeds steps batch critic hidden epoch refine candidates rate map_rate decay soft",
            at_least_zero="dim cycle noise_last orthogonality frequency again",
            at_least={"words": 20, "unmapped": -1},
            within={"smoothing dropout": "[0, 0.5)"},
            ascending="noise_last noise_first",
        )

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """Raises `BadInput` when a vocabulary is tiny, `FloatingPointError` when the game diverges."""
        size = matched_words(source, target, self.words)
        fit = self.frequency * frequency_fit(source, target, size)
        game = [shaped(space, size, self.spectrum)[:, : self.dim or None] for space in (source, target)]
        weights = [space.frequencies[:size].float() ** self.sampling for space in (source, target)]
        beside = unmapped(game, [space.frequencies[:size] for space in (source, target)], self.unmapped)
        maps, history = self.play(game, beside, weights, fit, generator)
        x, z = (shaped(space, size, self.refine_spectrum) for space in (source, target))
        sharpness = np.geomspace(self.soft, 12, self.refine).tolist()
        turns = [fitted_map(x, z, scaled(game[0] @ each @ game[1].T), fit, sharpness) for each in maps]
        found: list[_Found] = [(standardised(scaled(x @ turn @ z.T)) + fit, rounds) for turn, rounds in turns]
        if self.counts is not None:
            found = [*self.counts.match(source, target, [scores for scores, _ in found], generator)]
            for _ in range(self.again):
                found += self.counts.match(source, target, [_best(found)[0]], generator)
        scores, last = _best(found)
        told = (*history, *last)
        return alignment_of(scores, source, target, told, self.candidates, self.widening, generator)

    def play(
        self,
        game: Sequence[Tensor],
        beside: Sequence[Tensor],
        weights: Sequence[Tensor],
        fit: Tensor,
        generator: Generator,
    ) -> tuple[Tensor, list[Mapping[str, float]]]:
        """(seeds, dim, dim) maps of the source, trained side by side, and one entry an epoch.

        game: two (N, dim) spaces; beside: two (N, features) unmapped; weights: two (N,) to draw by.
        Raises FloatingPointError when a loss is no number.
        """
        dim, features = game[0].shape[1], beside[0].shape[1]
        unit = [side * math.sqrt(dim) for side in game]
        ways = 2 if self.cycle else 1
        maps = torch.cat(
            [
                self._first(game[way], game[1 - way], fit if way == 0 else fit.T, generator)
                for way in range(ways)
            ]
        )
        maps.requires_grad_()
        players = len(maps)
        critics = critic(players, dim + features, self.hidden, generator)
        kind = torch.optim.Adam if self.optimiser == "adam" else torch.optim.SGD
        extra = {"betas": (0.5, 0.99)} if self.optimiser == "adam" else {}
        steps = [kind(critics, lr=self.rate, **extra), kind([maps], lr=self.map_rate, **extra)]  # type: ignore[arg-type]
        truth = torch.cat([torch.ones(players, self.batch), torch.zeros(players, self.batch)], 1)
        truth = truth * (1 - 2 * self.smoothing) + self.smoothing
        history: list[Mapping[str, float]] = []
        highest = -math.inf

        def sample() -> tuple[Tensor, Tensor, Tensor]:
            """Words to map, words to meet, (players, batch, dim), and what stands beside both."""
            drawn = [
                torch.multinomial(each, players * self.batch, True, generator=generator).view(
                    ways, -1, self.batch
                )
                for each in weights
            ]
            # the second half of the players goes the other way
            order = [[drawn[side ^ way][way] for way in range(ways)] for side in range(2)]
            here, there = (
                torch.cat([unit[side ^ way][order[side][way]] for way in range(ways)]) for side in range(2)
            )
            more = [
                torch.cat([beside[side ^ way][order[side][way]] for way in range(ways)]) for side in range(2)
            ]
            return here, there, torch.cat(more, 1)

        for step in range(self.steps):
            ratio = max(self.noise_last, 1e-3) / max(self.noise_first, 1e-3)
            noise = self.noise_first * ratio ** (step / self.steps)
            for _ in range(self.critic):
                here, there, more = sample()
                with torch.no_grad():
                    seen = torch.cat([torch.cat([torch.bmm(here, maps), there], 1), more], 2)
                loss = self._judge(critics, seen, truth, dim, noise, generator)
                steps[0].zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                steps[0].step()
            here, there, more = sample()
            mapped = torch.bmm(here, maps)
            seen = torch.cat([torch.cat([mapped, there], 1), more], 2)
            fooled = self._judge(critics, seen, 1 - truth, dim, noise, generator)
            total = fooled
            if self.cycle:
                back = torch.bmm(mapped, torch.cat([maps[self.seeds :], maps[: self.seeds]]))
                total = total + self.cycle * (back - here).square().mean((1, 2)).sum()
            if not math.isfinite(total.item()):
                raise FloatingPointError(f"the loss of the maps is {total.item()} at step {step}")
            steps[1].zero_grad()
            total.backward()  # type: ignore[no-untyped-call]
            steps[1].step()
            with torch.no_grad():
                square = maps.transpose(1, 2) @ maps
                maps.copy_((1 + self.orthogonality) * maps - self.orthogonality * maps @ square)
            if (step + 1) % self.epoch == 0 or step + 1 == self.steps:
                reached = [mean_cosine(game[0] @ each @ game[1].T) for each in maps.detach()[: self.seeds]]
                entry = {"step": step + 1, "judged": loss.item() / players, "cosine": max(reached)}
                history.append({name: float(value) for name, value in entry.items()})
                factor = self.decay * (0.5 if max(reached) < highest else 1.0)
                highest = max(highest, *reached)
                for each in steps:
                    each.param_groups[0]["lr"] *= factor
        return maps.detach()[: self.seeds], history

    def _first(self, x: Tensor, z: Tensor, fit: Tensor, generator: Generator) -> Tensor:
        """(seeds, dim, dim) orthogonal maps to begin with."""
        dim = x.shape[1]
        if self.start == "random":
            turned: Tensor = torch.linalg.qr(torch.randn(self.seeds, dim, dim, generator=generator)).Q
            return turned
        first = torch.eye(dim)
        if self.start == "profile":
            first = procrustes(x, sinkhorn(standardised(profiles(x, z)) + 3 * fit, 1.0) @ z)
        return first.repeat(self.seeds, 1, 1)

    def _judge(
        self,
        critics: Sequence[Tensor],
        seen: Tensor,
        labels: Tensor,
        dim: int,
        noise: float,
        generator: Generator,
    ) -> Tensor:
        """The cross-entropy of every player's discriminator, summed; noise is for the mapped part alone."""
        if noise:
            some = torch.randn(*seen.shape[:2], dim, generator=generator)
            seen = torch.cat([seen[..., :dim] + noise * some, seen[..., dim:]], 2)
        if self.dropout:
            seen = seen * (torch.rand(seen.shape, generator=generator) >= self.dropout) / (1 - self.dropout)
        for layer in range(0, len(critics), 2):
            seen = torch.baddbmm(critics[layer + 1], seen, critics[layer])
            if layer + 2 < len(critics):
                seen = leaky_relu(seen, 0.2)
        loss = binary_cross_entropy_with_logits(seen.squeeze(2), labels, reduction="none")
        total: Tensor = loss.mean(1).sum()
        return total


def _best(found: Sequence[_Found]) -> _Found:
    """The matching whose words are most alike in the end: no dictionary chooses."""
    return max(found, key=lambda one: one[1][-1]["similarity"])


def critic(players: int, inputs: int, hidden: int, generator: Generator) -> list[Tensor]:
    """Weights and biases of ``players`` networks inputs-hidden-hidden-1.

    Three pairs of (players, in, out) and (players, 1, out).
    """
    parts = []
    for fan, out in ((inputs, hidden), (hidden, hidden), (hidden, 1)):
        weight = (2 * torch.rand(players, fan, out, generator=generator) - 1) / math.sqrt(fan)
        parts += [weight.requires_grad_(), torch.zeros(players, 1, out, requires_grad=True)]
    return parts


def mean_cosine(similarity: Tensor) -> float:
    """MUSE's criterion: the mean similarity of each word and its best by CSLS, (N, N) cosines given."""
    chosen = scaled(similarity).argmax(1, keepdim=True)
    return float(similarity.gather(1, chosen).mean())

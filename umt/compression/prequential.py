"""Prequential code with a network: text is scored, then trained on (Dawid 1984; Blier and Ollivier 2018).

The text is cut into increments that grow by a constant factor.  For each, a network with fresh weights is
trained on all earlier text, then goes through the increment batch by batch: it scores a batch, trains on it
and on replayed batches of the past, and scores the next.  A decoder can do the same, so that the bits are a
code (tests/compression/test_prequential.py holds one).  A batch is of one language, and the network predicts
among the symbols of that language.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor

from umt.compression.symbols import CodedText
from umt.lm.joint_lm import Architecture, JointLM
from umt.runtime.batching import pad
from umt.runtime.files import atomic_bytes
from umt.runtime.validate import require
from umt.training.optimiser import OptimiserConfig
from umt.types import F32, I64, ProgressCallback


@dataclass(frozen=True)
class Coded:
    """Predictions of one text by a network.

    nats: (n,) negative log-likelihood of each symbol.  log_odds: (decisions,) that each decision of the
    prefix code is 1.
    """

    nats: F32
    log_odds: F32


@dataclass(frozen=True)
class Row:
    """Symbols ``start`` to ``end`` of the text number ``text``; those from ``first_new`` on are scored."""

    text: int
    start: int
    first_new: int
    end: int


@dataclass(frozen=True)
class Prequential:
    """Training of the network, the same for every text and every combination of texts.

        increments: networks that are trained from fresh weights.
    factor: by which increments grow.
    epochs: over all earlier text, from fresh weights, at each increment.
    replay: batches of the past that are trained on again for each new one.
    row_length: symbols a row.
    rows: of a batch.
    learning_rate: of the matrices, which ``method`` moves.
    adamw_learning_rate: of all other weights.
    lr_floor: share of the learning rates within an increment, once there is earlier text.
    ema_decay: of the exponential moving average of the weights, which predicts.
    kernels: see `umt.lm.joint_lm.JointLM`.
    """

    architecture: Architecture
    increments: int = 4
    factor: float = 4.0
    epochs: int = 4
    replay: int = 1
    row_length: int = 128
    rows: int = 8
    learning_rate: float = 1e-2
    adamw_learning_rate: float = 5e-3
    lr_floor: float = 0.4
    ema_decay: float = 0.98
    method: Literal["adamw", "muon"] = "muon"
    kernels: bool = True

    def __post_init__(self) -> None:
        require(
            self,
            positive="increments row_length rows",
            at_least_zero="epochs replay",
            within={"factor": "(1, inf)", "ema_decay": "[0, 1)"},
        )

    def code(
        self,
        texts: Sequence[CodedText],
        vocabulary: int,
        seed: int,
        directory: Path,
        progress: ProgressCallback,
        embeddings: tuple[I64, Tensor] | None = None,
    ) -> list[Coded]:
        """Predictions of ``texts``, interleaved so that all end together.

        vocabulary: ids of the network.  directory: finished increments are saved there, and loaded by a
        second call with the same seed, texts and embeddings.  embeddings: ids of the network (n,) and vectors
        (n, width) with which each network starts, known to the decoder; all others are random.
        """
        directory.mkdir(parents=True, exist_ok=True)
        batches = self.batches(texts)
        ends = [
            math.ceil(len(batches) * self.factor ** (number + 1 - self.increments))
            for number in range(self.increments)
        ]
        coded = [
            Coded(
                np.zeros(len(text.codes), np.float32),
                np.zeros(int(text.tree.lengths[text.codes].sum()), np.float32),
            )
            for text in texts
        ]
        begins = [
            np.concatenate([[0], np.cumsum(text.tree.lengths[text.codes])]).astype(np.int64) for text in texts
        ]
        start = 0
        for number, end in enumerate(ends):
            file = directory / f"{number}.npz"
            if end > start:
                if not file.exists():
                    past, new = batches[:start], batches[start:end]
                    network = PrequentialNetwork(self, texts, vocabulary, seed)
                    if embeddings:
                        network.start_from(*embeddings)
                    label = f"increment {number + 1} of {self.increments}"
                    pieces = self._increment(network, past, new, label, progress)
                    nats, log_odds = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
                    with atomic_bytes(file) as stream:
                        np.savez(stream, nats=nats, odds=log_odds)
                _scatter(np.load(file), batches[start:end], coded, begins)
            start = max(start, end)
        return coded

    def batches(self, texts: Sequence[CodedText]) -> list[list[Row]]:
        """Batches of one text each, in the order in which they are coded."""
        placed = []
        for number, text in enumerate(texts):
            rows = list(self._rows(text, number))
            parts = [rows[at : at + self.rows] for at in range(0, len(rows), self.rows)]
            placed += [((place + 0.5) / len(parts), number, part) for place, part in enumerate(parts)]
        return [part for _, _, part in sorted(placed, key=lambda item: item[:2])]

    def _rows(self, text: CodedText, number: int) -> Iterator[Row]:
        """A row begins with the sentence that the one before it broke off, or with its last half row."""
        total, first_new = len(text.codes), 0
        while first_new < total:
            sentence = int(np.searchsorted(text.ends, first_new, side="right"))
            start = int(text.ends[sentence - 1]) if sentence else 0
            start = max(start, first_new - self.row_length // 2)
            end = min(start + self.row_length, total)
            yield Row(number, start, first_new, end)
            first_new = end

    def _increment(
        self,
        network: PrequentialNetwork,
        past: list[list[Row]],
        new: list[list[Row]],
        label: str,
        progress: ProgressCallback,
    ) -> list[tuple[F32, F32]]:
        """Train on ``past`` from fresh weights, then score each batch of ``new`` and train on it."""
        draw = _drawer(network.generator)
        rehearsal = self.epochs * len(past)
        total = rehearsal + len(new)
        for step, batch in enumerate(draw(past, rehearsal)):
            rate = min(1.0, (step + 1) / min(100, 1 + rehearsal // 4))
            network.learn(batch, rate * max(self.lr_floor, 1 - step / rehearsal))
            if step % 20 == 0:
                progress(label, step, total)
        coded_batches = []
        learned_from = list(past)
        for step, batch in enumerate(new):
            coded_batches.append(network.score(batch))
            rate = self.lr_floor if past else min(1.0, (step + 1) / 20)
            network.learn(batch, rate)
            learned_from.append(batch)
            for again in draw(learned_from, self.replay):
                network.learn(again, rate)
            if step % 20 == 0:
                progress(label, rehearsal + step, total)
        return coded_batches


def _drawer(generator: Generator) -> Callable[[list[list[Row]], int], Iterator[list[Row]]]:
    def draw(batches: list[list[Row]], count: int) -> Iterator[list[Row]]:
        """Batches in random order, each once before any comes again."""
        while count > 0:
            order = torch.randperm(len(batches), generator=generator)[:count]
            count -= len(order)
            for number in order.tolist():
                yield batches[number]

    return draw


class PrequentialNetwork:
    """The weights in training, their exponential moving average, which predicts, and the optimisers."""

    def __init__(self, setting: Prequential, texts: Sequence[CodedText], vocabulary: int, seed: int) -> None:
        self.setting, self.texts = setting, texts
        self.generator = Generator().manual_seed(seed)
        self.model = JointLM.create(setting.architecture, vocabulary, self.generator, kernels=setting.kernels)
        self.mean = JointLM.create(
            setting.architecture, vocabulary, Generator().manual_seed(0), kernels=setting.kernels
        )
        self.mean.load_state_dict(self.model.state_dict())
        optimisation = OptimiserConfig(
            1, setting.learning_rate, adamw_learning_rate=setting.adamw_learning_rate, method=setting.method
        )
        self.optimisers = optimisation.optimisers(self.model)
        self.steps = 0
        self.numbers = [torch.from_numpy(text.numbers) for text in texts]
        self.leaves = [torch.from_numpy(text.codes) for text in texts]

    def start_from(self, ids: I64, vectors: Tensor) -> None:
        """Before the first update: embeddings ``vectors`` (n, width) of the network's ``ids`` (n,)."""
        for model in (self.model, self.mean):
            model.embeddings.data[torch.from_numpy(ids)] = vectors

    def _hidden(self, model: JointLM, rows: list[Row]) -> tuple[Tensor, Tensor, Tensor]:
        """Hidden states before the scored symbols, the head of their language, and these symbols."""
        text = rows[0].text
        numbers, leaves = self.numbers[text], self.leaves[text]
        tag = torch.tensor([self.texts[text].tag])
        ids = pad([torch.cat((tag, numbers[leaves[row.start : row.end - 1]])) for row in rows], int(tag))
        longest = ids.shape[1]
        before: list[Tensor] = []
        targets: list[Tensor] = []
        for place, row in enumerate(rows):
            before.append(place * longest + torch.arange(row.first_new - row.start, row.end - row.start))
            targets.append(leaves[row.first_new : row.end])
        hidden = model.hidden(ids).flatten(0, 1)[torch.cat(before)]
        return hidden, model.head[numbers], torch.cat(targets)

    def learn(self, rows: list[Row], rate: float) -> None:
        """One update."""
        hidden, head, targets = self._hidden(self.model, rows)
        loss = torch.nn.functional.cross_entropy(hidden @ head.T, targets)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * rate
            optimiser.step()
            optimiser.zero_grad()
        self.steps += 1
        weight = max(1 - self.setting.ema_decay, 1 / (self.steps + 1))
        with torch.no_grad():
            for mean, now in zip(self.mean.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(now, weight)

    @torch.no_grad()
    def predict(self, rows: list[Row]) -> tuple[Tensor, Tensor]:
        """(n, alphabet) log probabilities of the next symbol, and (n,) the symbols that are scored."""
        hidden, head, targets = self._hidden(self.mean, rows)
        return torch.log_softmax(hidden @ head.T, 1), targets

    @torch.no_grad()
    def score(self, rows: list[Row]) -> tuple[F32, F32]:
        """Nats of the scored symbols, and the log odds of their decisions."""
        logp, targets = self.predict(rows)
        nats = -logp.gather(1, targets[:, None])[:, 0]
        if not torch.isfinite(nats).all():
            raise FloatingPointError("a code length is not finite: lower bits.code.learning_rate")
        tree = self.texts[rows[0].text].tree
        return nats.numpy(), tree.log_odds(logp.exp_(), targets.numpy())


def _scatter(
    predictions: dict[str, F32],
    batches: list[list[Row]],
    coded: list[Coded],
    begins: list[I64],
) -> None:
    """Copy the predictions of ``batches``, end to end, to their places in ``coded``."""
    symbol = decision = 0
    nats, log_odds = predictions["nats"], predictions["odds"]
    for row in (row for batch in batches for row in batch):
        text, count = row.text, row.end - row.first_new
        coded[text].nats[row.first_new : row.end] = nats[symbol : symbol + count]
        start, end = begins[text][row.first_new], begins[text][row.end]
        coded[text].log_odds[start:end] = log_odds[decision : decision + end - start]
        symbol, decision = symbol + count, decision + int(end - start)

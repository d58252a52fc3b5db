"""The training loop; `fit` resumes a killed run bit for bit."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Generator
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel
from torch.utils.tensorboard import SummaryWriter

from umt.lm.joint_lm import JointLM
from umt.lm.mixed_precision import training_dtype
from umt.runtime.distributed import SINGLE, ProcessGroup
from umt.runtime.files import atomic_text
from umt.training import training_state
from umt.training.checkpoint import Checkpoints
from umt.training.fsdp import full_tensor, is_sharded
from umt.training.objective import Loss, Objective
from umt.training.optimiser import OptimiserConfig
from umt.types import ProgressCallback

LOG = "metrics.jsonl"


class StopTraining(Exception):
    """Raised by a `Callback` to end training after this step; says why."""


class Callback(Protocol):
    """Called after every update; may raise `StopTraining`."""

    def __call__(self, model: JointLM, step: int, record: Mapping[str, float]) -> None:
        """``record`` holds what was averaged since the last one and is empty between."""
        ...

    def state(self) -> dict[str, Any]:
        """Its state, as JSON."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        ...


@dataclass(frozen=True)
class LoopOptions:
    """Options of the loop that change results by rounding only.

    every: updates between records. checkpoint: seconds between checkpoints.
    compiled: use ``torch.compile``; exact: products by weights in fp32 even where bf16 is faster.
    """

    every: int = 10
    checkpoint: float = 30.0
    compiled: bool = False
    exact: bool = False


@dataclass
class _RunningSums:
    """Sums over the updates since the last record; (nats, tokens, bytes) of each objective."""

    sums: dict[str, list[float]] = field(default_factory=dict)
    norm: float = 0.0
    tokens: float = 0.0

    def record(self, updates: int) -> dict[str, float]:
        averages = {"norm": self.norm / updates}
        for name, (nats, tokens, size) in self.sums.items():
            averages[f"{name}/nats"] = nats / tokens
            if size:
                averages[f"{name}/bits_per_byte"] = nats / math.log(2) / size
        return averages


def fit(
    model: JointLM,
    objectives: Mapping[str, Objective],
    optimisation: OptimiserConfig,
    directory: Path,
    seed: int,
    progress: ProgressCallback,
    callbacks: Sequence[Callback] = (),
    options: LoopOptions = LoopOptions(),
    group: ProcessGroup = SINGLE,
    average: AveragedModel | None = None,
) -> list[dict[str, float]]:
    """Train ``model`` in place; returns the records, one every ``options.every`` updates, the last one last.

    average: of the weights of ``model``, renewed after every update; callbacks get it instead of ``model``.
    directory: checkpoints, ``metrics.jsonl`` and TensorBoard's events; what an earlier, killed call with the
        same arguments left there is continued. Every random number follows from ``seed`` and the number of
        the step.
    Raises FloatingPointError before the update when a loss or a gradient is not finite.
    """
    run = _Run(model, objectives, optimisation, directory, seed, callbacks, options, group, average)
    with torch.random.fork_rng(devices=[]):
        return run.through(progress)


class _Run:
    def __init__(
        self,
        model: JointLM,
        objectives: Mapping[str, Objective],
        optimisation: OptimiserConfig,
        directory: Path,
        seed: int,
        callbacks: Sequence[Callback],
        options: LoopOptions,
        group: ProcessGroup,
        average: AveragedModel | None,
    ) -> None:
        self.average, self.reported = average, model if average is None else cast(JointLM, average.module)
        self.model, self.objectives, self.optimisation = model, objectives, optimisation
        self.directory, self.seed, self.callbacks = directory, seed, callbacks
        self.options, self.group = options, group
        self.weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.optimisers: list[Optimizer] = optimisation.optimisers(model)
        if options.compiled:
            model.network.base_model.compile()
        self.checkpoints = Checkpoints(directory / "checkpoints")
        self.step = 0
        self.stopped = ""
        self.records: list[dict[str, float]] = []

    def through(self, progress: ProgressCallback) -> list[dict[str, float]]:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._resume()
        self.group.barrier()
        saved = begun = time.monotonic()
        tally, total = _RunningSums(), self.optimisation.steps
        writer = (
            SummaryWriter(str(self.directory / "tensorboard"), purge_step=self.step) if self._first else None
        )
        while self.step < total and not self.stopped:
            self._update(tally)
            self.step += 1
            last = self.step == total
            record: dict[str, float] = {}
            if self.step % self.options.every == 0 or last:
                now = time.monotonic()
                record = {"step": self.step, **tally.record((self.step - 1) % self.options.every + 1)}
                record["tokens_per_second"] = tally.tokens / (now - begun)
                tally, begun = _RunningSums(), now
            try:
                for callback in self.callbacks:
                    callback(self.reported, self.step, record)
            except StopTraining as stop:
                self.stopped = str(stop) or "stopped"
            if record:
                self._log(record, writer)
                progress(_progress_text(record), self.step, total)
            if record and (
                last
                or self.stopped
                or self.group.broadcast_bool(time.monotonic() - saved > self.options.checkpoint)
            ):
                self._checkpoint()
                saved = begun = time.monotonic()
        if writer is not None:
            writer.flush()  # raises what its thread met, which close does not
            writer.close()
        self.model.eval()
        return self.records

    def _update(self, tally: _RunningSums) -> None:
        """One step of every objective, together."""
        self.model.train()
        parts, dtype = self.optimisation.accumulation, training_dtype(self.model.device, self.options.exact)
        losses: list[tuple[str, Loss]] = []
        for part in range(parts):
            for name, objective in self.objectives.items():
                generator = _generator(self.seed, name, self.step * parts + part)
                torch.manual_seed(generator.initial_seed())  # dropout, where a model has it
                loss = objective.loss(self.model, self.step, generator, dtype)
                if loss is None:
                    continue
                tokens = self.group.sum(loss.tokens)
                if loss.weight:
                    (loss.nll_sum * (loss.weight / tokens / parts)).backward()  # type: ignore[no-untyped-call]
                losses.append((name, replace(loss, nll_sum=loss.nll_sum.detach(), tokens=int(tokens))))
        for name, loss in losses:  # only now, so that no objective waits for a GPU
            nats = self.group.sum(float(loss.nll_sum))
            if not math.isfinite(nats):
                raise FloatingPointError(self._non_finite(f"the loss '{name}' is {nats}"))
            sums = tally.sums.setdefault(name, [0.0, 0.0, 0.0])
            for place, number in enumerate((nats, loss.tokens, self.group.sum(loss.bytes))):
                sums[place] += number
            tally.tokens += loss.tokens
        if self.step < self.optimisation.freeze_embeddings * self.optimisation.steps:
            self.model.embeddings.grad = None
        moved = [weight.grad for weight in self.weights if weight.grad is not None]
        self.group.all_reduce_([gradient for gradient in moved if not is_sharded(gradient)])
        norm = float(full_tensor(get_total_norm(moved)))
        if not math.isfinite(norm):
            raise FloatingPointError(self._non_finite(f"the norm of the gradient is {norm}"))
        if 0 < self.optimisation.clip < norm:
            torch._foreach_mul_(moved, self.optimisation.clip / norm)
        tally.norm += norm
        self.optimisation.schedule(self.optimisers, self.step)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        if self.average is not None:
            self.average.update_parameters(self.model)

    def _non_finite(self, what: str) -> str:
        last_step = max(self.checkpoints.steps(), default=None)
        place = "none" if last_step is None else str(self.checkpoints.directory / str(last_step))
        return (
            f"{what} at step {self.step}, before the update; last good checkpoint: {place}; a lower "
            "optimisation.learning_rate may help"
        )

    def _log(self, record: dict[str, float], writer: SummaryWriter | None) -> None:
        self.records.append(record)
        if writer is None:
            return
        with (self.directory / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        for name, value in record.items():
            writer.add_scalar(name, value, int(record["step"]))

    def _checkpoint(self) -> None:
        tensors = training_state.state_tensors(self.model, self.optimisers, self.average)
        if self._first:
            state = {
                "objectives": {name: objective.state() for name, objective in self.objectives.items()},
                "watch": [callback.state() for callback in self.callbacks],
                "stopped": self.stopped,
            }
            self.checkpoints.save(self.step, tensors, state)
        self.group.barrier()

    def _resume(self) -> None:
        """Continue from the newest checkpoint, if there is one."""
        newest = self.checkpoints.newest()
        if newest is None:
            if self._first:
                (self.directory / LOG).unlink(missing_ok=True)
            return
        self.step, tensors, state = newest
        training_state.restore(self.model, self.optimisers, tensors, self.average)
        for name, objective in self.objectives.items():
            objective.restore(state["objectives"][name])
        for callback, memory in zip(self.callbacks, state["watch"], strict=True):
            callback.restore(memory)
        self.stopped = state["stopped"]
        log = self.directory / LOG
        self.records = [record for record in _read_records(log) if record["step"] <= self.step]
        self.group.barrier()  # all have read the log before the first process rewrites it
        if self._first:
            with atomic_text(log) as file:
                file.writelines(json.dumps(record) + "\n" for record in self.records)

    @property
    def _first(self) -> bool:
        return self.group.rank == 0


def _read_records(log: Path) -> list[dict[str, float]]:
    """The records in ``log``, up to a line that a kill or a full disk has cut."""
    records = []
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    return records


def _generator(seed: int, name: str, number: int) -> Generator:
    digest = hashlib.blake2b(f"{seed} {name} {number}".encode(), digest_size=7).digest()
    return Generator().manual_seed(int.from_bytes(digest, "little"))


def _progress_text(record: Mapping[str, float]) -> str:
    speed = f"{record['tokens_per_second']:,.0f} tokens/s"
    losses = [f"{name.removesuffix('/bits_per_byte')} {value:.3f} bits/byte"
              for name, value in record.items() if name.endswith("bits_per_byte")]  # fmt: skip
    return ", ".join([*losses, speed])

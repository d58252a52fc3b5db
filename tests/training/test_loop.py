"""Training learns what there is to learn, survives a kill, and stops at impossible numbers."""

from __future__ import annotations

import errno
import json
import math
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from tensorboard.summary.writer.record_writer import RecordWriter
from torch import Generator

from benchmarks.resume import EN, killed, same, train
from umt.lm.joint_lm import Architecture, JointLM
from umt.runtime.distributed import ProcessGroup
from umt.text.token_shards import TokenShards, write_shards
from umt.text.tokenizer import Tokenizer
from umt.training import checkpoint
from umt.training.checkpoint import Checkpoints
from umt.training.lm_objectives import CausalLM, MaskedLM
from umt.training.loop import LOG, LoopOptions, StopTraining, fit
from umt.training.objective import Loss
from umt.training.optimiser import OptimiserConfig
from umt.types import BadInput

ROOT = Path(__file__).parents[2]


def model(tokenizer: Tokenizer) -> JointLM:
    return JointLM.create(Architecture(32, 2, 2, 64, 64), len(tokenizer), Generator().manual_seed(1))


def quiet(*_: object) -> None: ...


@pytest.mark.parametrize("method", ["adamw", "muon"])
def test_the_loss_falls_to_the_entropy(method: Any, data: Any, tmp_path: Path) -> None:
    """One bit a byte is all that these texts hold; less would be a mistake in counting."""
    tokenizer, shards = data
    causal = CausalLM(shards, tokenizer, 32, 1024, seed=1)
    optimisation = OptimiserConfig(120, learning_rate=2e-2, adamw_learning_rate=1e-2, method=method)
    records = fit(
        model(tokenizer), {"causal": causal}, optimisation, tmp_path, 1, quiet, pace=LoopOptions(20)
    )
    assert records[0]["causal/bits_per_byte"] > 1.3
    assert 0.97 < records[-1]["causal/bits_per_byte"] < 1.06
    lines = (tmp_path / LOG).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [20, 40, 60, 80, 100, 120]
    assert list((tmp_path / "tensorboard").iterdir())


def test_masked_learns_from_both_sides(data: Any, tmp_path: Path) -> None:
    """Every word stands twice; who sees only what is to the left cannot know the first of each pair."""
    tokenizer, _ = data
    chance = np.random.default_rng(1)
    words = chance.choice(list("abcd"), (2000, 1)).repeat(2, axis=1)
    write_shards([" ".join(line) for line in words], EN, tokenizer, tmp_path)
    shards = {EN: TokenShards(tmp_path, EN)}
    masked = MaskedLM(shards, tokenizer, 32, 2048, seed=1)
    optimisation = OptimiserConfig(100, learning_rate=1e-2)
    records = fit(
        model(tokenizer), {"masked": masked}, optimisation, tmp_path, 1, quiet, pace=LoopOptions(30)
    )
    assert records[0]["masked/nats"] > 1.2
    assert records[-1]["masked/nats"] < 0.45 * math.log(4)


def test_a_killed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole, records = train(tmp_path / "whole", 24, seconds=math.inf)
    assert killed(tmp_path / "broken", 24, "adamw", 0.02, 7)
    broken, resumed = train(tmp_path / "broken", 24)
    assert same(whole, broken)
    timeless = [[{**each, "tokens_per_second": 0} for each in run] for run in (records, resumed)]
    assert timeless[0] == timeless[1]


def test_short_products_lose_little(tmp_path: Path) -> None:
    (_, short), (_, exact) = (train(tmp_path / str(exact), 12, exact=exact) for exact in (False, True))
    assert [each["causal/nats"] for each in short] == pytest.approx(
        [each["causal/nats"] for each in exact], rel=5e-3
    )


def test_a_log_that_was_cut_is_no_obstacle(data: Any, tmp_path: Path) -> None:
    """A full disk cuts its last line, or somebody takes it away: training goes on."""
    tokenizer, shards = data

    def trained(steps: int) -> list[dict[str, float]]:
        causal = CausalLM(shards, tokenizer, 32, 256, seed=1)
        pace = LoopOptions(1, 0)
        return fit(
            model(tokenizer), {"causal": causal}, OptimiserConfig(steps), tmp_path, 1, quiet, pace=pace
        )

    trained(4)
    log = tmp_path / LOG
    log.write_text(log.read_text()[:-20])
    assert [record["step"] for record in trained(6)] == [1, 2, 3, 5, 6]
    log.unlink()
    assert [record["step"] for record in trained(8)] == [7, 8]
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [7, 8]


@pytest.mark.parametrize("exact", [True, False], ids=["fp32", "as configured"])
def test_plain_transformers_train_alike(exact: bool, data: Any, tmp_path: Path) -> None:
    tokenizer, shards = data

    def losses(kernels: bool) -> list[float]:
        causal = CausalLM(shards, tokenizer, 16, 128, 1)
        start = model(tokenizer)
        trained = JointLM(start.network, kernels=kernels)
        place, pace = tmp_path / str(kernels), LoopOptions(every=1, exact=exact)
        records = fit(trained, {"causal": causal}, OptimiserConfig(12), place, 1, quiet, pace=pace)
        return [record["causal/nats"] for record in records]

    ours, theirs = losses(True), losses(False)
    assert ours == pytest.approx(theirs, rel=1e-3 if exact else 2e-2)
    assert ours[-1] < ours[0]


def test_the_first_of_a_team_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is time for a checkpoint: each has a clock of its own."""
    message: list[float] = []
    monkeypatch.setattr(ProcessGroup, "sum", lambda team, number: message.append(number) or sum(message))
    assert [ProcessGroup(rank, 2).broadcast_bool(yes) for rank, yes in ((0, True), (1, False))] == [
        True,
        True,
    ]
    message.clear()
    assert [ProcessGroup(rank, 2).broadcast_bool(yes) for rank, yes in ((0, False), (1, True))] == [
        False,
        False,
    ]


class Impossible:
    """A loss that is fine twice and then is not."""

    def loss(
        self, inputs: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss:
        nats = inputs.embeddings.sum() * (math.nan if step == 2 else 0.0)
        return Loss(nats, 1, 1)

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None: ...


def test_an_impossible_loss_stops_before_the_update(data: Any, tmp_path: Path) -> None:
    made = model(data[0])
    before = made.embeddings.detach().clone()
    with pytest.raises(FloatingPointError, match=r"nan at step 2.*checkpoints/2"):
        fit(made, {"bad": Impossible()}, OptimiserConfig(9), tmp_path, 1, quiet, pace=LoopOptions(1, 0))
    assert torch.equal(made.embeddings, before)


class Patience:
    """Stops after the fifth update and remembers how many it saw."""

    seen = 0

    def __call__(self, inputs: JointLM, step: int, record: Mapping[str, float]) -> None:
        self.seen += 1
        if self.seen == 5:
            raise StopTraining("enough")

    def state(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.seen = state["seen"]


def test_a_watch_stops_training_for_good(data: Any, tmp_path: Path) -> None:
    tokenizer, shards = data
    for _ in range(2):  # the second call finds a run that has ended
        causal = CausalLM(shards, tokenizer, 32, 64, seed=1)
        records = fit(
            model(tokenizer),
            {"c": causal},
            OptimiserConfig(9),
            tmp_path,
            1,
            quiet,
            (Patience(),),
            LoopOptions(1, 0),
        )
        assert len(records) == 5


def test_frozen_embeddings_keep_their_values(data: Any, tmp_path: Path) -> None:
    tokenizer, shards = data
    made = model(tokenizer)
    before = made.embeddings.detach().clone()
    causal = CausalLM(shards, tokenizer, 32, 64, seed=1)
    fit(made, {"c": causal}, OptimiserConfig(4, freeze_embeddings=1.0), tmp_path, 1, quiet)
    assert torch.equal(made.embeddings, before)


def test_a_damaged_checkpoint_falls_back_on_the_one_before(tmp_path: Path) -> None:
    retained = Checkpoints(tmp_path)
    for step in (1, 2, 3):
        retained.save(step, {"weight": torch.full((3,), float(step))}, {"said": step})
    assert retained.steps() == [2, 3]
    (tmp_path / "3" / "tensors.safetensors").write_bytes(b"broken")
    newest = retained.newest()
    assert newest is not None
    assert newest[0] == 2
    assert newest[1]["weight"].tolist() == [2, 2, 2]
    (tmp_path / "2" / "state.json").write_text("{")
    with pytest.raises(BadInput, match="remove that folder"):
        retained.newest()


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(BadInput, match="no space is left"):
        Checkpoints(tmp_path).save(1, {"weight": torch.zeros(9)}, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", [0, -1])
def test_curves_that_cannot_be_written_stop_the_training(
    failing: int, data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where only the last event fails, after which nothing else is written."""
    tokenizer, shards = data
    causal = CausalLM(shards, tokenizer, 32, 256, seed=1)
    write, events = RecordWriter.write, list[bytes]()

    def full(writer: RecordWriter, event: bytes) -> None:
        events.append(event)
        if failing == 0 or len(events) == total:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(writer, event)

    total = -1
    monkeypatch.setattr(RecordWriter, "write", full)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    if failing:
        fit(model(tokenizer), {"c": causal}, OptimiserConfig(2), tmp_path / "whole", 1, quiet)
        total, events[:] = len(events), []
    with pytest.raises(OSError, match="No space left"):
        fit(model(tokenizer), {"c": causal}, OptimiserConfig(2), tmp_path / "cut", 1, quiet)

"""Processes that train one model together, whole with each or divided among them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.resume import same, train
from umt.lm.joint_lm import JointLM
from umt.lm.loading import load
from umt.runtime.distributed import SINGLE
from umt.training.fsdp import shard
from umt.training.loop import LOG
from umt.types import BadInput

ROOT = Path(__file__).parents[2]


def together(directory: Path, steps: int, *options: str) -> JointLM:
    """What two processes train."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    both = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    line = [sys.executable, "-m", "benchmarks.resume", "--child", str(directory), "--steps", str(steps)]
    group = [
        subprocess.Popen(
            [*line, "--exact", *options], cwd=ROOT, env={**os.environ, **both, "RANK": str(rank)}
        )
        for rank in range(2)
    ]
    assert [each.wait(120) for each in group] == [0, 0]
    return load(directory / "trained")


def losses(directory: Path) -> list[float]:
    return [json.loads(line)["causal/nats"] for line in (directory / LOG).read_text().splitlines()]


@pytest.mark.parametrize("options", [[], ["--sharded"]])
def test_two_processes_equal_one(options: list[str], tmp_path: Path) -> None:
    alone, _ = train(tmp_path / "alone", 6, exact=True)
    both = together(tmp_path / "both", 6, *options)
    assert losses(tmp_path / "alone") == pytest.approx(losses(tmp_path / "both"), rel=1e-5)
    for one, other in zip(alone.parameters(), both.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=2e-4)


def test_what_is_divided_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    whole = together(tmp_path / "whole", 6, "--sharded")
    newest = tmp_path / "whole" / "checkpoints" / "6"
    shutil.rmtree(newest)
    assert [each.name for each in newest.parent.iterdir()] == ["5"]
    again = together(tmp_path / "whole", 6, "--sharded")
    assert same(whole, again)


def test_one_process_has_nobody_to_share_with(tmp_path: Path) -> None:
    alone, _ = train(tmp_path, 1)
    with pytest.raises(BadInput, match="torchrun"):
        shard(alone, SINGLE)

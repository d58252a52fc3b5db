"""Kill a training run at random moments; does it end with the very weights of an unbroken one?

    python -m benchmarks.resume [--kills 20] [--method muon]

Prints how many kills were survived and whether the weights are equal bit for bit.
"""

from __future__ import annotations

import math
import random
import signal
import subprocess
import sys
import tempfile
import time
from argparse import SUPPRESS
from pathlib import Path

import umt  # noqa: F401  (before torch: threads that sleep while they wait)

# isort: split
import torch

from umt.cli.command_line import Command
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.loading import configure_libraries, save
from umt.runtime.distributed import init_process_group
from umt.text.token_shards import TokenShards, write_shards
from umt.text.tokenizer import Tokenizer
from umt.training.fsdp import gather_full, shard
from umt.training.lm_objectives import CausalLM, MaskedLM
from umt.training.loop import LOG, LoopOptions, fit
from umt.training.objective import Objective
from umt.training.optimiser import OptimiserConfig
from umt.types import Lang

EN, ZH = Lang("en"), Lang("zh")


def texts() -> dict[Lang, list[str]]:
    """Words of one letter, six a line: 12 bits in 12 bytes, and nothing else to learn."""
    chance = random.Random(1)
    return {
        lang: [" ".join(chance.choices(words, k=6)) for _ in range(3000)] for lang, words in WORDS.items()
    }


WORDS = {EN: "abcd", ZH: "wxyz"}


def train(
    directory: Path,
    steps: int = 40,
    method: str = "adamw",
    seconds: float = 0.0,
    exact: bool = False,
    sharded: bool = False,
) -> tuple[JointLM, list[dict[str, float]]]:
    """A small model of both objectives; ``directory`` may be that of a killed run.

    seconds: between checkpoints. exact: see `LoopOptions`. sharded: among the processes.
    """
    group = init_process_group()
    data = directory / "data"
    if group.rank == 0 and not (data / "done").exists():
        data.mkdir(parents=True, exist_ok=True)
        tokenizer = Tokenizer.train(texts(), 280)
        tokenizer.save(data)
        for lang, lines in texts().items():
            write_shards(lines, lang, tokenizer, data)
        (data / "done").touch()
    group.barrier()
    tokenizer = Tokenizer.load(data)
    shards = {lang: TokenShards(data, lang) for lang in WORDS}
    model = JointLM.create(Architecture(32, 2, 2, 64, 32), len(tokenizer), torch.Generator().manual_seed(1))
    objectives: dict[str, Objective] = {
        "causal": CausalLM(shards, tokenizer, 32, 512, 3, group=group),
        "masked": MaskedLM(shards, tokenizer, 32, 256, 4, group=group, weight=0.5),
    }
    if sharded:
        shard(model, group)
    optimisation = OptimiserConfig(steps, learning_rate=1e-2, accumulation=2, method=method)  # type: ignore[arg-type]
    options = LoopOptions(every=1, checkpoint=seconds, exact=exact)
    records = fit(
        model, objectives, optimisation, directory, 3, lambda *_: None, options=options, group=group
    )
    if sharded:
        model = gather_full(model, group)
    if group.rank == 0:
        save(model, directory / "trained")
    return model, records


def killed(directory: Path, steps: int, method: str, wait: float, begun: int) -> bool:
    """Kill a run ``wait`` seconds after it has written ``begun`` records; False if it ended before."""
    line = [sys.executable, "-m", "benchmarks.resume", "--child", str(directory)]
    line += ["--steps", str(steps), "--method", method]
    process = subprocess.Popen(line, cwd=Path(__file__).parent.parent)
    log = directory / LOG
    while process.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") >= begun):
        time.sleep(0.01)
    time.sleep(wait)
    if process.poll() is not None:
        return False
    process.send_signal(signal.SIGKILL)
    process.wait()
    return True


def same(one: JointLM, other: JointLM) -> bool:
    """Equal in every bit."""
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(first.detach(), second.detach()) for first, second in pairs)


def main() -> None:
    """Train once unbroken and once killed again and again; compare."""
    configure_libraries()
    parser = Command("benchmarks.resume", __doc__)
    parser.add_argument("--kills", type=int, default=20, help="at random moments")
    parser.add_argument("--steps", type=int, default=400, help="of the whole training")
    parser.add_argument("--method", default="adamw", help="or muon")
    # of the processes that are started to be killed
    parser.add_argument("--child", type=Path, help=SUPPRESS)
    parser.add_argument("--exact", action="store_true", help=SUPPRESS)
    parser.add_argument("--sharded", action="store_true", help=SUPPRESS)
    asked = parser.parse_args()
    if asked.child is not None:
        train(asked.child, asked.steps, asked.method, exact=asked.exact, sharded=asked.sharded)
        return
    chance = random.Random(time.time_ns())
    with tempfile.TemporaryDirectory() as folder:
        whole, _ = train(Path(folder) / "whole", asked.steps, asked.method, seconds=math.inf)
        survived = 0
        for number in range(asked.kills):
            begun = asked.steps * number // asked.kills
            survived += killed(Path(folder) / "broken", asked.steps, asked.method, chance.random() / 2, begun)
        broken, _ = train(Path(folder) / "broken", asked.steps, asked.method)
        print(
            f"{survived} kills survived; weights {'equal bit for bit' if same(whole, broken) else 'DIFFER'}"
        )


if __name__ == "__main__":
    main()

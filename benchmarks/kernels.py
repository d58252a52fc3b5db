"""What each hand-written kernel of ``umt.lm.kernels`` brings by itself, as one table.

    python -m benchmarks.kernels [--pairs 7]

Processor time of a training step (or of decoding) with the kernel and without it, everything else equal, in
turn on one core: a ratio of neighbours holds on a shared machine, too. *brings* is the share of the time
without the kernel that it saves: median and range over the pairs. `thread_parallel` runs on all cores and is
timed by the wall as well, which other programs disturb.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import umt  # before torch: threads that sleep while they wait

# isort: split
import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator

import umt.lm.kernels
from umt.cli.command_line import Command
from umt.lm.generation import Direction, Generation
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.kernels import cross_entropy
from umt.lm.mixed_precision import native_bf16
from umt.lm.search import Greedy
from umt.lm.thread_parallel import sum_nll
from umt.runtime.processes import cores

MINI, VOCABULARY = Architecture(width=128, layers=3, heads=2, hidden=384, context=512), 4096
ROWS, LENGTH = 32, 64
FOLDER = Path(umt.lm.kernels.__file__).parent
BF16 = torch.bfloat16 if native_bf16() else torch.float32


@dataclass(frozen=True)
class Comparison:
    """One kernel: its modules below ``umt/lm``, and the same work with and without it."""

    name: str
    modules: str
    on: Callable[[], object]
    off: Callable[[], object]
    wall: bool = False

    @property
    def lines(self) -> int:
        """Of the modules together."""
        files = [FOLDER.parent / f"{module}.py" for module in self.modules.split()]
        return sum(len(file.read_text("utf-8").splitlines()) for file in files)

    def shares_saved(self, pairs: int) -> list[float]:
        """(pairs,) 1 - time with / time without, sorted; a pair before them warms up."""
        clock = time.perf_counter if self.wall else time.process_time
        shares = []
        for _ in range(pairs + 1):
            start = clock()
            self.on()
            middle = clock()
            self.off()
            shares.append(1 - (middle - start) / (clock() - middle))
        return sorted(shares[1:])


def new_model(kernels: bool = True, by_layers: bool = True) -> JointLM:
    """by_layers: false leaves the layers to ``transformers``, and the loss to our kernel."""
    model = JointLM.create(MINI, VOCABULARY, Generator().manual_seed(1), kernels=kernels)
    model.trains_by_kernels &= by_layers
    return model


def step(model: JointLM, dtype: torch.dtype) -> Callable[[], object]:
    """A step of causal language modelling forward and backward, rows undivided."""
    ids = torch.randint(5, VOCABULARY, (ROWS, LENGTH + 1), generator=Generator().manual_seed(2))
    everywhere = torch.ones(ROWS, LENGTH, dtype=torch.bool)

    def run() -> None:
        model.zero_grad()
        model(ids[:, :-1], ids[:, 1:], everywhere, dtype=dtype).backward()

    return run


def autocast_step() -> Callable[[], object]:
    """A step of ``transformers`` under ``torch.autocast``, the loss by our kernel."""
    run = step(new_model(by_layers=False), BF16)

    def patched() -> None:
        with torch.autocast("cpu", BF16, enabled=torch.bfloat16 == BF16):
            run()

    return patched


def threaded_step(model: JointLM, dealt: bool) -> Callable[[], object]:
    """The same on all cores: rows dealt to threads, or threads inside each product."""
    ids = torch.randint(5, VOCABULARY, (ROWS, LENGTH + 1), generator=Generator().manual_seed(2))
    everywhere = torch.ones(ROWS, LENGTH, dtype=torch.bool)

    def run() -> None:
        model.zero_grad()
        loss = sum_nll if dealt else JointLM.__call__
        loss(model, ids[:, :-1], ids[:, 1:], everywhere, dtype=BF16).backward()

    return run


def loss(by_kernel: bool, dtype: torch.dtype) -> Callable[[], object]:
    """Head and loss of a batch, forward and backward."""
    generator = Generator().manual_seed(3)
    hidden = torch.randn(ROWS * LENGTH, MINI.width, generator=generator).to(dtype).requires_grad_()
    head = torch.randn(VOCABULARY, MINI.width, generator=generator).mul_(0.1).requires_grad_()
    targets = torch.randint(VOCABULARY, (len(hidden),), generator=generator)

    def run() -> None:
        hidden.grad = head.grad = None
        if by_kernel:
            nll = cross_entropy(hidden, head.to(dtype), targets)
        else:
            nll = F.cross_entropy((hidden @ head.to(dtype).T).float(), targets, reduction="none")
        nll.sum().backward()  # type: ignore[no-untyped-call]

    return run


def decoding(kernels: bool) -> Callable[[], object]:
    """Greedy search over 64 sentences by an encoder-decoder, in fp32."""
    model = new_model(kernels).divided("t5gemma2").eval()
    random = np.random.default_rng(4)
    sources = [random.integers(5, VOCABULARY, size) for size in random.integers(8, 25, 64)]
    direction = Direction(2, 3, 1, torch.arange(VOCABULARY))
    return lambda: Generation(Greedy(), workers=1).generate(model, sources, direction)


def comparisons() -> list[Comparison]:
    """Every kernel for a processor."""
    short = str(BF16).removeprefix("torch.")
    layers = "kernels/cpu_forward kernels/cpu_autograd kernels/cpu_loops kernels/layer_weights"
    step_short, fp32 = step(new_model(), BF16), torch.float32
    by_transformers = step(new_model(by_layers=False), fp32)
    decoders = "kernels/decoding_weights kernels/kv_cache kernels/decoding_loops"
    return [
        Comparison("layers, fp32", layers, step(new_model(), fp32), by_transformers),
        Comparison(f"layers, {short}", layers, step_short, autocast_step()),
        Comparison("cross_entropy, fp32", "kernels/cross_entropy", loss(True, fp32), loss(False, fp32)),
        Comparison(f"cross_entropy, {short}", "kernels/cross_entropy", loss(True, BF16), loss(False, BF16)),
        Comparison(f"mixed_precision, {short}", "mixed_precision", step_short, step(new_model(), fp32)),
        Comparison("decoding, fp32", decoders, decoding(True), decoding(False)),
    ]


def threaded_comparisons() -> list[Comparison]:
    """What needs several cores."""
    dealt, inside = (threaded_step(new_model(), each) for each in (True, False))
    return [
        Comparison("thread_parallel, processor time", "thread_parallel", dealt, inside),
        Comparison("thread_parallel, wall", "thread_parallel", dealt, inside, wall=True),
    ]


def show(comparison: Comparison, pairs: int) -> None:
    """One row of the table."""
    shares = comparison.shares_saved(pairs)
    middle, low, high = (100 * shares[place] for place in (len(shares) // 2, 0, -1))
    print(f"| {comparison.name} | {comparison.lines} | {middle:.0f}% ({low:.0f} to {high:.0f}) |", flush=True)


def main() -> None:
    """Print the table."""
    parser = Command("benchmarks.kernels", __doc__)
    parser.add_argument("--pairs", type=int, default=7, help="measurements with and without, in turn")
    pairs = parser.parse_args().pairs
    print("| kernel | lines | brings |\n|---|---|---|")
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_cores)})
    torch.set_num_threads(1)
    for comparison in comparisons():
        show(comparison, pairs)
    os.sched_setaffinity(0, all_cores)
    torch.set_num_threads(cores())
    for comparison in threaded_comparisons():
        show(comparison, pairs)


if __name__ == "__main__":
    main()

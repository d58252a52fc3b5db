"""Training speed beside the machine's matrix products and a plain ``transformers.Trainer`` on the same rows.

    python -m benchmarks.training [--size tiny] [--steps 12] [--rounds 5]

6 N operations a token are counted, N the weights in matrix products with the output head and without the
look-up of embeddings. Our loop multiplies in bf16 where the processor has instructions for it; both are timed
in both precisions, beside the machine's own rate in each, that of large square products, and beside the
products of a step alone, forward and backward, in the shapes that the network has them. All are measured in
turn, round by round, and each keeps its best, since a busy machine only ever slows down.
"""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path

import umt  # noqa: F401  (before torch: threads that sleep while they wait)

# isort: split
import numpy as np
import torch
from omegaconf import OmegaConf
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments

from benchmarks.products import Product, operations, seconds
from umt.cli.command_line import Command
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.loading import configure_libraries
from umt.text.token_shards import TokenShards, write_shards
from umt.text.tokenizer import Tokenizer
from umt.training.lm_objectives import CausalLM
from umt.training.loop import LoopOptions, fit
from umt.training.optimiser import OptimiserConfig
from umt.types import Lang

LANG = Lang("en")
LENGTH, TOKENS = 64, 2048


def ceiling(side: int = 1536, short: bool | None = None) -> float:
    """Operations a second of the best of a few square products; in bf16 if ``short``, by default on a GPU."""
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        side *= 5
    one = torch.randn(side, side, device="cuda" if on_gpu else "cpu")
    one = one.bfloat16() if (on_gpu if short is None else short) else one
    best = math.inf
    for _ in range(4):
        start = time.perf_counter()
        two = one @ one
        if on_gpu:
            float(two[0, 0])
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best


def corpus(directory: Path, vocabulary: int) -> tuple[Tokenizer, TokenShards]:
    """Random words in skewed order: what they say changes no speed."""
    chance = np.random.default_rng(1)
    words = ["".join(chr(97 + letter) for letter in chance.integers(0, 26, 5)) for _ in range(vocabulary)]
    lines = [
        " ".join(words[min(int(place), vocabulary - 1)] for place in chance.zipf(1.2, 15))
        for _ in range(20_000)
    ]
    tokenizer = Tokenizer.train({LANG: lines}, vocabulary)
    write_shards(lines, LANG, tokenizer, directory)
    return tokenizer, TokenShards(directory, LANG)


def of_a_step(model: JointLM, rows: int) -> list[Product]:
    """The products by weights, forward and backward, of a step on ``rows`` subwords."""
    inside = [weight for weight in model.network.base_model.parameters() if weight.ndim == 2]
    matrices = [tuple(weight.shape) for weight in inside if weight is not model.embeddings]
    return [
        product
        for out, into in [*matrices, tuple(model.head.shape)]
        for product in (
            Product(rows, into, out),
            Product(rows, out, into, False),
            Product(out, rows, into, False),
        )
    ]


class Rows(Dataset[dict[str, torch.Tensor]]):
    """The rows of an objective, for the Trainer."""

    def __init__(self, objective: CausalLM, rows: int) -> None:
        drawn = [objective.draw()[:, :-1] for _ in range(math.ceil(rows * LENGTH / TOKENS))]
        self.rows = torch.cat(drawn)[:rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        return {"input_ids": self.rows[number], "labels": self.rows[number]}


def ours(model: JointLM, objective: CausalLM, steps: int, directory: Path, method: str, short: bool) -> float:
    """Tokens a second of our loop, the first record left out."""
    optimisation = OptimiserConfig(2 * steps, method=method)  # type: ignore[arg-type]
    options = LoopOptions(steps, math.inf, exact=not short)
    records = fit(model, {"causal": objective}, optimisation, directory, 1, lambda *_: None, options=options)
    return records[-1]["tokens_per_second"]


def trainers(model: JointLM, objective: CausalLM, steps: int, directory: Path, short: bool) -> float:
    """Tokens a second of a plain Trainer on the same rows."""
    arguments = TrainingArguments(
        output_dir=str(directory),
        per_device_train_batch_size=TOKENS // LENGTH,
        max_steps=steps,
        learning_rate=3e-3,
        logging_steps=10_000,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        bf16=short,
        use_cpu=not torch.cuda.is_available(),
    )
    rows = Rows(objective, (steps + 2) * TOKENS // LENGTH)
    start = {}

    class Clocked(Trainer):
        def training_step(self, *parsed: object, **named: object) -> torch.Tensor:
            if self.state.global_step == 2:
                start["at"] = time.perf_counter()
            return super().training_step(*parsed, **named)  # type: ignore[arg-type]

    Clocked(model=model.network, args=arguments, train_dataset=rows).train()
    return (steps - 2) * TOKENS / (time.perf_counter() - start["at"])


def main() -> None:
    """Print one line each."""
    configure_libraries()
    parser = Command("benchmarks.training", __doc__)
    parser.add_argument("--size", default="tiny", help="an option of the group size")
    parser.add_argument("--vocabulary", type=int, default=4096, help="rows of the head")
    parser.add_argument("--steps", type=int, default=12, help="of each in a round")
    parser.add_argument("--rounds", type=int, default=5, help="in which all take turns")
    parser.add_argument("--method", default="adamw", help="of our optimiser, or muon")
    asked = parser.parse_args()
    size = OmegaConf.load(Path(__file__).parent.parent / f"conf/size/{asked.size}.yaml")
    architecture = Architecture(**{str(name): value for name, value in size.items() if name != "_target_"})
    device = "cuda" if torch.cuda.is_available() else "cpu"
    peaks, alone = {"fp32": 0.0, "bf16": 0.0}, {"fp32": 0.0, "bf16": 0.0}
    speeds = {(who, precision): 0.0 for precision in peaks for who in ("ours", "Trainer")}
    with tempfile.TemporaryDirectory() as folder:
        tokenizer, shards = corpus(Path(folder), asked.vocabulary)
        for number in range(asked.rounds):
            for who, precision in speeds:
                short = precision == "bf16"
                peaks[precision] = max(peaks[precision], ceiling(short=short))
                objective = CausalLM({LANG: shards}, tokenizer, LENGTH, TOKENS, number)
                model = JointLM.create(architecture, len(tokenizer), torch.Generator().manual_seed(1)).to(
                    device
                )
                threads = torch.get_num_threads()
                parts = [of_a_step(model, TOKENS // threads)] * threads
                taken = seconds(parts, torch.bfloat16 if short else torch.float32)
                alone[precision] = max(alone[precision], sum(map(operations, parts)) / taken)
                place = Path(folder) / f"{who}{precision}{number}"
                speed = (
                    ours(model, objective, asked.steps, place, asked.method, short)
                    if who == "ours"
                    else trainers(model, objective, asked.steps, place, short)
                )
                speeds[who, precision] = max(speeds[who, precision], speed)
    weights = model.matrix_parameters()
    entry = ", ".join(f"{precision} {peak / 1e9:,.1f} GFLOP/s" for precision, peak in peaks.items())
    print(f"N = {weights:,}, {torch.get_num_threads()} threads, products: {entry}")
    for (who, precision), speed in speeds.items():
        rate = 6 * weights * speed
        shares = ", ".join(f"{rate / peak:.2f} of {name}" for name, peak in peaks.items())
        print(f"{who:8} {precision} {speed:10,.0f} tokens/s  {rate / 1e9:8,.1f} GFLOP/s  {shares}")
    for precision, rate in alone.items():
        shares = ", ".join(f"{rate / peak:.2f} of {name}" for name, peak in peaks.items())
        spent = 6 * weights * speeds["ours", precision] / rate
        print(
            f"products of its shapes alone {precision} {rate / 1e9:8,.1f} GFLOP/s  {shares}; "
            f"ours has {spent:.2f} of that rate"
        )
    for precision in peaks:
        times = speeds["ours", precision] / speeds["Trainer", precision]
        print(f"ours is {times:.2f} times as fast in {precision}")
    best = max(speed for (who, _), speed in speeds.items() if who == "ours")
    print(f"ours as it is against a plain Trainer: {best / speeds['Trainer', 'fp32']:.2f} times as fast")


if __name__ == "__main__":
    main()

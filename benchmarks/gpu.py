"""How fast one GPU trains the language model, beside its own rate of products.

    python -m benchmarks.gpu [--size base] [--tokens 65536] [--length 512] [--profile FILE]

6 N operations a token are counted, as in `benchmarks.training`, and apart from these what attention needs.
The first record holds the compilation and is left out. `--profile` writes a table of
kernels. How fast it translates back says ``python -m scripts.offline_gpu train ... --clock 64``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import umt  # noqa: F401  (before torch: threads that sleep while they wait)

# isort: split
import torch
from omegaconf import OmegaConf
from torch.profiler import ProfilerActivity, profile

from benchmarks.training import LANG, ceiling, corpus
from umt.cli.command_line import Command
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.loading import best_device, configure_libraries
from umt.training.lm_objectives import CausalLM
from umt.training.loop import LoopOptions, fit
from umt.training.optimiser import OptimiserConfig

RECORDS, SUBWORDS = 3, 4096


def main() -> None:
    """Print one line."""
    configure_libraries()
    parser = Command("benchmarks.gpu", __doc__)
    parser.add_argument("--size", default="base", help="an option of the group size")
    parser.add_argument("--vocabulary", type=int, default=32768, help="rows of the head")
    parser.add_argument("--tokens", type=int, default=65536, help="a step")
    parser.add_argument("--length", type=int, default=512, help="of a row")
    parser.add_argument("--steps", type=int, default=16, help="a record")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="write a table of kernels there")
    asked = parser.parse_args()
    size = OmegaConf.load(Path(__file__).parent.parent / f"conf/size/{asked.size}.yaml")
    architecture = Architecture(**{str(name): value for name, value in size.items() if name != "_target_"})
    device = best_device()
    with tempfile.TemporaryDirectory() as folder:
        tokenizer, shards = corpus(Path(folder), SUBWORDS)
        model = JointLM.create(
            architecture, asked.vocabulary, torch.Generator().manual_seed(1), kernels=device.type == "cpu"
        ).to(device)
        causal = CausalLM({LANG: shards}, tokenizer, asked.length, asked.tokens, 1)

        def trained(records: int, name: str) -> list[dict[str, float]]:
            options = LoopOptions(asked.steps, 1e9)
            return fit(model, {"causal": causal}, OptimiserConfig(records * asked.steps),
                       Path(folder) / name, 1,
                       lambda what, done, total: print(f"{done} of {total} steps: {what}", flush=True),
                       options=options)  # fmt: skip

        speed = max(record["tokens_per_second"] for record in trained(RECORDS, "timed")[1:])
        peak = max(ceiling() for _ in range(3))
        weights = model.matrix_parameters()
        attention = 6 * architecture.layers * architecture.width * asked.length
        card = torch.cuda.get_device_name() if device.type == "cuda" else "processor"
        print(
            f"{card}, {asked.size}, N = {weights:,}, {asked.tokens:,} tokens a step in rows of {asked.length}"
            f": {speed:,.0f} tokens/s; {6 * weights * speed / peak:.2f} of {peak / 1e12:,.1f} TFLOP/s, "
            f"{(6 * weights + attention) * speed / peak:.2f} with attention"
        )
        if asked.profile:
            kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
            with profile(activities=kinds) as seen:
                trained(1, "profiled")
            order = f"self_{device.type}_time_total"
            asked.profile.write_text(seen.key_averages().table(sort_by=order, row_limit=50))


if __name__ == "__main__":
    main()

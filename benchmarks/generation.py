"""Back-translation's generation beside ``transformers.generate``, and its share of the training step.

    python -m benchmarks.generation runs/train_translator-...  [--sentences 600] [--rounds 3] [--steps 24]

A translator that ``train.py`` made writes the same real sentences, greedily, with the same weights and limits
of length: as `umt.lm.generation` does, in fp32 and as in training, with all products in bf16 where the
processor has instructions for it; and as ``transformers`` does with its key/value cache, in
left-padded batches of like length, in fp32 and bf16, of the size that serves it best. All take turns, and
each keeps its best round, since a busy machine only ever slows down. Beside them stands what the matrix
products alone of our batches take, less than which nothing that decodes them can, and seconds of the
processor, which waiting for others costs none of. Then steps of back-translation alone are timed, as
``translator=backtranslation`` is configured.
"""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from unittest.mock import patch

import umt  # noqa: F401  (before torch: threads that sleep while they wait)

# isort: split
import numpy as np
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from rich.console import Console
from rich.table import Table

from benchmarks import products
from benchmarks.back_translation import steps_of
from benchmarks.products import Product
from benchmarks.training import ceiling
from umt.cli.command_line import Command
from umt.lm.generation import Direction
from umt.lm.kernels import KVCache
from umt.lm.loading import configure_libraries, load
from umt.lm.mixed_precision import native_bf16, training_dtype
from umt.pipeline.artefact import Artefact
from umt.pipeline.neural_stages import languages_of
from umt.runtime.files import MANIFEST
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Ids, Tokenizer
from umt.translation.quality.criteria import sample_sentences
from umt.translation.training import TranslatorTraining

ROOT = Path(__file__).parent.parent
SIZES = (32, 128, 512)
"""Sentences a batch that ``transformers.generate`` may choose among."""
"""Steps before the clock counts."""


def theirs(
    network: torch.nn.Module, sources: Sequence[Ids], way: Direction, caps: Sequence[int], pad: int, size: int
) -> list[list[int]]:
    """What ``transformers.generate`` writes: sorted by length, ``size`` sentences a batch."""
    order = np.argsort([-len(each) for each in sources], kind="stable")
    written: list[list[int]] = [[] for _ in sources]
    for first in range(0, len(order), size):
        places = order[first : first + size].tolist()
        longest = max(len(sources[place]) for place in places) + 2
        prompts = torch.full((len(places), longest), pad)
        for row, place in zip(prompts, places, strict=True):
            ids = [way.source, *sources[place].tolist(), way.target]
            row[longest - len(ids) :] = torch.tensor(ids)
        prompts = prompts.to(next(network.parameters()).device)
        with torch.inference_mode():
            entry = network.generate(  # type: ignore[operator]
                prompts,
                attention_mask=(prompts != pad).long(),
                max_new_tokens=max(caps[place] for place in places),
                do_sample=False,
                eos_token_id=way.end,
                pad_token_id=pad,
            )
        for place, row in zip(places, entry[:, longest:].tolist(), strict=True):
            row = row[: caps[place]]
            written[place] = row[: row.index(way.end) + 1] if way.end in row else row
    return written


def recorded(write: Callable[[], object]) -> list[list[Product]]:
    """The products by weights that ``write`` does, in order, those of each thread apart."""
    done: dict[int, list[Product]] = {}

    class Recorded(KVCache):
        def note(self, rows: int, layers: int, head: bool) -> None:
            mine = done.setdefault(threading.get_ident(), [])
            for number, layer in enumerate(self.weights.layers):
                inside = [layer.qkv, layer.output, layer.gate_up, layer.down]
                for weight in inside if number < layers else inside[:1]:
                    mine.append(Product(rows, weight.shape[1], weight.shape[0]))
            if head:
                mine.append(Product(rows, *self.weights.head.shape[::-1]))

        def _prefill_cpu(self, prompts: torch.Tensor) -> None:
            self.note(prompts.numel(), len(self.weights.layers) - 1, head=False)
            super()._prefill_cpu(prompts)

        def step(self, tokens: torch.Tensor) -> torch.Tensor:
            self.note(len(tokens), len(self.weights.layers), head=True)
            return super().step(tokens)

    with patch("umt.lm.decoding_cache.KVCache", Recorded):
        write()
    return list(done.values())


def opened(directory: Path) -> tuple[Artefact, tuple[TokenShards, TokenShards]]:
    """A translator and the text that it learned from."""
    translator = Artefact(directory, json.loads((directory / MANIFEST).read_text("utf-8")))
    [tokens] = [name for name in translator.manifest["inputs"] if name.startswith("tokenise-")]
    source, target = languages_of(translator)
    return translator, (
        TokenShards(directory.parent / tokens, source),
        TokenShards(directory.parent / tokens, target),
    )


def main() -> None:
    """Print one table of speeds and one line on the step."""
    configure_libraries()
    parser = Command("benchmarks.generation", __doc__)
    parser.add_argument("translator", type=Path, help="a folder train_translator-... of a store")
    parser.add_argument("--sentences", type=int, default=600, help="of each language that are written")
    parser.add_argument("--rounds", type=int, default=3, help="in which all take turns")
    parser.add_argument("--steps", type=int, default=24, help="of back-translation that are timed")
    asked = parser.parse_args()
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        strategy: TranslatorTraining = instantiate(compose("config").translator)
    artefact, texts = opened(asked.translator)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = load(artefact.path).to(device).eval()
    if model.encoder is not None:
        parser.error("it has an encoder: see python -m benchmarks.decoding")
    tokenizer = Tokenizer.load(artefact.path)
    weights, head = model.matrix_parameters(), model.head.numel()
    networks = {"": model.network, ", bf16": copy.deepcopy(model.network).bfloat16()}
    clocks: dict[str, list[float]] = {}  # name -> seconds of the clock, of the processor
    peak, agreed, nearly, tokens, read, count = 0.0, 0, 0, 0, 0, 0
    for here, there in (texts, texts[::-1]):
        sources = sample_sentences(here, asked.sentences, strategy.batching.validation_length, 1)
        way = Direction(
            tokenizer.tag(here.lang), tokenizer.tag(there.lang), tokenizer.end, torch.arange(len(tokenizer))
        )  # everything may be written: transformers has no cheap way to forbid
        caps = strategy.synthesis.generation.max_lengths(sources, model.context).tolist()

        def ours(exact: bool, sources: list[Ids] = sources, way: Direction = way) -> list[list[int]]:
            short = training_dtype(model.device, exact)
            entry = strategy.synthesis.generation.generate(model, sources, way, dtype=short)
            return [each[0].ids.tolist() + [way.end] * each[0].ended for each in entry]

        ways: dict[str, Callable[[], list[list[int]]]] = {
            "ours": partial(ours, False),
            "ours, fp32": partial(ours, True),
        }
        for name, network in networks.items():
            for size in SIZES:
                ways[f"transformers{name}, {size} a batch"] = partial(
                    theirs, network, sources, way, caps, tokenizer.pad, size
                )
        spent = {name: [np.inf, np.inf] for name in ways}
        written: dict[str, list[list[int]]] = {}
        for _ in range(asked.rounds):
            peak = max(peak, ceiling())
            for name, write in ways.items():
                start = time.perf_counter(), time.process_time()
                written[name] = write()
                taken = time.perf_counter() - start[0], time.process_time() - start[1]
                spent[name] = [min(pair) for pair in zip(spent[name], taken, strict=True)]
        if device == "cpu":
            done = recorded(ways["ours"])
            inside = torch.bfloat16 if native_bf16() else torch.float32
            fewest = products.seconds(done, inside, asked.rounds)
            spent["products of ours alone"] = [fewest, np.nan]
        for name, both in spent.items():
            total = clocks.setdefault(name, [0.0, 0.0])
            clocks[name] = [one + other for one, other in zip(total, both, strict=True)]
        exact = [each for name, each in written.items() if "bf16" not in name and name != "ours"]
        agreed += sum(len({*map(tuple, each)}) == 1 for each in zip(*exact, strict=True))
        nearly += sum(each == other for each, other in zip(written["ours"], exact[0], strict=True))
        tokens += sum(map(len, written["ours"]))
        read += sum(len(each) + 1 for each in sources)
        count += len(sources)
    operations = 2 * weights * tokens + 2 * (weights - head) * read
    table = Table(title=f"{weights:,} weights, {count} sentences, {read / count:.1f} subwords in, "
                  f"{tokens / count:.1f} out, {torch.get_num_threads()} threads, {device}")  # fmt: skip
    for title in ("greedy", "tokens/s", "GFLOP/s", "of the ceiling", "ours: times", "by processor"):
        table.add_column(title, justify="left" if title == "greedy" else "right")
    for name, (seconds, processor) in clocks.items():
        rate, (least, lightest) = operations / seconds, clocks["ours"]
        table.add_row(name, f"{tokens / seconds:,.0f}", f"{rate / 1e9:,.1f}", f"{rate / peak:.0%}",
                      f"{seconds / least:.2f}", f"{processor / lightest:.2f}")  # fmt: skip
    Console(width=110).print(table)
    print(f"{agreed} of {count} outputs in fp32 are the same, token by token, and {nearly} of ours as in "
          f"training; ceiling {peak / 1e9:,.1f} GFLOP/s in fp32")  # fmt: skip
    result = [steps_of(strategy, model, tokenizer, texts, asked.steps) for _ in range(asked.rounds)]
    best = min(result)
    print(f"a step of back-translation takes {best.seconds:.3f} s, {best.share:.0%} of it generation "
          f"(rounds: {', '.join(f'{each.share:.0%}' for each in result)}); "
          f"{best.words:,.0f} words a second")  # fmt: skip


if __name__ == "__main__":
    main()

"""Greedy decoding of the default encoder-decoder beside ``transformers.generate`` and CTranslate2.

    python -m benchmarks.decoding runs/train_translator-...  [--sentences 600] [--rounds 3]

All decode the same translator, a T5 Gemma 2; the peers are made to write as many subwords of a sentence as
this program does, and subwords a second are compared. All take turns in one run; each has its best round, in
seconds of the clock and of the processor. ``transformers`` has batches of 32, 128 and 512 sentences.
CTranslate2, where it is installed, reads batches of one source length, as `umt.translation.export` has to.
"""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, cast

import umt  # noqa: F401  (before torch: threads that sleep while they wait)

# isort: split
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.generation import opened
from umt.cli.command_line import Command
from umt.lm.generation import Direction, Generation
from umt.lm.joint_lm import JointLM
from umt.lm.loading import configure_libraries, load
from umt.lm.mixed_precision import native_bf16
from umt.lm.t5gemma2 import T5Gemma2ForConditionalGeneration
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Ids, Tokenizer
from umt.translation.export import CTranslate2Generation, by_ctranslate2
from umt.translation.quality.criteria import sample_sentences
from umt.translation.translator import NeuralTranslator
from umt.types import Lang

SIZES = (32, 128, 512)
"""Sentences a batch that ``transformers.generate`` may choose among."""


class Job(NamedTuple):
    """Sentences to translate, and how many subwords each translation has, its end included."""

    source: Lang
    target: Lang
    way: Direction
    sentences: list[Ids]
    lengths: list[int]

    @classmethod
    def make(cls, tokenizer: Tokenizer, model: JointLM, source: TokenShards, target: Lang, count: int) -> Job:
        sentences = sample_sentences(source, count, 100, 1)
        way = Direction.between(tokenizer, source.lang, target)
        job = cls(source.lang, target, way, sentences, [])
        return job._replace(lengths=Ours(model, torch.float32).lengths(job))

    def batches(self, size: int) -> Iterator[tuple[list[Ids], int]]:
        """Sentences of like length, at most ``size``, and how many subwords each is to become."""
        order = sorted(range(len(self.sentences)), key=lambda place: -len(self.sentences[place]))
        for first in range(0, len(order), size):
            yield self._batch(order[first : first + size])

    def by_length(self) -> Iterator[tuple[list[Ids], int]]:
        """The same, sentences of one length in each."""
        lengths = [len(sentence) for sentence in self.sentences]
        for length in sorted(set(lengths)):
            yield self._batch([place for place, other in enumerate(lengths) if other == length])

    def _batch(self, places: list[int]) -> tuple[list[Ids], int]:
        written = round(float(np.mean([self.lengths[place] for place in places])))
        return [self.sentences[place] for place in places], written


@dataclass(frozen=True)
class Ours:
    """`umt.lm.generation`; dtype: of products by weights."""

    model: JointLM
    dtype: torch.dtype

    def lengths(self, job: Job) -> list[int]:
        """Subwords of each translation, its end included."""
        outputs = Generation().generate(self.model, job.sentences, job.way, dtype=self.dtype)
        return [len(best.ids) + 1 for best, *_ in outputs]

    def decode(self, job: Job) -> int:
        """Translate; returns the number of subwords written."""
        return sum(self.lengths(job))


@dataclass(frozen=True)
class Transformers:
    """``generate``, ``size`` sentences a batch."""

    network: T5Gemma2ForConditionalGeneration
    pad: int
    size: int

    def decode(self, job: Job) -> int:
        """See `Ours.decode`."""
        count = 0
        for sentences, length in job.batches(self.size):
            rows = [torch.tensor([job.way.source, *sentence.tolist()]) for sentence in sentences]
            ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.pad)
            with torch.inference_mode():
                written = self.network.generate(
                    ids,
                    attention_mask=(ids != self.pad).long(),
                    decoder_start_token_id=job.way.target,
                    min_new_tokens=length,
                    max_new_tokens=length,
                    do_sample=False,
                    eos_token_id=job.way.end,
                    pad_token_id=self.pad,
                )
            count += len(sentences) * (written.shape[1] - 1)
        return count


@dataclass(frozen=True)
class CTranslate2:
    """Its translators by source language."""

    opened: Mapping[Lang, CTranslate2Generation]

    @classmethod
    def convert(
        cls, model: JointLM, tokenizer: Tokenizer, jobs: Sequence[Job], scratch: Path, int8: bool
    ) -> CTranslate2:
        opened = {}
        for job in jobs:
            translator = NeuralTranslator(job.source, job.target, model, tokenizer, generation=Generation())
            generation = by_ctranslate2(translator, scratch / job.source, int8).generation
            opened[job.source] = cast(CTranslate2Generation, generation)
        return cls(opened)

    def decode(self, job: Job) -> int:
        """See `Ours.decode`."""
        count, opened = 0, self.opened[job.source]
        for sentences, length in job.by_length():
            results = opened.opened.translate_batch(
                [[opened.pieces[token] for token in (job.way.source, *ids)] for ids in sentences],
                beam_size=1,
                min_decoding_length=length,
                max_decoding_length=length,
                max_batch_size=8192,
                batch_type="tokens",
            )
            count += sum(len(result.hypotheses[0]) for result in results)
        return count


def decoders(
    model: JointLM, tokenizer: Tokenizer, jobs: Sequence[Job], scratch: Path
) -> dict[str, Callable[[Job], int]]:
    """Name -> what decodes a job."""
    decode: dict[str, Callable[[Job], int]] = {}
    precisions = {"bf16": torch.bfloat16, "fp32": torch.float32} if native_bf16() else {"fp32": torch.float32}
    for name, dtype in precisions.items():
        decode[f"umt, {name}"] = Ours(model, dtype).decode
    for name, dtype in precisions.items():
        network: Any = copy.deepcopy(model.network).to(dtype)  # type: ignore[arg-type]
        for size in SIZES:
            title = f"transformers, {name}, {size} a batch"
            decode[title] = Transformers(network, tokenizer.pad, size).decode
    if find_spec("ctranslate2"):
        for name, int8 in (("fp32", False), ("int8", True)):
            opened = CTranslate2.convert(model, tokenizer, jobs, scratch / name, int8)
            decode[f"CTranslate2, {name}"] = opened.decode
    return decode


def main() -> None:
    """Print one table."""
    configure_libraries()
    parser = Command("benchmarks.decoding", __doc__)
    parser.add_argument("translator", type=Path, help="a folder train_translator-... of a store")
    parser.add_argument("--sentences", type=int, default=600, help="of each language that are translated")
    parser.add_argument("--rounds", type=int, default=3, help="in which all take turns")
    asked = parser.parse_args()
    _, texts = opened(asked.translator)
    model, tokenizer = load(asked.translator).eval(), Tokenizer.load(asked.translator)
    if model.encoder is None:
        parser.error("it has no encoder: see python -m benchmarks.generation")
    jobs = [
        Job.make(tokenizer, model, here, there.lang, asked.sentences) for here, there in (texts, texts[::-1])
    ]
    seconds: dict[str, tuple[float, float]] = {}
    subwords: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as scratch:
        ways = decoders(model, tokenizer, jobs, Path(scratch))
        for _, (name, decode) in product(range(asked.rounds), ways.items()):
            clock, processor = time.perf_counter(), time.process_time()
            subwords[name] = sum(map(decode, jobs))
            taken = time.perf_counter() - clock, time.process_time() - processor
            seconds[name] = tuple(map(min, taken, seconds.get(name, taken)))  # type: ignore[assignment]
    table = Table(title=f"{model.matrix_parameters():,} weights, {2 * asked.sentences} sentences, "
                  f"{torch.get_num_threads()} threads")  # fmt: skip
    for title in ("greedy", "subwords", "subwords/s", "subwords/processor second"):
        table.add_column(title, justify="left" if title == "greedy" else "right")
    for name, best in seconds.items():
        table.add_row(name, f"{subwords[name]:,}", *(f"{subwords[name] / spent:,.0f}" for spent in best))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()

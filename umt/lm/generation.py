"""Batched decoding of translations with a joint language model and a cache of keys and values.

A prompt is ``<source> x``; the first token read after it is the tag of the target language.  Sentences of
like length share a batch, finished ones leave it, and each core works on a batch of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Generator, Tensor

from umt.lm.decoding_cache import DecodingCache, cache_capacity, cache_opener
from umt.lm.joint_lm import JointLM
from umt.lm.search import Greedy, Hypotheses, SearchTask
from umt.runtime.validate import require
from umt.text.tokenizer import Ids, Tokenizer
from umt.types import I64, Lang

_POSITIONS = 8192
"""Of keys and values, few enough for the caches of a processor."""
_SHARE = 0.125
"""Of a GPU's memory, for keys and values."""


@dataclass(frozen=True)
class Direction:
    """From one language to another (or to itself), in subword numbers.

    source, target: their tags; end: of a sentence; allowed: (allowed,) what may be written, ``end`` among it.
    """

    source: int
    target: int
    end: int
    allowed: Tensor

    def __post_init__(self) -> None:
        if int((self.allowed == self.end).sum()) != 1 or len(self.allowed) < 2:
            raise ValueError(f"{len(self.allowed)} tokens may be written: </s> must be one of at least two")

    @classmethod
    def between(
        cls, tokenizer: Tokenizer, source: Lang, target: Lang, written: Iterable[int] | None = None
    ) -> Direction:
        """``written``: the only subwords to choose from, for example those of the target language; else all.

        Tags, padding and mask are never written.
        """
        text = set(range(len(tokenizer)) if written is None else written) - tokenizer.special_ids
        allowed = torch.tensor(sorted({*text, tokenizer.end}))
        return cls(tokenizer.tag(source), tokenizer.tag(target), tokenizer.end, allowed)


class Output(NamedTuple):
    """A hypothesis for one sentence.

    ids: subwords without language tag and </s>; nll: -log p(ids, </s> | source) in nats, normalised over the
    allowed subwords, at temperature 1; ended: false where the maximum length cut it off.
    """

    ids: I64
    nll: float
    ended: bool


class Search(Protocol):
    """How the next token is chosen: `Greedy`, `Sampling` or `Beam`."""

    @property
    def rows(self) -> int:
        """Hypotheses that a sentence needs at once."""
        ...

    @property
    def random(self) -> bool:
        """Whether draws are needed."""
        ...

    def search(self, cache: DecodingCache, task: SearchTask) -> Hypotheses:
        """Hypotheses of every sentence of ``task``, the best first."""
        ...


class _Batch(NamedTuple):
    """Sentences that are decoded together, longest first."""

    places: I64
    caps: I64


@dataclass(frozen=True)
class Generation:
    """Batched decoding.  The output for a sentence is the same in any batch, up to rounding.

    search: how tokens are chosen.
    length_ratio, length_offset: at most ``length_ratio * length + length_offset`` tokens, </s> included.
    cache_positions: positions kept in memory at once by each worker, of prompts and hypotheses together; 0:
        `_POSITIONS`. A GPU keeps what fits into an eighth of its memory.
    workers: batches decoded at once, each by one thread; 0: one a core on the CPU, one on a GPU.
    """

    search: Search = field(default_factory=Greedy)
    length_ratio: float = 1.5
    length_offset: int = 10
    cache_positions: int = 0
    workers: int = 0

    def __post_init__(self) -> None:
        require(self, at_least_zero="length_ratio length_offset cache_positions workers")
        if self.length_ratio + self.length_offset < 1:
            raise ValueError(
                f"length_ratio={self.length_ratio} and length_offset={self.length_offset} leave no token "
                "to write"
            )

    def generate(
        self,
        model: JointLM,
        sources: Sequence[Ids],
        direction: Direction,
        generator: Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> list[list[Output]]:
        """For each source (subwords without tags), in order, its hypotheses, best first.

        An empty source gives one empty output.  Token t of sentence i takes draw ``[i, t]`` of one matrix.
        dtype: of products by weights on a processor, see `umt.lm.decoding_cache.cache_opener`.
        Raises ValueError when a source does not fit into the model's context, or a search that samples has no
        ``generator``.
        """
        caps = self.max_lengths(sources, model.context)
        outputs = [[Output(np.empty(0, np.int64), 0.0, True)] for _ in sources]
        filled = np.array([place for place, source in enumerate(sources) if len(source)], dtype=np.int64)
        if not len(filled):
            return outputs
        draws = None
        if self.search.random:
            if generator is None:
                raise ValueError("sampling needs a generator")
            draws = torch.rand(len(sources), int(caps.max()), generator=generator, device=generator.device)
        on_gpu = model.device.type == "cuda"
        workers = self.workers or (1 if on_gpu else torch.get_num_threads())
        opened = cache_opener(model, direction.allowed, dtype)
        allowed = direction.allowed.to(model.device)
        end = int((direction.allowed == direction.end).nonzero())

        def decode(batch: _Batch) -> Hypotheses:
            prompts = _prompts([sources[place] for place in batch.places], direction.source)
            lengths = torch.tensor([len(sources[place]) + 1 for place in batch.places])
            max_lengths = torch.from_numpy(batch.caps).to(model.device)
            cache = opened(
                prompts.to(model.device), lengths.to(model.device), self.search.rows, int(batch.caps.max())
            )
            mine = None if draws is None else draws[torch.from_numpy(batch.places)].to(model.device)
            return self.search.search(cache, SearchTask(direction.target, allowed, end, max_lengths, mine))

        decode = torch.autocast(model.device.type, enabled=False)(decode)
        cached = cache_capacity(model, _SHARE) if on_gpu else self.cache_positions or _POSITIONS
        batches = self._batches(filled, np.array([len(source) for source in sources]), caps, workers, cached)
        for batch, written in zip(batches, _run_workers(decode, batches, workers), strict=True):
            for place, hypotheses in zip(batch.places.tolist(), _outputs(written, direction), strict=True):
                outputs[place] = hypotheses
        return outputs

    def max_lengths(self, sources: Sequence[Ids], context: int) -> I64:
        """(sentences,) tokens that may be written for each.

        Raises ValueError when a sentence leaves no room in ``context``.
        """
        lengths = np.array([len(source) for source in sources], dtype=np.int64)
        longest = int(lengths.max(initial=0))
        if longest + 3 > context:
            raise ValueError(f"a sentence of {longest} subwords leaves no room in a context of {context}")
        return np.minimum(
            (self.length_ratio * lengths).astype(np.int64) + self.length_offset, context - lengths - 2
        )

    def _batches(
        self,
        places: I64,
        lengths: I64,
        caps: I64,
        least: int,
        cached: int,
    ) -> list[_Batch]:
        """Longest first, each within the budget, and enough of them to keep every worker busy."""
        order = places[np.argsort(-lengths[places], kind="stable")]
        costs = lengths[order] + 1 + self.search.rows * caps[order]
        budget = max(1, min(cached, int(costs.sum()) // least))
        starts = [0]
        for place in range(1, len(order)):
            if (place + 1 - starts[-1]) * costs[starts[-1]] > budget:
                starts.append(place)
        ends = [*starts[1:], len(order)]
        return [_Batch(order[a:b], caps[order[a:b]]) for a, b in zip(starts, ends, strict=True)]


def _prompts(sources: Sequence[Ids], tag: int) -> Tensor:
    """(batch, longest + 1): the tag, then the source; zeros fill up."""
    prompts = np.zeros((len(sources), max(map(len, sources)) + 1), dtype=np.int64)
    prompts[:, 0] = tag
    for row, source in zip(prompts, sources, strict=True):
        row[1 : len(source) + 1] = source
    return torch.from_numpy(prompts)


def _outputs(written: Hypotheses, direction: Direction) -> list[list[Output]]:
    """Raises FloatingPointError where a sentence has no hypothesis of a finite cost."""
    ids = direction.allowed[written.ids].numpy()
    if not bool((written.nats < torch.inf).any(1).all()):
        raise FloatingPointError("the network gives no translation a finite probability: it is damaged")
    return [
        [
            Output(row[:length].copy(), cost, ended)
            for row, length, cost, ended in zip(*hypotheses, strict=True)
            if cost < np.inf
        ]
        for hypotheses in zip(ids, *(part.tolist() for part in written[1:]), strict=True)
    ]


def _run_workers(
    decode: Callable[[_Batch], Hypotheses], batches: Sequence[_Batch], workers: int
) -> list[Hypotheses]:
    """Decode each batch; several at once by one thread each, which is faster than several threads inside the
    small products of a step."""
    threads = torch.get_num_threads()

    @torch.inference_mode()
    def run(batch: _Batch) -> Hypotheses:
        torch.set_num_threads(1 if workers > 1 else threads)
        return decode(batch)

    if workers == 1:
        return [run(batch) for batch in batches]
    try:
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(run, batches))
    finally:
        torch.set_num_threads(threads)

"""Sentences packed into rows of fixed length, in a mixture of languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from umt.runtime.distributed import SINGLE, ProcessGroup
from umt.runtime.seeds import child_seed
from umt.runtime.validate import require
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Tokenizer
from umt.training.permutation import Permutation
from umt.types import I64, BadInput, Lang


@dataclass
class SentenceStream:
    """Sentences of one language in shuffled order, packed into rows of one length without padding.

    A row begins with a sentence; its last sentence is cut where the row ends, and other epochs cut elsewhere.
    position: sentences drawn so far, over all epochs. consecutive: sentences that stay together in the order
    of the text; what they leave over at its end is never drawn.
    """

    shards: TokenShards
    before: int
    after: int
    seed: int
    position: int = 0
    consecutive: int = 1

    def draw(self, rows: int, length: int) -> I64:
        """(rows, length) of subwords."""
        numbers, spans = self._choose(rows, length)
        joined = self.shards.concatenate(numbers, self.before, self.after)
        return np.stack([joined[start : start + length] for start in spans])

    def _choose(self, rows: int, length: int) -> tuple[I64, list[int]]:
        """Which sentences to join, and where in them each row starts."""
        count = 64
        while True:
            numbers = self._order(self.position, self.position + count)
            sizes = self.shards.offsets[numbers + 1] - self.shards.offsets[numbers] + 2
            ends = np.cumsum(sizes)
            spans: list[int] = []
            start, used = 0, 0
            while len(spans) < rows and start + length <= ends[-1]:
                spans.append(start)
                used = int(np.searchsorted(ends, start + length)) + 1
                start = int(ends[used - 1])
            if len(spans) == rows:
                self.position += used
                return numbers[:used], spans
            count *= 2

    def _order(self, start: int, stop: int) -> I64:
        run = min(self.consecutive, len(self.shards))
        runs = len(self.shards) // run
        parts = []
        while start < stop:
            epoch, place = divmod(start, runs * run)
            step = min(stop - start, runs * run - place)
            first, last = place // run, -(-(place + step) // run)
            drawn = Permutation(runs, self.seed + epoch)[first:last]
            numbers = (drawn[:, None] * run + np.arange(run)).ravel()
            parts.append(numbers[place - first * run :][:step])
            start += step
        return np.concatenate(parts)


@dataclass
class PackedMixture:
    """Rows of every language in a fixed mixture: what the language-modelling objectives share.

    shards: subwords of each language; length: predictions a row; tokens: predictions a step, of all processes
    together. language_shares: the share of each language, in any unit; None: equal shares. consecutive: see
    `SentenceStream`.
    """

    shards: Mapping[Lang, TokenShards]
    tokenizer: Tokenizer
    length: int
    tokens: int
    seed: int
    language_shares: Mapping[Lang, float] | None = None
    team: ProcessGroup = SINGLE
    consecutive: int = 1
    streams: dict[Lang, SentenceStream] = field(init=False)

    def __post_init__(self) -> None:
        require(self, at_least={"length": 2}, positive="consecutive")
        if self.tokens < self.length * self.team.size:
            raise BadInput(
                f"a batch of {self.tokens} subwords holds no row of {self.length} for every process: raise "
                "lm.batch_tokens or lower lm.row_length"
            )
        shares = self.language_shares or dict.fromkeys(self.shards, 1.0)
        if set(shares) - set(self.shards) or min(shares.values()) < 0 or not sum(shares.values()):
            raise BadInput(
                f"lm.language_shares={dict(shares)} must give a share to some of {', '.join(self.shards)}"
            )
        self.shares = {lang: shares.get(lang, 0.0) / sum(shares.values()) for lang in self.shards}
        self.streams = {
            lang: SentenceStream(
                *(shards, self.tokenizer.tag(lang), self.tokenizer.end, child_seed(self.seed, lang)),
                consecutive=self.consecutive,
            )
            for lang, shards in self.shards.items()
        }
        self.rounding_carry = dict.fromkeys(self.shards, 0.0)  # rows that rounding owes each language
        self.byte_lengths = torch.from_numpy(self.tokenizer.byte_lengths)

    def draw(self) -> Tensor:
        """(rows, length + 1) of the whole team.  Each language has its share of the rows drawn so far."""
        rows = self.tokens // self.length
        owed = {lang: self.rounding_carry[lang] + rows * share for lang, share in self.shares.items()}
        counts = {lang: int(rest) for lang, rest in owed.items()}
        by_remainder = sorted(owed, key=lambda lang: counts[lang] - owed[lang])
        for lang in by_remainder[: rows - sum(counts.values())]:
            counts[lang] += 1
        self.rounding_carry = {lang: owed[lang] - counts[lang] for lang in owed}
        batch = [
            self.streams[lang].draw(count, self.length + 1) for lang, count in counts.items() if count > 0
        ]
        return torch.from_numpy(np.concatenate(batch))

    def local_rows(self, rows: Tensor) -> Tensor:
        """(its share, length) of ``rows`` (rows, length): those of this process."""
        return rows[self.team.rank :: self.team.size]

    def state(self) -> dict[str, Any]:
        """Sentences drawn so far and rounding carry of each language, as JSON."""
        places = {lang: stream.position for lang, stream in self.streams.items()}
        return {"positions": places, "owed": self.rounding_carry}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        self.rounding_carry = {lang: float(state["owed"][lang]) for lang in self.shards}
        for lang, stream in self.streams.items():
            stream.position = int(state["positions"][lang])

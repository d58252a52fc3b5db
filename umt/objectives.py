"""What one step of training minimises: `Causal` and `Masked` language modelling on packed rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor

from umt.abreast import total_nats
from umt.joint_lm import JointLM
from umt.runtime.seeds import child_seed
from umt.runtime.validate import require
from umt.shards import Shards
from umt.shuffling import Permutation
from umt.team import SOLO, Team
from umt.tokenizer import Tokenizer
from umt.types import BadInput, Lang


@dataclass(frozen=True)
class Loss:
    """What one objective asks of one step.

    nats: a scalar, the sum over ``tokens`` predictions, with its gradient; bytes: of text that these stand
    for.
    weight: of the mean of ``nats`` in the sum over all objectives.
    """

    nats: Tensor
    tokens: int
    bytes: int
    weight: float = 1.0


class Objective(Protocol):
    """Draws its own batch, of its own size, and knows where in the data it stands."""

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """The loss of one batch; None when there is nothing to do at this step.

        dtype: of products by weights, see `JointLM`.
        """
        ...

    def state(self) -> dict[str, Any]:
        """Where it stands, as JSON."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Stand there again."""
        ...


@dataclass
class Rows:
    """Sentences of one language in shuffled order, packed into rows of one length without padding.

    A row begins with a sentence; its last sentence is cut where the row ends, and other epochs cut elsewhere.
    position: sentences drawn so far, over all epochs.
    """

    shards: Shards
    before: int
    after: int
    seed: int
    position: int = 0

    def draw(self, rows: int, length: int) -> npt.NDArray[np.int64]:
        """(rows, length) of subwords."""
        numbers, spans = self._choose(rows, length)
        joined = self.shards.joined(numbers, self.before, self.after)
        return np.stack([joined[start : start + length] for start in spans])

    def _choose(self, rows: int, length: int) -> tuple[npt.NDArray[np.int64], list[int]]:
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

    def _order(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        size = len(self.shards)
        parts = []
        while start < stop:
            epoch, place = divmod(start, size)
            step = min(stop - start, size - place)
            parts.append(Permutation(size, self.seed + epoch)[place : place + step])
            start += step
        return np.concatenate(parts)


@dataclass
class Packed:
    """Rows of every language in a fixed mixture: what the language-modelling objectives share.

    shards: the languages; length: predictions a row; tokens: predictions a step, of the whole team.
    mixing: the share of each language, in any unit; None: equal shares.
    """

    shards: Mapping[Lang, Shards]
    tokenizer: Tokenizer
    length: int
    tokens: int
    seed: int
    mixing: Mapping[Lang, float] | None = None
    team: Team = SOLO
    streams: dict[Lang, Rows] = field(init=False)

    def __post_init__(self) -> None:
        require(self, at_least={"length": 2})
        if self.tokens < self.length * self.team.size:
            raise BadInput(
                f"a batch of {self.tokens} subwords holds no row of {self.length} for every process"
            )
        shares = self.mixing or dict.fromkeys(self.shards, 1.0)
        if set(shares) - set(self.shards) or min(shares.values()) < 0 or not sum(shares.values()):
            raise BadInput(f"mixing {dict(shares)} must give a share to some of {', '.join(self.shards)}")
        self.shares = {lang: shares.get(lang, 0.0) / sum(shares.values()) for lang in self.shards}
        self.streams = {
            lang: Rows(shards, self.tokenizer.tag(lang), self.tokenizer.end, child_seed(self.seed, lang))
            for lang, shards in self.shards.items()
        }
        self.owed = dict.fromkeys(self.shards, 0.0)  # rows that a language's share exceeds what it was given
        self.byte_lengths = torch.from_numpy(self.tokenizer.byte_lengths)

    def draw(self) -> Tensor:
        """(rows, length + 1) of the whole team.  Each language has its share of the rows drawn so far."""
        rows = self.tokens // self.length
        owed = {lang: self.owed[lang] + rows * share for lang, share in self.shares.items()}
        counts = {lang: int(rest) for lang, rest in owed.items()}
        by_remainder = sorted(owed, key=lambda lang: counts[lang] - owed[lang])
        for lang in by_remainder[: rows - sum(counts.values())]:
            counts[lang] += 1
        self.owed = {lang: owed[lang] - counts[lang] for lang in owed}
        batch = [
            self.streams[lang].draw(count, self.length + 1) for lang, count in counts.items() if count > 0
        ]
        return torch.from_numpy(np.concatenate(batch))

    def mine(self, rows: Tensor) -> Tensor:
        """(its share, length) of ``rows`` (rows, length): those of this process."""
        return rows[self.team.rank :: self.team.size]

    def state(self) -> dict[str, Any]:
        """The sentence that each language has come to, and what is owed to it."""
        places = {lang: stream.position for lang, stream in self.streams.items()}
        return {"positions": places, "owed": self.owed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.owed = {lang: float(state["owed"][lang]) for lang in self.shards}
        for lang, stream in self.streams.items():
            stream.position = int(state["positions"][lang])


@dataclass
class Causal(Packed):
    """Predict the next subword."""

    weight: float = 1.0

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """Every position of every row."""
        rows = self.mine(self.draw())
        bytes_ = int(self.byte_lengths[rows[:, 1:]].sum())
        seen, wanted = rows[:, :-1], rows[:, 1:]
        nats = total_nats(model, seen, wanted, torch.ones_like(wanted, dtype=torch.bool), dtype=dtype)
        return Loss(nats, wanted.numel(), bytes_, self.weight)


@dataclass
class Masked(Packed):
    """Predict hidden subwords from both sides: BERT's 80% masked, 10% random, 10% kept; no code length."""

    weight: float = 1.0
    rate: float = 0.15

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, within={"rate": "(0, 1)"})
        self.special = torch.tensor(sorted(self.tokenizer.special))

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """The chosen positions, drawn alike by every process; tags and sentence ends are never chosen."""
        rows = self.draw()[:, :-1]
        chance = torch.rand(rows.shape, generator=generator)
        chosen = (chance < self.rate) & ~torch.isin(rows, self.special)
        if not chosen.any():
            return None
        seen = rows.clone()
        seen[chosen & (chance < 0.8 * self.rate)] = self.tokenizer.mask
        swapped = chosen & (chance >= 0.9 * self.rate)
        others = torch.randint(
            len(self.special), len(self.tokenizer), (int(swapped.sum()),), generator=generator
        )
        seen[swapped] = others
        rows, chosen, seen = self.mine(rows), self.mine(chosen), self.mine(seen)
        bytes_ = int(self.byte_lengths[rows[chosen]].sum())
        nats = total_nats(model, seen, rows, chosen, bidirectional=True, dtype=dtype)
        return Loss(nats, int(chosen.sum()), bytes_, self.weight)

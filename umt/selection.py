"""Choosing among translators without parallel text: what comes back of a sentence that goes there and back.

Three criteria, each the better the higher, on real sentences x of both languages with renderings y':

- ``round_trip``: BLEU, over subwords, of x against the translation of y' back;
- ``code``: minus the bits per byte of x that tell x by way of y': -log p(y') - log p(x | y'), under one
judge;
- ``agreement``: minus the gap |log p(x) p(y'|x) - log p(y') p(x|y')| in bits per byte of x, which is zero for
a joint
  distribution that factorises both ways (Xia et al. 2017, "Dual supervised learning").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from sacrebleu.metrics.bleu import BLEU

from umt.joint_lm import JointLM
from umt.shards import Shards
from umt.tokenizer import Ids, Tokenizer
from umt.types import Lang

Criterion = Literal["round_trip", "code", "agreement"]
_ROWS = 64


def check(criterion: str) -> None:
    """Raises ValueError unless ``criterion`` is one."""
    if criterion not in get_args(Criterion):
        raise ValueError(f"criterion must be one of {', '.join(get_args(Criterion))}, got {criterion!r}")


def sample(text: Shards, count: int, longest: int, seed: int) -> list[Ids]:
    """At most ``count`` random sentences of 4 to ``longest`` subwords."""
    lengths = text.lengths()
    fitting = np.flatnonzero((lengths >= 4) & (lengths <= longest))
    chosen = np.random.default_rng(seed).permutation(fitting)[:count]
    return [np.asarray(text.ids(line)) for line in chosen]


def round_trip(sentences: Sequence[Ids], returned: Sequence[Ids]) -> float:
    """BLEU of ``returned`` against ``sentences``, over subwords."""
    there, back = ([" ".join(map(str, ids)) for ids in each] for each in (sentences, returned))
    return float(BLEU(tokenize="none", force=True).corpus_score(back, [there]).score)


@dataclass(frozen=True)
class Judge:
    """A joint model that says what strings cost."""

    model: JointLM
    tokenizer: Tokenizer

    def alone(self, sentences: Sequence[Ids], lang: Lang) -> npt.NDArray[np.float64]:
        """-log p(x) of each, in nats, its end included."""
        tag, end = self.tokenizer.tag(lang), self.tokenizer.end
        return self._nats([np.concatenate(([tag], x, [end])) for x in sentences], [1] * len(sentences))

    def given(
        self, sources: Sequence[Ids], targets: Sequence[Ids], source: Lang, target: Lang
    ) -> npt.NDArray[np.float64]:
        """-log p(target | source) of each, in nats, the end included."""
        here, there, end = self.tokenizer.tag(source), self.tokenizer.tag(target), self.tokenizer.end
        rows = [np.concatenate(([here], x, [there], y, [end])) for x, y in zip(sources, targets, strict=True)]
        return self._nats(rows, [len(x) + 2 for x in sources])

    @torch.no_grad()
    def _nats(self, rows: Sequence[npt.NDArray[Any]], starts: Sequence[int]) -> npt.NDArray[np.float64]:
        """Nats of ``row[start:]`` given ``row[:start]``."""
        self.model.eval()
        nats = np.zeros(len(rows))
        order = np.argsort([len(row) for row in rows], kind="stable")
        for first in range(0, len(rows), _ROWS):
            places = order[first : first + _ROWS]
            longest = max(len(rows[place]) for place in places)
            ids = np.full((len(places), longest), self.tokenizer.pad, dtype=np.int64)
            told = np.zeros((len(places), longest - 1), dtype=bool)
            for row, place in enumerate(places):
                ids[row, : len(rows[place])] = rows[place]
                told[row, starts[place] - 1 : len(rows[place]) - 1] = True
            batch, mask = torch.from_numpy(ids).to(self.model.device), torch.from_numpy(told)
            hidden = self.model.hidden(batch[:, :-1])[mask.to(batch.device)]
            costs = self.model.nats(hidden, batch[:, 1:][mask.to(batch.device)]).double().cpu().numpy()
            nats[places] = np.bincount(told.nonzero()[0], costs, len(places))
        return nats

    def criteria(
        self, sentences: Sequence[Ids], renderings: Sequence[Ids], here: Lang, there: Lang
    ) -> dict[str, float]:
        """``code`` and ``agreement`` of renderings in ``there`` of sentences in ``here``."""
        size = sum(int(self.tokenizer.byte_lengths[x].sum()) + 1 for x in sentences) * math.log(2)
        message, decoded = self.alone(renderings, there), self.given(renderings, sentences, there, here)
        joint = self.alone(sentences, here) + self.given(sentences, renderings, here, there)
        gap = np.abs(joint - message - decoded)
        return {
            "code": -float((message + decoded).sum()) / size,
            "agreement": -float(gap.sum()) / size,
        }

"""What strings cost under a joint model: alone, or given their translation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from umt.lm.joint_lm import JointLM
from umt.runtime.batching import inside, pad
from umt.text.tokenizer import Ids, Tokenizer
from umt.types import F64, Lang

_ROWS, _ROWS_OF_A_GPU = 64, 512


@dataclass(frozen=True)
class SequenceScorer:
    """A joint model that says what strings cost; dtype: of products by weights."""

    model: JointLM
    tokenizer: Tokenizer
    dtype: torch.dtype = torch.float32

    def nll(self, sentences: Sequence[Ids], lang: Lang) -> F64:
        """-log p(x) of each, in nats, its end included."""
        tag, end = self.tokenizer.tag(lang), self.tokenizer.end
        return self._nats([np.concatenate(([tag], x, [end])) for x in sentences], [1] * len(sentences))

    def conditional_nll(
        self, sources: Sequence[Ids], targets: Sequence[Ids], source: Lang, target: Lang
    ) -> F64:
        """-log p(target | source) of each, in nats, the end included."""
        here, there, end = self.tokenizer.tag(source), self.tokenizer.tag(target), self.tokenizer.end
        rows = [np.concatenate(([here], x, [there], y, [end])) for x, y in zip(sources, targets, strict=True)]
        return self._nats(rows, [len(x) + 2 for x in sources])

    @torch.no_grad()
    def _nats(self, rows: Sequence[npt.NDArray[Any]], starts: Sequence[int]) -> F64:
        """Nats of ``row[start:]`` given ``row[:start]``."""
        self.model.eval()
        nats = np.zeros(len(rows))
        ends = [len(row) for row in rows]
        order = np.argsort(ends, kind="stable")
        size = _ROWS_OF_A_GPU if self.model.device.type == "cuda" else _ROWS
        for first in range(0, len(rows), size):
            places = order[first : first + size]
            ids = pad([rows[place] for place in places], self.tokenizer.pad)
            before, through = (
                inside([each[place] - 1 for place in places], ids.shape[1] - 1) for each in (starts, ends)
            )
            told = through & ~before
            batch, asked = (part.to(self.model.device) for part in (ids, told))
            hidden = self.model.target_states(batch[:, :-1], asked, dtype=self.dtype)
            costs = self.model.nll(hidden, batch[:, 1:][asked], self.dtype).double().cpu().numpy()
            nats[places] = np.bincount(told.nonzero()[:, 0].numpy(), costs, len(places))
        return nats

    def criteria(
        self, sentences: Sequence[Ids], renderings: Sequence[Ids], here: Lang, there: Lang
    ) -> dict[str, float]:
        """``code`` and ``agreement``, see `umt.translation.criteria`, of renderings in ``there`` of sentences
        in
        ``here``.
        """
        size = sum(int(self.tokenizer.byte_lengths[x].sum()) + 1 for x in sentences) * math.log(2)
        message, decoded = (
            self.nll(renderings, there),
            self.conditional_nll(renderings, sentences, there, here),
        )
        joint = self.nll(sentences, here) + self.conditional_nll(sentences, renderings, here, there)
        gap = np.abs(joint - message - decoded)
        return {
            "code": -float((message + decoded).sum()) / size,
            "agreement": -float(gap.sum()) / size,
        }

"""Negative log-likelihoods of sentences under a joint model: unconditional, or given their translation."""

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
    """Scores sentences with a joint model; dtype: of products by weights."""

    model: JointLM
    tokenizer: Tokenizer
    dtype: torch.dtype = torch.float32

    def nll(self, sentences: Sequence[Ids], lang: Lang) -> F64:
        """(sentences,) -log p(x, </s>), in nats."""
        tag, end = self.tokenizer.tag(lang), self.tokenizer.end
        return self.nll_after([np.concatenate(([tag], x, [end])) for x in sentences], 1)

    def conditional_nll(
        self, sources: Sequence[Ids], targets: Sequence[Ids], source: Lang, target: Lang
    ) -> F64:
        """(pairs,) -log p(target, </s> | source), in nats."""
        before, between, end = self.tokenizer.tag(source), self.tokenizer.tag(target), self.tokenizer.end
        rows = [
            np.concatenate(([before], x, [between], y, [end])) for x, y in zip(sources, targets, strict=True)
        ]
        return self.nll_after(rows, [len(x) + 2 for x in sources])

    @torch.no_grad()
    def nll_after(self, rows: Sequence[npt.NDArray[Any]], starts: int | Sequence[int]) -> F64:
        """(rows,) -log p(row[start:] | row[:start]), in nats; starts: one, or one a row."""
        self.model.eval()
        nats = np.zeros(len(rows))
        begins = [starts] * len(rows) if isinstance(starts, int) else starts
        ends = [len(row) for row in rows]
        order = np.argsort(ends, kind="stable")
        size = _ROWS_OF_A_GPU if self.model.device.type == "cuda" else _ROWS
        for first in range(0, len(rows), size):
            places = order[first : first + size]
            ids = pad([rows[place] for place in places], self.tokenizer.pad)
            before, through = (
                inside([bound[place] - 1 for place in places], ids.shape[1] - 1) for bound in (begins, ends)
            )
            predicted = through & ~before
            rows_of_costs = predicted.nonzero()[:, 0].numpy()
            batch, predicted = (part.to(self.model.device) for part in (ids, predicted))
            hidden = self.model.target_states(batch[:, :-1], predicted, dtype=self.dtype)
            costs = self.model.nll(hidden, batch[:, 1:][predicted], self.dtype).double().cpu().numpy()
            nats[places] = np.bincount(rows_of_costs, costs, len(places))
        return nats

    def criteria(
        self, sentences: Sequence[Ids], hypotheses: Sequence[Ids], source: Lang, target: Lang
    ) -> dict[str, float]:
        """Selection criteria ``code`` and ``agreement`` of translations, see `translation.quality.criteria`.

        sentences: in the language ``source``; hypotheses: their translations into ``target``.
        """
        size = sum(int(self.tokenizer.byte_lengths[x].sum()) + 1 for x in sentences) * math.log(2)
        message, decoded = (
            self.nll(hypotheses, target),
            self.conditional_nll(hypotheses, sentences, target, source),
        )
        joint = self.nll(sentences, source) + self.conditional_nll(sentences, hypotheses, source, target)
        gap = np.abs(joint - message - decoded)
        return {
            "code": -float((message + decoded).sum()) / size,
            "agreement": -float(gap.sum()) / size,
        }

"""Whether sentences read better in their order than permuted, by a causal language model.

A translation that carries the content of a document has the order of its source, so a language model that
knows how documents go on codes it with fewer bits in that order than in another; output that has lost the
content, however fluent, gains nothing (Paradise, Gruber and Kalai 2025, "On non-interactive evaluation of
animal communication translators", arXiv 2510.15768). No reference is needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from umt.lm.scoring import SequenceScorer
from umt.runtime.validate import require
from umt.text.tokenizer import Ids
from umt.types import Lang, Score


@dataclass(frozen=True)
class SentenceOrder:
    """Compares an order of sentences with ``permutations`` random ones.

    window: subwords of a row, at most those that the model was trained on; a sentence is coded given those
        before it in its row.
    sentences: the first that are compared, at most.
    """

    window: int = 64
    permutations: int = 19
    sentences: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        require(self, positive="window permutations", at_least={"sentences": 2})

    def gain(self, scorer: SequenceScorer, sentences: Sequence[Ids], lang: Lang) -> Score:
        """Bits per byte that the order of ``sentences`` saves: mean, least and most over the permutations.

        Without any order each of the permutations and the order itself are equally likely to be the cheapest,
        so the least gain is positive with probability 1 / (permutations + 1). Raises ValueError without two
        sentences.
        """
        sentences = sentences[: self.sentences]
        if len(sentences) < 2:
            raise ValueError(f"an order needs two sentences, got {len(sentences)}")
        random = np.random.default_rng(self.seed)
        orders = [[*range(len(sentences))]]
        orders += [random.permutation(len(sentences)).tolist() for _ in range(self.permutations)]
        rows = [self._rows(scorer, [sentences[place] for place in order], lang) for order in orders]
        nats = scorer.nll_after([row for each in rows for row in each], 1)
        totals = [part.sum() for part in np.split(nats, np.cumsum([len(each) for each in rows])[:-1])]
        size = sum(int(scorer.tokenizer.byte_lengths[x].sum()) + 1 for x in sentences) * math.log(2)
        gains = (np.array(totals[1:]) - totals[0]) / size
        signature = (
            f"bits/byte|sentences:{len(sentences)}|permutations:{self.permutations}|window:{self.window}"
            f"|seed:{self.seed}"
        )
        return Score("order gain", float(gains.mean()), float(gains.min()), float(gains.max()), signature)

    def _rows(self, scorer: SequenceScorer, sentences: Sequence[Ids], lang: Lang) -> list[npt.NDArray[Any]]:
        """Consecutive sentences, each between its tag and its end, in rows of at most ``window`` subwords.

        A longer sentence has a row of its own, cut at the context of the model.
        """
        tag, end = scorer.tokenizer.tag(lang), scorer.tokenizer.end
        rows: list[list[Any]] = []
        used = self.window
        for ids in sentences:
            if used + len(ids) + 2 > self.window:
                rows.append([])
                used = 0
            rows[-1] += [[tag], ids, [end]]
            used += len(ids) + 2
        return [np.concatenate(row)[: scorer.model.context] for row in rows]

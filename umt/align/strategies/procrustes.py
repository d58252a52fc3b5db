"""Linear maps that lay one vector space on another, given pairs of rows that translate each other."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor

from umt.align import Alignment, Verdict
from umt.align.linear_maps import map_to_shared_space, normalise
from umt.align.seeds import IdenticalStrings, Seeds
from umt.embeddings.lexicon import induce
from umt.embeddings.retrieval import csls
from umt.embeddings.wordspace import Embeddings, WordSpace
from umt.runtime.validate import require
from umt.types import BadInput

_FREQUENT = 1000
"""Words by which the certainty of a lexicon is measured, as where runs are compared."""


@dataclass(frozen=True)
class Procrustes:
    """One symmetric, re-weighted map fitted on given pairs: the supervised control.

    seeds: where the pairs come from (a `Dictionary` will do). reweight, ridge: see `symmetric_maps`.
    candidates: how many each lexicon row holds. The verdict is ``doubtful``: no null was tried.
    """

    seeds: Seeds = field(default_factory=IdenticalStrings)
    reweight: float = 0.5
    ridge: float = 0.5
    candidates: int = 20

    def __post_init__(self) -> None:
        require(self, positive="candidates", at_least_zero="reweight ridge")

    def with_seeds(self, seeds: Seeds) -> Procrustes:
        """The same, fitted on other pairs."""
        return replace(self, seeds=seeds)

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """Raises `BadInput` when the seeds hold fewer than two pairs that both vocabularies know."""
        pairs = self.seeds.find(source, target)
        if len(pairs) < 2:
            raise BadInput(
                f"the seeds hold {len(pairs)} pairs of known {source.lang} and {target.lang} words, too "
                "few for a map: give a larger dictionary (aligner.seeds) or more text"
            )
        sides = normalise(source.vectors), normalise(target.vectors)
        x, y = map_to_shared_space(*sides, pairs, self.reweight, self.ridge)
        left, right = Embeddings(source.words, x), Embeddings(target.words, y)
        lexicon, reverse = induce(left, right, self.candidates)
        reason = f"fitted on {len(pairs)} given pairs"
        verdict = Verdict("doubtful", math.nan, math.nan, reason, self._certainty(sides, pairs))
        return Alignment(left, right, lexicon, reverse, ({"pairs": float(len(pairs))},), verdict)

    def _certainty(self, sides: tuple[Tensor, Tensor], pairs: Tensor, folds: int = 5) -> float | None:
        """The share of frequent words that are given one of their translations by a map that did not see
        them."""
        hits = trials = 0
        for fold in range(folds):
            hidden = pairs[:, 0] % folds == fold
            asked = torch.tensor(sorted({*pairs[hidden & (pairs[:, 0] < _FREQUENT), 0].tolist()}))
            if not len(asked) or int((~hidden).sum()) < 2:
                continue
            x, y = map_to_shared_space(*sides, pairs[~hidden], self.reweight, self.ridge)
            best = csls(x[:_FREQUENT], y, 1)[0].indices[asked]
            right = (pairs[:, 0] == asked[:, None]) & (pairs[:, 1] == best)
            hits, trials = hits + int(right.any(1).sum()), trials + len(asked)
        return hits / trials if trials else None

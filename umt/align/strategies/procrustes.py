"""Supervised linear maps between two vector spaces, fitted on known pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Generator, Tensor

from umt.align import Alignment, Verdict
from umt.align.linear_maps import map_to_shared_space
from umt.align.seeds import IdenticalStrings, Seeds
from umt.embeddings.lexicon import induce
from umt.embeddings.retrieval import csls
from umt.embeddings.wordspace import Embeddings, WordSpace
from umt.runtime.validate import require
from umt.types import BadInput

_FREQUENT = 1000
"""Most frequent words on which the precision of a lexicon is estimated, as where runs are compared."""


@dataclass(frozen=True)
class Procrustes:
    """One symmetric, re-weighted map fitted on known pairs.

    seeds: where the pairs come from (a `Dictionary` will do). reweight, ridge: see `symmetric_maps`.
    candidates: how many each lexicon row holds. The verdict is ``not judged``: no null was run.
    """

    control_name: ClassVar[str] = "single map"

    seeds: Seeds = field(default_factory=IdenticalStrings)
    reweight: float = 0.5
    ridge: float = 0.5
    candidates: int = 20

    def __post_init__(self) -> None:
        require(self, positive="candidates", at_least_zero="reweight ridge")

    def with_seeds(self, seeds: Seeds, estimated_precision: float | None = None) -> Procrustes:
        """The same, fitted on other pairs; its precision is always cross-validated."""
        return replace(self, seeds=seeds)

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """Raises `BadInput` when the seeds hold fewer than two pairs that both vocabularies know."""
        pairs = known_pairs(self.seeds, source, target)
        sides = source.normalised, target.normalised
        x, y = map_to_shared_space(*sides, pairs, self.reweight, self.ridge)
        left, right = Embeddings(source.words, x), Embeddings(target.words, y)
        lexicon, reverse = induce(left, right, self.candidates)
        reason = f"fitted on {len(pairs)} known pairs"
        precision = cross_validated_precision(sides, pairs, self.reweight, self.ridge)
        verdict = Verdict("not judged", math.nan, math.nan, reason, precision)
        return Alignment(left, right, lexicon, reverse, ({"pairs": float(len(pairs))},), verdict)


def known_pairs(seeds: Seeds, source: WordSpace, target: WordSpace) -> Tensor:
    """(pairs, 2) rows of the seed pairs. Raises `BadInput` for fewer than two."""
    pairs = seeds.find(source, target)
    if len(pairs) < 2:
        raise BadInput(
            f"the seeds hold {len(pairs)} pairs of known {source.lang} and {target.lang} words, too "
            "few for a map: give a larger dictionary (aligner.seeds) or more text"
        )
    return pairs


def cross_validated_precision(
    sides: tuple[Tensor, Tensor], pairs: Tensor, reweight: float, ridge: float, folds: int = 5
) -> float | None:
    """Precision at 1 of one map on frequent words by cross-validation; None where too few pairs are frequent.

    sides: two (words, dim) normalised. pairs: (n, 2). reweight, ridge: see `symmetric_maps`.
    """
    hits = trials = 0
    for fold in range(folds):
        hidden = pairs[:, 0] % folds == fold
        words = torch.tensor(sorted({*pairs[hidden & (pairs[:, 0] < _FREQUENT), 0].tolist()}))
        if not len(words) or int((~hidden).sum()) < 2:
            continue
        x, y = map_to_shared_space(*sides, pairs[~hidden], reweight, ridge)
        best = csls(x[:_FREQUENT], y, 1)[0].indices[words]
        right = (pairs[:, 0] == words[:, None]) & (pairs[:, 1] == best)
        hits, trials = hits + int(right.any(1).sum()), trials + len(words)
    return hits / trials if trials else None

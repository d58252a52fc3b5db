"""Supervised linear maps between two vector spaces, fitted on known pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from torch import Generator, Tensor

from umt.align import Alignment, Verdict
from umt.align.paired_maps import FREQUENT, PairedMap, RelaxedCsls, SymmetricMap, cross_validated_precision
from umt.align.seeds import IdenticalStrings, Seeds
from umt.embeddings.lexicon import induce
from umt.embeddings.wordspace import Embeddings, WordSpace
from umt.runtime.validate import require
from umt.types import BadInput


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
        fitter = SymmetricMap(self.reweight, self.ridge)
        return mapped(fitter, source, target, pairs, self.candidates, f"fitted on {len(pairs)} known pairs")


def known_pairs(seeds: Seeds, source: WordSpace, target: WordSpace) -> Tensor:
    """(pairs, 2) rows of the seed pairs. Raises `BadInput` for fewer than two."""
    pairs = seeds.find(source, target)
    if len(pairs) < 2:
        raise BadInput(
            f"the seeds hold {len(pairs)} pairs of known {source.lang} and {target.lang} words, too "
            "few for a map: give a larger dictionary (aligner.seeds) or more text"
        )
    return pairs


def mapped(
    fitter: PairedMap, source: WordSpace, target: WordSpace, pairs: Tensor, candidates: int, reason: str
) -> Alignment:
    """Both spaces by the map fitted on (n, 2) known pairs; reason: of the verdict, ``not judged``."""
    sides = source.normalised, target.normalised
    x, y = fitter.fit(*sides, pairs)
    left, right = Embeddings(source.words, x), Embeddings(target.words, y)
    precision = cross_validated_precision(fitter, sides, pairs, FREQUENT)
    verdict = Verdict("not judged", math.nan, math.nan, reason, precision)
    history = ({"pairs": float(len(pairs))},)
    return Alignment(left, right, *induce(left, right, candidates), history, verdict)


@dataclass(frozen=True)
class CrossValidatedMap:
    """The map that predicts the known pairs best: the strongest control among maps.

    seeds, candidates: as in `Procrustes`. maps: those to choose from, by the precision at 1 of five-fold
    cross-validation on the known pairs themselves; of equals the first. words: the most frequent of both
    sides that take part in the choice.
    """

    control_name: ClassVar[str] = "best map"

    maps: Sequence[PairedMap] = (
        SymmetricMap(0.5, 0.1),
        SymmetricMap(0.5, 0.5),
        SymmetricMap(1.0, 0.1),
        SymmetricMap(0.0, 0.1),
        RelaxedCsls(),
    )
    seeds: Seeds = field(default_factory=IdenticalStrings)
    words: int = 20_000
    candidates: int = 20

    def __post_init__(self) -> None:
        require(self, positive="candidates words")
        if not self.maps:
            raise ValueError("maps is empty: name at least one")
        object.__setattr__(self, "maps", tuple(self.maps))

    def with_seeds(self, seeds: Seeds, estimated_precision: float | None = None) -> CrossValidatedMap:
        """The same, fitted on other pairs; its precision is always cross-validated."""
        return replace(self, seeds=seeds)

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """Raises `BadInput` when the seeds hold fewer than two pairs that both vocabularies know."""
        pairs = known_pairs(self.seeds, source, target)
        sides = source.normalised[: self.words], target.normalised[: self.words]
        frequent = pairs[(pairs < self.words).all(1)]
        scores = [cross_validated_precision(each, sides, frequent, self.words) or 0.0 for each in self.maps]
        best = self.maps[scores.index(max(scores))]
        reason = f"{best}, chosen among {len(self.maps)} maps, fitted on {len(pairs)} known pairs"
        return mapped(best, source, target, pairs, self.candidates, reason)

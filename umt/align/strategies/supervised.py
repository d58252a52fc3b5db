"""The supervised control: known pairs through the same refinement as the unsupervised system."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar

from torch import Generator

from umt.align import Alignment, Verdict
from umt.align.count_augmentation import CountAugmentation
from umt.align.refinement import Refinement
from umt.align.seeds import IdenticalStrings, Seeds
from umt.align.strategies.procrustes import cross_validated_precision, known_pairs
from umt.embeddings.wordspace import WordSpace
from umt.runtime.validate import require


@dataclass(frozen=True)
class Supervised:
    """Known pairs in place of the consensus of restarts; all that follows is as in `Restarts`.

    A control that differs from the unsupervised system in its pairs alone, so that the difference of their
    figures is what the pairs are worth.

    seeds: where the pairs come from (a `Dictionary` will do). refinement, count_augmentation: as in
    `Restarts`. estimated_precision: of the lexicon, to which its probabilities are sharpened; the control is
    given that of the unsupervised alignment, so that both are equally confident. None: that of one map on the
    pairs by cross-validation. reweight, ridge: of that map (`symmetric_maps`).
    The verdict is ``not judged``: no null was run.
    """

    control_name: ClassVar[str] = "supervised"

    refinement: Refinement
    count_augmentation: CountAugmentation | None = None
    seeds: Seeds = field(default_factory=IdenticalStrings)
    estimated_precision: float | None = None
    reweight: float = 0.5
    ridge: float = 0.5

    def __post_init__(self) -> None:
        require(self, at_least_zero="reweight ridge", share="estimated_precision")

    def with_seeds(self, seeds: Seeds, estimated_precision: float | None = None) -> Supervised:
        """The control of an unsupervised alignment whose precision was estimated, fitted on other pairs."""
        return replace(self, seeds=seeds, estimated_precision=estimated_precision)

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """Raises `BadInput` when the seeds hold fewer than two pairs that both vocabularies know."""
        pairs = known_pairs(self.seeds, source, target)
        precision = self.estimated_precision
        if precision is None:
            sides = source.normalised, target.normalised
            precision = cross_validated_precision(sides, pairs, self.reweight, self.ridge)
        shared = self.refinement.refine(source, target, pairs, generator)
        if self.count_augmentation is not None and source.counts:
            shared = self.count_augmentation.enrich(source, target, shared)
        verdict = Verdict(
            "not judged", math.nan, math.nan, f"refined from {len(pairs)} known pairs", precision
        )
        history = ({"known pairs": float(len(pairs))}, *shared.history)
        return Alignment(shared.source, shared.target, shared.lexicon, shared.reverse, history, verdict)

"""Reading the lexicon off the shared vectors and the counts together.

A decomposition to a few hundred dimensions loses what tells rare words apart. Once the frequent words are
matched, their counts are features that both languages share as they stand: the column of a word and the
column of its translation are one column.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from umt.align.procrustes import normalise
from umt.align.widening import SharedSpace
from umt.lexicon import Lexicon, induce
from umt.types import BadInput
from umt.wordspace import Embeddings, WordSpace


@dataclass(frozen=True)
class Enrichment:
    """Cosines over the shared vectors and over the counts beside matched words, averaged.

    window: whose counts; columns: how many matched pairs, the most frequent; weight: the say of the counts
    against 1 for the vectors.
    """

    window: int = 5
    columns: int = 1000
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.window < 1 or self.columns < 1:
            raise ValueError(f"window and columns must be positive, got {self.window} and {self.columns}")
        if self.weight <= 0:
            raise ValueError(f"weight must be positive, got {self.weight}")

    def lexicons(self, source: WordSpace, target: WordSpace, shared: SharedSpace) -> tuple[Lexicon, Lexicon]:
        """Source to target and target to source, with as many candidates as those of ``shared``.

        Raises `BadInput` when the window was not counted.
        """
        for space in (source, target):
            if self.window not in space.counts:
                raise BadInput(
                    f"aligner.enrichment.window={self.window} was not counted for {space.lang}: "
                    f"choose one of {', '.join(map(str, sorted(space.counts)))}, or add it to words.windows"
                )
        contexts = torch.tensor([space.counts[self.window].shape[1] for space in (source, target)])
        pairs = shared.pairs[(shared.pairs < contexts).all(1)]
        pairs = pairs[pairs.amax(1).argsort(stable=True)[: self.columns]]
        left = self._joined(shared.source, source, pairs[:, 0])
        right = self._joined(shared.target, target, pairs[:, 1])
        return induce(left, right, shared.lexicon.candidates.shape[1])

    def _joined(self, side: Embeddings, space: WordSpace, columns: Tensor) -> Embeddings:
        counts = space.counts[self.window].sqrt()[:, columns.numpy()].toarray()  # (words, columns)
        features = normalise(torch.from_numpy(np.asarray(counts, dtype=np.float32)))
        joined = torch.cat([side.vectors, self.weight**0.5 * features], 1)
        return Embeddings(side.words, joined / (1 + self.weight) ** 0.5)

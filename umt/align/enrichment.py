"""Reading the lexicon off the shared vectors and the counts together, again and again.

A decomposition to a few hundred dimensions loses what tells rare words apart. Once the frequent words are
matched, their counts are features that both languages share as they stand: the column of a word and the
column of its translation are one column. What is then each other's best translation is a better pair than
before: new columns, new maps, a new lexicon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from umt.align.procrustes import fitted, normalise
from umt.align.widening import SharedSpace, Widening
from umt.lexicon import induce, predictability
from umt.retrieval import Neighbours, csls, mutual
from umt.types import BadInput
from umt.wordspace import Embeddings, WordSpace


@dataclass(frozen=True)
class Enrichment:
    """Cosines over the shared vectors and over the counts beside matched words, averaged.

    windows: whose counts; columns: how many matched pairs of each, the most frequent.
    weights: the say of the counts of one window against 1 for the vectors; of several, the one at which the
        two directions predict each other best over the ``frequent`` words. How far counts carry over differs:
        far where both sides are of one book, less between languages.
    rounds: how often pairs are read off; all but the last look at the ``frequent`` words only.
    """

    windows: tuple[int, ...] = (5, 10)
    columns: int = 2000
    weights: tuple[float, ...] = (0.1, 0.25, 0.5, 1.0, 2.0)
    rounds: int = 2
    frequent: int = 5_000

    def __post_init__(self) -> None:
        object.__setattr__(self, "windows", tuple(self.windows))
        object.__setattr__(self, "weights", tuple(self.weights))
        if not self.windows or min(*self.windows, self.columns) < 1:
            raise ValueError(f"windows and columns must be positive, got {self.windows} and {self.columns}")
        if not self.weights or min(self.weights) <= 0:
            raise ValueError(f"weights must be positive, got {self.weights}")
        if self.rounds < 1 or self.frequent < 2:
            raise ValueError(f"rounds >= 1 and frequent >= 2, got {self.rounds} and {self.frequent}")

    def enrich(self, source: WordSpace, target: WordSpace, shared: SharedSpace) -> SharedSpace:
        """``shared`` with better pairs, maps and lexicons, of as many candidates.

        Raises `BadInput` when a window was not counted.
        """
        for space in (source, target):
            for window in self.windows:
                if window not in space.counts:
                    known = ", ".join(map(str, sorted(space.counts)))
                    raise BadInput(
                        f"aligner.enrichment.windows={list(self.windows)}: {window} was not counted for "
                        f"{space.lang}: choose among {known}, or add it to words.windows"
                    )
        x, y = normalise(source.vectors), normalise(target.vectors)
        left, right, pairs = shared.source.vectors, shared.target.vectors, shared.pairs
        weight, history = self._weight(source, target, shared)
        for _ in range(self.rounds - 1):
            forward, backward = self._matched(source, target, left, right, pairs, weight)
            found = mutual(forward, backward)
            if len(found) < 2:
                break
            pairs = found
            left, right = fitted(x, y, pairs, Widening.reweight, Widening.ridge)
            score = float(forward.scores[pairs[:, 0], 0].mean())
            history.append({"words": len(forward.indices), "pairs": len(pairs), "csls": score})
        columns = self._columns(source, target, pairs)
        lexicon, reverse = induce(
            Embeddings(source.words, self._joined(left, source, columns[:, 0], weight)),
            Embeddings(target.words, self._joined(right, target, columns[:, 1], weight)),
            shared.lexicon.candidates.shape[1],
        )
        one, two = Embeddings(source.words, left), Embeddings(target.words, right)
        return SharedSpace(one, two, lexicon, reverse, pairs, (*shared.history, *history))

    def _weight(
        self, source: WordSpace, target: WordSpace, shared: SharedSpace
    ) -> tuple[float, list[Mapping[str, float]]]:
        """The best of the weights, and what was seen of each."""
        if len(self.weights) == 1:
            return self.weights[0], []
        seen: list[Mapping[str, float]] = []
        for weight in self.weights:
            both = self._matched(
                source, target, shared.source.vectors, shared.target.vectors, shared.pairs, weight
            )
            seen.append({"weight": weight, "predictability": predictability(*both)})
        return max(seen, key=lambda each: each["predictability"])["weight"], seen

    def _matched(
        self, source: WordSpace, target: WordSpace, left: Tensor, right: Tensor, pairs: Tensor, weight: float
    ) -> tuple[Neighbours, Neighbours]:
        """The neighbours of the frequent words both ways."""
        columns = self._columns(source, target, pairs)
        return csls(
            self._joined(left[: self.frequent], source, columns[:, 0], weight),
            self._joined(right[: self.frequent], target, columns[:, 1], weight),
        )

    def _columns(self, source: WordSpace, target: WordSpace, pairs: Tensor) -> Tensor:
        """(columns, 2) the most frequent of the pairs whose words were both counted beside others."""
        counted = [[space.counts[window].shape[1] for window in self.windows] for space in (source, target)]
        pairs = pairs[(pairs < torch.tensor(counted).amin(1)).all(1)]
        return pairs[pairs.amax(1).argsort(stable=True)[: self.columns]]

    def _joined(self, vectors: Tensor, space: WordSpace, columns: Tensor, weight: float) -> Tensor:
        """(words, dim + windows * columns) unit rows of the first words of one side."""
        parts = [vectors]
        for window in self.windows:
            counts = space.counts[window][: len(vectors)].sqrt()[:, columns.numpy()].toarray()
            features = normalise(torch.from_numpy(np.asarray(counts, dtype=np.float32)))
            parts.append(weight**0.5 * features)
        return normalize(torch.cat(parts, 1), dim=1)

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

from umt.align.linear_maps import map_to_shared_space, normalise
from umt.align.refinement import Refinement, SharedSpace
from umt.align.transliteration_evidence import TransliterationReranker
from umt.embeddings.lexicon import lexicons_from_neighbours
from umt.embeddings.retrieval import Neighbours, csls, mutual
from umt.embeddings.wordspace import Embeddings, WordSpace
from umt.runtime.validate import require
from umt.types import BadInput


@dataclass(frozen=True)
class CountAugmentation:
    """Cosines over the shared vectors and over the counts beside matched words, averaged.

    windows: whose counts. columns: how many matched pairs of each, the most frequent, in each round; all
        rounds but the last give pairs of all words, to fit maps on, and few columns do for that; the last
        gives the lexicon.
    weight: the say of the counts of one window against 1 for the vectors.
    sound: ranks what comes out by how it sounds, too; None: by vectors and counts alone.
    """

    windows: tuple[int, ...] = (5,)
    columns: tuple[int, ...] = (500, 500, 4000)
    weight: float = 1.0
    transliteration: TransliterationReranker | None = None

    def __post_init__(self) -> None:
        require(self, positive="windows columns weight")

    def enrich(self, source: WordSpace, target: WordSpace, shared: SharedSpace) -> SharedSpace:
        """``shared`` with better pairs, maps and lexicons, of as many candidates.

        Raises `BadInput` when a window was not counted.
        """
        for space in (source, target):
            for window in self.windows:
                if window not in space.counts:
                    known = ", ".join(map(str, sorted(space.counts)))
                    raise BadInput(
                        f"aligner.count_augmentation.windows={list(self.windows)}: {window} was not counted "
                        f"for {space.lang}: choose among {known}, or add it to words.windows"
                    )
        x, y = normalise(source.vectors), normalise(target.vectors)
        left, right, pairs = shared.source.vectors, shared.target.vectors, shared.pairs
        history: list[Mapping[str, float]] = []
        for count in self.columns[:-1]:
            columns = self._columns(source, target, pairs, count)
            forward, backward = self._neighbours(left, right, source, target, columns, 1)
            found = mutual(forward, backward)
            if len(found) < 2:
                break
            pairs = found
            left, right = map_to_shared_space(x, y, pairs, Refinement.reweight, Refinement.ridge)
            score = float(forward.scores[pairs[:, 0], 0].mean())
            history.append({"words": len(forward.indices), "pairs": len(pairs), "csls": score})
        columns = self._columns(source, target, pairs, self.columns[-1])
        k = shared.lexicon.candidates.shape[1]
        forward, backward = self._neighbours(left, right, source, target, columns, k)
        lexicon, reverse = lexicons_from_neighbours(source.words, target.words, forward, backward, k)
        one, two = Embeddings(source.words, left), Embeddings(target.words, right)
        return SharedSpace(one, two, lexicon, reverse, pairs, (*shared.history, *history))

    def _neighbours(
        self, left: Tensor, right: Tensor, source: WordSpace, target: WordSpace, columns: Tensor, k: int
    ) -> tuple[Neighbours, Neighbours]:
        """At least the ``k`` best of each word, both ways."""
        joined = self._joined(left, source, columns[:, 0]), self._joined(right, target, columns[:, 1])
        if self.transliteration is None:
            return csls(*joined, k)
        return self.transliteration.rerank(
            source, target, *csls(*joined, max(k, self.transliteration.candidates))
        )

    def _columns(self, source: WordSpace, target: WordSpace, pairs: Tensor, count: int) -> Tensor:
        """(count, 2) the most frequent of the pairs whose words were both counted beside others."""
        counted = [[space.counts[window].shape[1] for window in self.windows] for space in (source, target)]
        pairs = pairs[(pairs < torch.tensor(counted).amin(1)).all(1)]
        return pairs[pairs.amax(1).argsort(stable=True)[:count]]

    def _joined(self, vectors: Tensor, space: WordSpace, columns: Tensor) -> Tensor:
        """(words, dim + windows * columns) unit rows of the first words of one side."""
        features = self._features(space, columns, len(vectors))
        return normalize(torch.cat([vectors, *(self.weight**0.5 * each for each in features)], 1), dim=1)

    def _features(self, space: WordSpace, columns: Tensor, rows: int) -> list[Tensor]:
        """(rows, columns) unit rows of each window, of the first ``rows`` words."""
        found = []
        for window in self.windows:
            counts = space.counts[window][:rows].sqrt()[:, columns.numpy()].toarray()
            found.append(normalise(torch.from_numpy(np.asarray(counts, dtype=np.float32))))
        return found

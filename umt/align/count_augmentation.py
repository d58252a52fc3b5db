"""Lexicon induction from the shared vectors and matched co-occurrence counts together, iterated.

A truncated decomposition loses features that distinguish rare words. Once the frequent words are matched,
their co-occurrence counts are features that both languages share without a map: the column of a word and the
column of its translation correspond. The mutual best translations in the joint features are better pairs
than before; they give new columns, new maps and a new lexicon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from umt.align.linear_maps import map_to_shared_space
from umt.align.refinement import Refinement, SharedSpace
from umt.align.transliteration_evidence import TransliterationReranker
from umt.embeddings.lexicon import lexicons_from_neighbours
from umt.embeddings.retrieval import Neighbours, csls, mutual
from umt.embeddings.wordspace import Embeddings, WordSpace, normalise
from umt.runtime.progress import report
from umt.runtime.validate import require
from umt.types import BadInput


@dataclass(frozen=True)
class CountAugmentation:
    """Weighted mean of the cosines of the shared vectors and of the counts in matched columns.

    windows: whose counts. columns: how many matched pairs, the most frequent, serve as columns in each round;
        all rounds but the last give the pairs that maps are fitted on; the last gives the lexicon.
    weight: of the counts of one window against 1 for the vectors.
    transliteration: re-ranks the candidates of each round by spelling; None: vectors and counts alone.
    frequency_matching: how far the lexicons follow the frequencies of the words, from 0 to 1, see
        `Lexicon.with_matched_frequencies`.
    """

    windows: tuple[int, ...] = (5,)
    columns: tuple[int, ...] = (500, 500, 4000)
    weight: float = 1.0
    transliteration: TransliterationReranker | None = None
    frequency_matching: float = 0.6

    def __post_init__(self) -> None:
        require(self, positive="windows columns weight", within={"frequency_matching": "[0, 1]"})

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
        x, y = source.normalised, target.normalised
        left, right, pairs = shared.source.vectors, shared.target.vectors, shared.pairs
        history: list[Mapping[str, float]] = []
        for done, count in enumerate(self.columns[:-1]):
            report("rounds with counts", done, len(self.columns))
            columns = self._columns(source, target, pairs, count)
            forward, backward = self._neighbours(left, right, source, target, columns, 1)
            new_pairs = mutual(forward, backward)
            if len(new_pairs) < 2:
                break
            pairs = new_pairs
            left, right = map_to_shared_space(x, y, pairs, Refinement.reweight, Refinement.ridge)
            score = float(forward.scores[pairs[:, 0], 0].mean())
            history.append({"words": len(forward.indices), "pairs": len(pairs), "csls": score})
        columns = self._columns(source, target, pairs, self.columns[-1])
        k = shared.lexicon.candidates.shape[1]
        forward, backward = self._neighbours(left, right, source, target, columns, k)
        lexicon, reverse = lexicons_from_neighbours(source.words, target.words, forward, backward, k)
        lexicon, reverse = (
            one.with_matched_frequencies(here.frequencies, there.frequencies, self.frequency_matching)
            for one, here, there in ((lexicon, source, target), (reverse, target, source))
        )
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
        """(count, 2) the most frequent of the pairs whose words are both columns of the counts."""
        counted = [[space.counts[window].shape[1] for window in self.windows] for space in (source, target)]
        pairs = pairs[(pairs < torch.tensor(counted).amin(1)).all(1)]
        return pairs[pairs.amax(1).argsort(stable=True)[:count]]

    def _joined(self, vectors: Tensor, space: WordSpace, columns: Tensor) -> Tensor:
        """(words, dim + windows * columns) unit rows of the first words of one side."""
        features = self._features(space, columns, len(vectors))
        return normalize(torch.cat([vectors, *(self.weight**0.5 * each for each in features)], 1), dim=1)

    def _features(self, space: WordSpace, columns: Tensor, rows: int) -> list[Tensor]:
        """(rows, columns) unit rows of each window, of the first ``rows`` words."""
        features = []
        for window in self.windows:
            counts = space.counts[window][:rows].sqrt()[:, columns.numpy()].toarray()
            features.append(normalise(torch.from_numpy(np.asarray(counts, dtype=np.float32))))
        return features

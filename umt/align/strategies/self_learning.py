"""Self-learning: from any initial lexicon, maps and lexicon re-estimated in turn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from umt.align import Aligner, Alignment
from umt.align.linear_maps import procrustes, symmetric_maps
from umt.align.refinement import Refinement
from umt.align.soft_matching import mutual_words
from umt.embeddings.retrieval import csls, csls_from_similarity, mutual
from umt.embeddings.wordspace import WordSpace
from umt.runtime.progress import report
from umt.runtime.validate import require
from umt.types import BadInput

Dropped = Literal["pairs", "similarities"]


@dataclass(frozen=True)
class SelfLearning:
    """Stochastic self-learning over the frequent words, then refinement to all (Artetxe et al., 2018).

    Each round fits maps on the pairs and induces the next pairs from them, with dropout. ``dropout_of`` says
    of what: ``pairs`` fits re-weighted maps on a random share of the mutual best pairs: quick, from a start
    that is mostly right. ``similarities`` is the procedure as published: an orthogonal map on all pairs, and
    each word of both sides is paired with its best among a random share of the other side's: it escapes a
    poor start, in hundreds of rounds.

    The share starts at ``keep`` and doubles after every ``patience`` rounds that bring no higher mean
    similarity; when it is 1 and nothing improves, the refinement follows.

    init: the aligner whose lexicons give the first pairs; its verdict is passed on. words: the most frequent
    words of both sides that take part. rounds: the most rounds. ridge: see `symmetric_maps`.
    """

    init: Aligner
    refinement: Refinement = field(default_factory=Refinement)
    words: int = 4000
    rounds: int = 100
    keep: float = 0.5
    patience: int = 5
    ridge: float = 0.1
    dropout_of: Dropped = "pairs"

    def __post_init__(self) -> None:
        require(self, positive="words patience", at_least_zero="rounds ridge", within={"keep": "(0, 1]"})

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """Raises what ``init`` raises, and BadInput when its lexicons share fewer than two pairs."""
        start = self.init.align(source, target, generator)
        pairs, history = self._learn(source, target, mutual_translations(start, source, target), generator)
        shared = self.refinement.refine(source, target, pairs, generator)
        steps = (*start.history, *history, *shared.history)
        return Alignment(shared.source, shared.target, shared.lexicon, shared.reverse, steps, start.verdict)

    def _learn(
        self, source: WordSpace, target: WordSpace, pairs: Tensor, generator: Generator
    ) -> tuple[Tensor, list[Mapping[str, float]]]:
        normalised = source.normalised, target.normalised  # the start may pair rare words too
        x, y = (side[: self.words] for side in normalised)
        first = normalised[0][pairs[:, 0]], normalised[1][pairs[:, 1]]
        history: list[Mapping[str, float]] = []
        best, keep, stale = -math.inf, self.keep, 0
        for done in range(self.rounds):
            report("rounds of self-learning, at most", done, self.rounds)
            paired = (x[pairs[:, 0]], y[pairs[:, 1]]) if history else first
            new_pairs, score = self._round(x, y, paired, keep, generator)
            if len(new_pairs) < 2:
                break
            pairs = new_pairs
            history.append({"words": float(len(x)), "pairs": float(len(pairs)), "csls": score, "keep": keep})
            if score > best + 1e-4:
                best, stale = score, 0
            else:
                stale += 1
            if stale >= self.patience:
                if keep >= 1:
                    break
                keep, stale = min(1.0, 2 * keep), 0
        if history and self.dropout_of == "similarities":  # without dropout now, and mutual best pairs only
            rotated = x @ procrustes(x[pairs[:, 0]], y[pairs[:, 1]])
            both = mutual(*csls(rotated, y))
            pairs = both if len(both) > 1 else pairs
        return pairs, history

    def _round(
        self, x: Tensor, y: Tensor, paired: tuple[Tensor, Tensor], keep: float, generator: Generator
    ) -> tuple[Tensor, float]:
        """The next pairs of rows of x and y by maps fitted on the vectors ``paired``, and their mean best
        similarity."""
        if self.dropout_of == "similarities":
            return stochastic_csls(x @ procrustes(*paired), y, keep, generator)
        rows: Tensor | slice = slice(None)
        if keep < 1:
            count = max(2, int(keep * len(paired[0])))
            rows = torch.randperm(len(paired[0]), generator=generator)[:count]
        left, right = symmetric_maps(paired[0][rows], paired[1][rows], 0.5, self.ridge)
        forward, backward = csls(normalize(x @ left, dim=1), normalize(y @ right, dim=1))
        score = (forward.scores.mean().item() + backward.scores.mean().item()) / 2
        return mutual(forward, backward), score


def stochastic_csls(
    x: Tensor, y: Tensor, keep: float, generator: Generator, neighbourhood: int = 10
) -> tuple[Tensor, float]:
    """Pairs of each row of both sides with its best by CSLS among a random share ``keep`` of the other side.

    x: (N, dim), y: (M, dim) unit rows in one space. Returns (N + M, 2) pairs, fewer where a share holds no
    word, and the mean cosine of nearest neighbours, all of them considered. Holds the (N, M) cosines: 1.6 GB
    where both sides have 20,000 words.
    """
    similarity = x @ y.T  # (N, M)
    score = float(similarity.amax(1).mean() + similarity.amax(0).mean()) / 2
    neighbours = csls_from_similarity(similarity, 1, neighbourhood, keep, generator)
    forward, backward = (each.indices[:, 0] for each in neighbours)
    pairs = torch.stack([torch.arange(len(x)), forward], 1), torch.stack([backward, torch.arange(len(y))], 1)
    both = torch.cat(pairs)
    return both[(both >= 0).all(1)], score


def mutual_translations(alignment: Alignment, source: WordSpace, target: WordSpace) -> Tensor:
    """(pairs, 2) indices into the two spaces of the words that are each other's best translation.

    Raises BadInput when there are fewer than two.
    """
    pairs = mutual_words(alignment, source, target)
    if len(pairs) < 2:
        raise BadInput(
            f"the aligner that self-learning starts from found {len(pairs)} mutual best translations, "
            "too few: give more text, or another start (aligner@aligner.init=cooccurrence)"
        )
    return pairs

"""Maps of two vector spaces into one, fitted on pairs of rows, and their precision by cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import normalize

from umt.align.linear_maps import map_to_shared_space, procrustes, svd
from umt.embeddings.retrieval import csls
from umt.runtime.validate import require

FREQUENT = 1000
"""Most frequent words on which the precision of a lexicon is estimated, as where runs are compared."""


class PairedMap(Protocol):
    """A way to fit maps on pairs: a frozen dataclass with one verb."""

    def fit(self, x: Tensor, y: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """All rows of x (N, dim) and y (M, dim) as unit vectors in one space, fitted on (n, 2) pairs."""
        ...


@dataclass(frozen=True)
class SymmetricMap:
    """Whitened, rotated and re-weighted maps of both sides with a ridge: see `symmetric_maps`."""

    reweight: float = 0.5
    ridge: float = 0.5

    def __post_init__(self) -> None:
        require(self, at_least_zero="reweight ridge")

    def fit(self, x: Tensor, y: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """See `PairedMap`."""
        return map_to_shared_space(x, y, pairs, self.reweight, self.ridge)


@dataclass(frozen=True)
class RelaxedCsls:
    """The map of x that maximises the CSLS of the pairs, convex as neighbours are those of the map at hand.

    Minimises, over W with singular values of at most 1, the mean over pairs (x, y) of

        - 2 x W y + mean of x W z over its nearest z of y's side + mean of z W y over those of x's side

    (Joulin, Bojanowski, Mikolov, Jégou and Grave, 2018, "Loss in translation") by projected subgradients from
    Procrustes; the step is halved where the loss rises.

    rounds: steps at most. rate: the first step size. neighbourhood: nearest vectors, as in `csls`. words: the
    most frequent of either side among which neighbours are looked for.
    """

    rounds: int = 20
    rate: float = 1.0
    neighbourhood: int = 10
    words: int = 20_000

    def __post_init__(self) -> None:
        require(self, positive="rate neighbourhood words", at_least_zero="rounds")

    def fit(self, x: Tensor, y: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """See `PairedMap`."""
        return normalize(x @ self.solve(x, y, pairs), dim=1), y

    def solve(self, x: Tensor, y: Tensor, pairs: Tensor) -> Tensor:
        """The (dim, dim) map of x. Holds (n, words) similarities."""
        left, right = x[pairs[:, 0]], y[pairs[:, 1]]
        current = best = slope = procrustes(left, right)
        lowest, rate = torch.inf, self.rate
        for _ in range(self.rounds):
            loss, gradient = self.loss(current, left, right, x[: self.words], y[: self.words])
            if loss < lowest:
                lowest, best, slope = loss, current, gradient
            else:
                rate /= 2
            u, sizes, vt = svd(best - rate * slope)
            current = u * sizes.clamp_max(1) @ vt
        return best

    def loss(
        self, w: Tensor, left: Tensor, right: Tensor, sources: Tensor, targets: Tensor
    ) -> tuple[float, Tensor]:
        """The loss and its (dim, dim) gradient at w."""
        near = []
        for rows, side in ((left @ w, targets), (right @ w.T, sources)):
            best = (rows @ side.T).topk(min(self.neighbourhood, len(side)), dim=1, sorted=False)
            near.append(side[best.indices].mean(1))
        gradient = (left.T @ (near[0] - 2 * right) + near[1].T @ right) / len(left)
        return float((gradient * w).sum()), gradient


def cross_validated_precision(
    fitter: PairedMap, sides: tuple[Tensor, Tensor], pairs: Tensor, words: int, folds: int = 5
) -> float | None:
    """Precision at 1 of a map, source to target, by cross-validation; None where no pair can be tested.

    sides: two (words, dim) normalised. pairs: (n, 2). words: the most frequent source words that are tested.
    """
    hits = trials = 0
    for fold in range(folds):
        hidden = pairs[:, 0] % folds == fold
        tested = torch.tensor(sorted({*pairs[hidden & (pairs[:, 0] < words), 0].tolist()}))
        if not len(tested) or int((~hidden).sum()) < 2:
            continue
        x, y = fitter.fit(*sides, pairs[~hidden])
        best = csls(x[:words], y, 1)[0].indices[tested]
        right = (pairs[:, 0] == tested[:, None]) & (pairs[:, 1] == best)
        hits, trials = hits + int(right.any(1).sum()), trials + len(tested)
    return hits / trials if trials else None

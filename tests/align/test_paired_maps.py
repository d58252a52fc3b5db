"""Maps fitted on pairs: the relaxed CSLS objective falls, and cross-validation chooses the better map."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from umt.align.paired_maps import RelaxedCsls, SymmetricMap, cross_validated_precision
from umt.align.strategies.procrustes import CrossValidatedMap
from umt.corpus.dictionary import Dictionary
from umt.embeddings.wordspace import WordSpace
from umt.types import Lang

ORTHOGONAL, REWEIGHTED = RelaxedCsls(rounds=0), SymmetricMap(1.0, 0.1)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed))


def rotation(dim: int) -> Tensor:
    return torch.linalg.qr(random(dim, dim, seed=9)).Q


def test_the_gradient_is_that_of_the_loss_with_fixed_neighbours() -> None:
    x, y = (normalize(random(40, 6, seed=seed), dim=1).double() for seed in (1, 2))
    w, step = rotation(6).double(), 1e-6 * random(6, 6, seed=3).double()
    fitter = RelaxedCsls(neighbourhood=3)
    (loss, gradient), (after, _) = (fitter.loss(each, x[:9], y[:9], x, y) for each in (w, w + step))
    assert after - loss == pytest.approx(float((gradient * step).sum()), rel=1e-4)


def test_relaxed_csls_lowers_its_loss_and_stays_a_contraction() -> None:
    x, noise = normalize(random(200, 12), dim=1), random(200, 12, seed=1)
    y, pairs = normalize(x @ rotation(12) + 0.2 * noise, dim=1), torch.arange(60).repeat(2, 1).T
    start, end = (RelaxedCsls(rounds).solve(x, y, pairs) for rounds in (0, 20))
    losses = [RelaxedCsls().loss(w, x[:60], y[:60], x, y)[0] for w in (start, end)]
    assert losses[1] < losses[0] - 0.003
    assert float(torch.linalg.svdvals(end).max()) < 1 + 1e-4


def test_a_hidden_rotation_is_recovered() -> None:
    x = normalize(random(200, 12), dim=1)
    pairs = torch.arange(40).repeat(2, 1).T
    mapped, target = RelaxedCsls().fit(x, x @ rotation(12), pairs)
    assert float((mapped * target).sum(1).min()) > 0.99
    assert cross_validated_precision(RelaxedCsls(), (x, target), pairs, 200) == 1


@pytest.mark.parametrize("better", [ORTHOGONAL, REWEIGHTED])
def test_cross_validation_chooses_the_better_map(better: RelaxedCsls | SymmetricMap) -> None:
    if better is ORTHOGONAL:  # a rotation with noise, and few pairs
        x, count = random(300, 30), 60
        y = x @ rotation(30) + 0.8 * random(300, 30, seed=1)
    else:  # a third of the dimensions is shared
        common, count = random(300, 10), 200
        x, y = (torch.cat([common, 1.2 * random(300, 20, seed=seed)], 1) for seed in (1, 2))
        y = y @ rotation(30)
    names = [tuple(f"{side}{row}" for row in range(300)) for side in "ez"]
    source, target = (
        WordSpace(Lang(lang), words, torch.ones(300).double(), {}, vectors)
        for lang, words, vectors in zip(("en", "zh"), names, (x, y), strict=True)
    )
    known = Dictionary({f"e{row}": frozenset({f"z{row}"}) for row in range(count)})
    control = CrossValidatedMap((ORTHOGONAL, REWEIGHTED)).with_seeds(known)
    assert control.align(source, target, Generator()).verdict.reason.startswith(str(better))
    with pytest.raises(ValueError, match="maps is empty"):
        CrossValidatedMap(())

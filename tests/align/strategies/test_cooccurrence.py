"""Count matching: its mathematics, and that it finds a hidden permutation."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator, Tensor
from torch.testing import assert_close

from tests.two_languages import accuracy, two_languages
from umt.align import Alignment, Verdict
from umt.align.refinement import Refinement
from umt.align.soft_matching import similarity_profiles, sinkhorn
from umt.align.strategies.cooccurrence import (
    Cooccurrence,
    alternate_hard,
    anneal,
    normalise_counts,
    reordered,
    resample_counts,
    top_singular_part,
)
from umt.types import BadInput

ALIGNER = Cooccurrence(words=200, drop=2, keep=0.8)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def counts(words: int = 60, seed: int = 0) -> Tensor:
    drawn = torch.poisson(torch.rand(words, words, generator=seeded(seed)) * 9, generator=seeded(seed))
    return drawn.triu() + drawn.triu(1).T


def test_thinning_keeps_the_share_and_the_symmetry() -> None:
    whole = counts(300).numpy()
    part = resample_counts(whole, 0.7, seeded())
    assert (part == part.T).all()
    assert (part <= whole).all()
    assert part.sum() / whole.sum() == pytest.approx(0.7, abs=0.01)
    assert (part == resample_counts(whole, 0.7, seeded())).all()
    assert (part != resample_counts(whole, 0.7, seeded(1))).any()
    assert resample_counts(whole, 1.0, seeded()) is whole


def test_conditioned_rows_are_clipped_at_both_tails() -> None:
    plain, clipped = normalise_counts(counts(), 100), normalise_counts(counts(), 90)
    assert_close(plain.norm(dim=1), torch.ones(60))
    high = float(np.percentile(np.percentile(plain.numpy(), 90, axis=1), 90))
    low = float(np.percentile(np.percentile(plain.numpy(), 10, axis=1), 10))
    assert_close(clipped, plain.clamp(low, high))
    assert low < 0 < high < plain.max()


def test_leading_is_the_best_approximation_of_its_rank() -> None:
    left, right = (torch.linalg.qr(torch.randn(50, 50, generator=seeded(seed)))[0] for seed in (1, 2))
    values = 0.7 ** torch.arange(50)
    matrix = left * values @ right.T
    assert_close(top_singular_part(matrix, 3), left[:, :3] * values[:3] @ right[:, :3].T, atol=1e-4, rtol=0)


def test_profiles_do_not_depend_on_the_order() -> None:
    order = torch.randperm(60, generator=seeded(3))
    x = normalise_counts(counts(), 99)
    scores = similarity_profiles(x, x[order][:, order])
    assert (scores.argmax(1)[order] == torch.arange(60)).all()


def test_sinkhorn_is_doubly_stochastic_and_sharpens() -> None:
    scores = torch.randn(40, 40, generator=seeded())
    matching = sinkhorn(scores, 2.0, rounds=200)
    assert_close(matching.sum(0), torch.ones(40))
    assert_close(matching.sum(1), torch.ones(40))
    assert sinkhorn(scores, 8.0, 200).amax(1).mean() > matching.amax(1).mean()


def test_reordered_is_the_cosine_over_the_union_of_both_matches() -> None:
    x, z = (torch.randn(30, 30, generator=seeded(seed)) for seed in (1, 2))
    forward, backward = (torch.randint(30, (30,), generator=seeded(seed)) for seed in (3, 4))
    a = torch.cat([x, x[:, backward]], 1)
    b = torch.cat([z[:, forward], z], 1)
    expected = torch.nn.functional.normalize(a, dim=1) @ torch.nn.functional.normalize(b, dim=1).T
    assert_close(reordered(x, z, forward, backward), expected)


def test_soft_and_hard_matching_find_a_hidden_permutation() -> None:
    order = torch.randperm(100, generator=seeded(5))
    x = normalise_counts(torch.from_numpy(two_languages(100)[0].counts[10].toarray()), 99)
    z = x[order][:, order]
    noise = torch.randn(100, 100, generator=seeded(6))
    start = similarity_profiles(x, z) + similarity_profiles(x, z).std() * noise
    soft = anneal(x, z, start, 2, 12, 20)
    right = [(scores.argmax(1)[order] == torch.arange(100)).float().mean() for scores in (start, soft)]
    assert right[0] < 0.6
    assert right[1] > 0.9
    similarity, history = alternate_hard(x, z, soft.argmax(1), soft.argmax(0), 3, 100)
    assert (similarity.argmax(1)[order] == torch.arange(100)).all()
    assert history[-1]["similarity"] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_learns_words_of_independent_draws(seed: int) -> None:
    source, target = two_languages(200, seed)
    alignment = ALIGNER.align(source, target, seeded(seed))
    assert accuracy(alignment.lexicon) > 0.95
    assert accuracy(alignment.reverse_lexicon) > 0.95
    cosine = (alignment.source.vectors[:50] @ alignment.target.vectors.T).argmax(1).tolist()
    met = [alignment.source.words[i][2:] == alignment.target.words[j][2:] for i, j in enumerate(cosine)]
    assert np.mean(met) > 0.8, "the vectors lie in one space"


def test_widening_covers_the_rest_of_the_words() -> None:
    source, target = two_languages(300)
    widening = Refinement(sizes=(0,), candidates=5)
    wide = dataclasses.replace(ALIGNER, refinement=widening).align(source, target, seeded())
    assert len(wide.lexicon.source) == 300
    assert accuracy(wide.lexicon) > 0.8


def test_an_alignment_survives_saving(tmp_path: Path) -> None:
    alignment = ALIGNER.align(*two_languages(200), seeded())
    alignment = dataclasses.replace(alignment, verdict=Verdict("doubtful", 0.5, math.nan, "因为", 0.25))
    alignment.save(tmp_path)
    again = Alignment.load(tmp_path)
    assert_close(again.source.vectors, alignment.source.vectors)
    assert again.target.words == alignment.target.words
    assert_close(again.reverse_lexicon.candidates, alignment.reverse_lexicon.candidates)
    assert again.history == alignment.history
    assert again.verdict.reason == "因为"
    assert again.verdict.estimated_precision == 0.25
    assert math.isnan(again.verdict.null_score)
    first = (tmp_path / "source.vec").read_text(encoding="utf-8").splitlines()
    assert first[0] == "200 30"
    assert first[1].split()[0] == alignment.source.words[0]


def test_a_window_that_was_not_counted_is_named() -> None:
    with pytest.raises(BadInput, match=r"aligner\.window=7 .* choose one of 5, 10"):
        dataclasses.replace(ALIGNER, window=7).align(*two_languages(100), seeded())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("words", 3),
        ("window", 0),
        ("clip", 40),
        ("drop", -1),
        ("drop", 200),
        ("keep", 0),
        ("first_inverse_temperature", 20),
    ],
)
def test_bad_options_are_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(ALIGNER, **{field: value})  # type: ignore[arg-type]


def test_a_verdict_has_three_labels() -> None:
    with pytest.raises(ValueError, match="aligned, doubtful, failed, not judged"):
        Verdict("perfect", 1, 0, "")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="estimated_precision"):
        Verdict("aligned", 1, 0, "", 1.5)

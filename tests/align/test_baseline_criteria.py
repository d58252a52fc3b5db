"""The criteria of others, on alignments whose truth is known."""

from __future__ import annotations

import pytest
import torch

from tests.two_languages import two_languages
from umt.align.agreement import Matches, permuted_space
from umt.align.baseline_criteria import frequency_correlation, mean_cosine, mutual_share, vecmap_objective
from umt.align.strategies.cooccurrence import Cooccurrence


def test_frequency_and_mutuality_of_known_matches() -> None:
    straight = Matches(torch.arange(50), torch.arange(50))
    assert frequency_correlation(straight) == pytest.approx(1)
    assert mutual_share(straight) == 1
    assert frequency_correlation(
        Matches(torch.arange(50).flip(0), torch.arange(50).flip(0))
    ) == pytest.approx(-1)
    lost = Matches(torch.full((50,), -1), torch.zeros(50, dtype=torch.int64))
    assert frequency_correlation(lost) == mutual_share(lost) == 0
    everybody = Matches(torch.zeros(50, dtype=torch.int64), torch.arange(50))
    assert mutual_share(everybody) == 1 / 50


def test_they_prefer_the_truth_to_a_destroyed_target() -> None:
    source, target = two_languages(150)
    aligner = Cooccurrence(words=150, drop=2, keep=0.8)
    result = []
    for other in (target, permuted_space(target, 150, torch.Generator().manual_seed(1))):
        alignment = aligner.align(source, other, torch.Generator().manual_seed(0))
        matches = Matches.read(alignment, source, other, 150)
        result.append(
            (mean_cosine(alignment, 150), vecmap_objective(alignment, 150), frequency_correlation(matches))
        )
    assert all(right > wrong for right, wrong in zip(*result, strict=True))

"""Words on paper: what is near stays near."""

from __future__ import annotations

import pytest
import torch

from umt.evaluation.report.tsne import tsne


def test_clusters_stay_together() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(4, 20, generator=generator)
    vectors = (centres[:, None] + 0.2 * torch.randn(4, 15, 20, generator=generator)).flatten(0, 1)
    spots = tsne(vectors, steps=250)
    assert spots.shape == (60, 2)
    assert torch.equal(spots, tsne(vectors, steps=250))
    nearest = torch.cdist(spots, spots).fill_diagonal_(torch.inf).argmin(1)
    cluster = torch.arange(60) // 15
    assert (cluster[nearest] == cluster).float().mean() > 0.95


def test_too_few() -> None:
    with pytest.raises(ValueError, match="three"):
        tsne(torch.ones(2, 5))

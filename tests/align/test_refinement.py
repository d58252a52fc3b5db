"""Vectors less what they share with their neighbours."""

from __future__ import annotations

import torch
from torch import Generator
from torch.nn.functional import normalize

from umt.align.refinement import locally_centred


def test_local_centring_subtracts_the_mean_of_the_nearest_frequent_others() -> None:
    rows = normalize(torch.randn(40, 6, generator=Generator().manual_seed(0)), dim=1)
    centred = locally_centred(rows, 0.3, neighbourhood=4, frequent=30)
    for number, row in enumerate(rows):
        others = [other for other in range(30) if other != number]
        near = (rows[others] @ row).topk(4).indices
        expected = normalize(row - 0.3 * rows[others][near].mean(0), dim=0)
        assert torch.allclose(centred[number], expected, atol=1e-6)


def test_local_centring_parts_neighbours_and_may_be_left_out() -> None:
    generator = Generator().manual_seed(1)
    centres = torch.randn(5, 20, generator=generator).repeat(8, 1)
    rows = normalize(centres + 0.5 * torch.randn(40, 20, generator=generator), dim=1)
    centred = locally_centred(rows, 0.5, neighbourhood=7)
    inside = torch.arange(40)[:, None] % 5 == torch.arange(40) % 5
    assert (centred @ centred.T)[inside].mean() < (rows @ rows.T)[inside].mean() - 0.1
    assert locally_centred(rows, 0.0) is rows

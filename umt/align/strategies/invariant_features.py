"""What no map changes of a word: shown to a discriminator, it judges each word among its like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def invariant_features(
    spaces: Sequence[Tensor], frequencies: Sequence[Tensor], features: int
) -> list[Tensor]:
    """What no map changes of each word: its log frequency and the shape of its sorted similarities.

    spaces: two (N, dim). The similarities at places spread evenly in their logarithm, reduced to ``features``
    directions that both languages share. Returns two (N, 1 + features); (N, 0) for -1.
    """
    size = len(spaces[0])
    if features < 0:
        return [torch.zeros(size, 0)] * 2
    told = [_columns(each.log().float()[:, None]) for each in frequencies]
    if features:
        places = np.unique(np.geomspace(2, size - 1, 24).astype(int))
        shapes = [_columns((x @ x.T).sort(1, descending=True).values[:, places]) for x in spaces]
        axes = torch.linalg.svd(torch.cat(shapes), full_matrices=False).Vh[:features]
        told = [
            torch.cat([one, _columns(shape @ axes.T)], 1) for one, shape in zip(told, shapes, strict=True)
        ]
    return told


def _columns(values: Tensor) -> Tensor:
    """Each column with mean 0 and deviation 1."""
    return (values - values.mean(0)) / values.std(0).clamp_min(1e-9)

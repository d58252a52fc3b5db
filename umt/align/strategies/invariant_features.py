"""Features of a word that no linear map changes, as additional inputs of a discriminator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def invariant_features(
    spaces: Sequence[Tensor], frequencies: Sequence[Tensor], features: int
) -> list[Tensor]:
    """The log frequency of each word and the shape of its sorted similarities, which no rotation changes.

    spaces: two (N, dim). The similarities at places spread evenly in their logarithm, reduced to ``features``
    directions that both languages share. Returns two (N, 1 + features); (N, 0) for -1.
    """
    size = len(spaces[0])
    if features < 0:
        return [torch.zeros(size, 0)] * 2
    columns = [_columns(each.log().float()[:, None]) for each in frequencies]
    if features:
        places = np.unique(np.geomspace(2, size - 1, 24).astype(int))
        shapes = [_columns((x @ x.T).sort(1, descending=True).values[:, places]) for x in spaces]
        axes = torch.linalg.svd(torch.cat(shapes), full_matrices=False).Vh[:features]
        columns = [
            torch.cat([one, _columns(shape @ axes.T)], 1) for one, shape in zip(columns, shapes, strict=True)
        ]
    return columns


def _columns(values: Tensor) -> Tensor:
    """Each column with mean 0 and deviation 1."""
    return (values - values.mean(0)) / values.std(0).clamp_min(1e-9)

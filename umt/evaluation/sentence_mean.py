"""A score that is a mean over sentences, with its interval by bootstrap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from umt.types import Score

_SEED = 12345  # sacreBLEU's


def mean_score(name: str, scores: Sequence[float], resamples: int, model: str) -> Score:
    """The mean of the ``scores`` of sentences and its 95% interval over ``resamples`` of them.

    model: what judged the sentences, for the signature.
    """
    values = np.asarray(scores, float)
    draws = np.random.default_rng(_SEED).integers(0, len(values), (resamples, len(values)))
    low, high = np.quantile(values[draws].mean(1), (0.025, 0.975))
    signature = f"model:{model}|bs:{resamples}|seed:{_SEED}"
    return Score(name, float(values.mean()), float(low), float(high), signature)

"""Subword smoothing of word vectors: rackets is related to racket, 球拍 to 球.

Co-occurrence is sparse for rare words. A ridge regression from character n-grams to vectors (Zhao, Mudgal and
Liang, 2018, "Generalizing word embeddings using bag of subwords") predicts a vector for every word; the rarer
the word, the further its own vector is moved towards the prediction.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn.functional import normalize

from umt.types import F32, F64

_RARE, _COMMON = 3, 0.2
"""A feature must occur in so many words, and in at most this share of them."""
_RIDGE = 1.0
_ROUNDS = 30
_UNSEEN = 5
"""Every fifth word is held out from a first regression, which measures how well spelling predicts vectors."""


def smooth_with_subwords(
    words: Sequence[str], frequencies: Tensor, vectors: Tensor, strength: float, spaced: bool
) -> Tensor:
    """(words, dim) centred unit vectors, each moved towards the vector that its spelling predicts.

    strength: how many occurrences of a word a perfect prediction is worth; it is multiplied by the mean
    cosine of the predictions with held-out vectors, so it is 0 where spelling predicts nothing.  spaced: a
    script with spaces, whose features are n-grams of 3 to 6 letters; else single characters and bigrams.
    """
    unit = normalize(vectors, dim=1)
    own = (unit - unit.mean(0)).numpy()
    counts = frequencies.numpy()
    features, weights = _features(words, spaced), np.sqrt(counts)
    held_out = np.arange(len(words)) % _UNSEEN == 0
    predicted = _regression(features, own, np.where(held_out, 0, weights))[held_out]
    worth = strength * max(0.0, _cosine(predicted, own[held_out]))
    share = (worth / (counts + worth)).astype(np.float32)[:, None]
    return torch.from_numpy((1 - share) * own + share * _regression(features, own, weights))


def _cosine(x: F32, y: F32) -> float:
    """The mean over rows."""
    sizes = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return float(((x * y).sum(1) / np.maximum(sizes, 1e-9)).mean())


def _pieces(word: str, spaced: bool) -> list[str]:
    marked = f"<{word}>"
    sizes = range(3, 7) if spaced else range(1, 3)
    return sorted({marked[at : at + size] for size in sizes for at in range(len(marked) - size + 1)})


def _features(words: Sequence[str], spaced: bool) -> sp.csr_matrix:
    """(words, features) indicators of character n-grams, rows of length one."""
    known: dict[str, int] = {}
    columns = [[known.setdefault(piece, len(known)) for piece in _pieces(word, spaced)] for word in words]
    begins = np.cumsum([0, *map(len, columns)])
    indices = np.concatenate([np.array(each, np.int64) for each in columns])
    matrix = sp.csr_matrix((np.ones(len(indices), np.float32), indices, begins), (len(words), len(known)))
    held = np.asarray(matrix.sum(0)).ravel()
    matrix = matrix[:, (held >= _RARE) & (held <= _COMMON * len(words))]
    sizes = np.asarray(matrix.sum(1)).ravel()
    return (sp.diags(1 / np.sqrt(np.maximum(sizes, 1))) @ matrix).tocsr().astype(np.float32)


def _regression(features: sp.csr_matrix, targets: F32, weights: F64) -> F32:
    """(words, dim) predictions of a weighted ridge regression on ``targets``, by conjugate gradients.

    All columns go through each product together; scipy's solvers take one column at a time.
    """
    weights = np.minimum(weights, np.quantile(weights, 0.98))
    scale = (weights / weights.mean()).astype(np.float32)[:, None]
    transposed = features.T.tocsr()
    slopes = np.zeros((features.shape[1], targets.shape[1]), np.float32)
    rest = transposed @ (scale * targets)
    direction, size = rest.copy(), (rest**2).sum(0)
    for _ in range(_ROUNDS):
        pushed = transposed @ (scale * (features @ direction)) + _RIDGE * direction
        step = size / np.maximum((direction * pushed).sum(0), 1e-12)
        slopes += step * direction
        rest -= step * pushed
        size, before = (rest**2).sum(0), size
        direction = rest + size / np.maximum(before, 1e-12) * direction
    predicted: F32 = features @ slopes
    return predicted

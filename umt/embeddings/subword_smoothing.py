"""Word vectors helped by how the words are written: rackets has to do with racket, 球拍 with 球.

Company tells little of a word that is rare; its characters tell what words like it mean. A regression from
character n-grams to vectors (Zhao, Mudgal and Liang, 2018, "Generalizing word embeddings using bag of
subwords") guesses a vector for every word; the rarer the word, the more of its own it gives way to the guess.
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
"""Every fifth word is kept from a first regression, to see whether spelling tells anything."""


def smooth_with_subwords(
    words: Sequence[str], frequencies: Tensor, vectors: Tensor, strength: float, spaced: bool
) -> Tensor:
    """(words, dim) unit vectors less their mean, each moved towards what its spelling suggests.

    strength: how many occurrences of a word a guess would be worth that never fails; it is worth as much
    less as its cosine with the vectors of words that it has not seen is below 1, so nothing in a script that
    tells nothing.  spaced: writing with spaces spells words in letters, and pieces of 3 to 6 of them count;
    else single characters and pairs.
    """
    unit = normalize(vectors, dim=1)
    own = (unit - unit.mean(0)).numpy()
    seen = frequencies.numpy()
    features, weights = _features(words, spaced), np.sqrt(seen)
    unseen = np.arange(len(words)) % _UNSEEN == 0
    blind = _regression(features, own, np.where(unseen, 0, weights))[unseen]
    worth = strength * max(0.0, _cosine(blind, own[unseen]))
    share = (worth / (seen + worth)).astype(np.float32)[:, None]
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
    """(words, features) which pieces each word has, rows of length one."""
    known: dict[str, int] = {}
    columns = [[known.setdefault(piece, len(known)) for piece in _pieces(word, spaced)] for word in words]
    begins = np.cumsum([0, *map(len, columns)])
    indices = np.concatenate([np.array(each, np.int64) for each in columns])
    matrix = sp.csr_matrix((np.ones(len(indices), np.float32), indices, begins), (len(words), len(known)))
    held = np.asarray(matrix.sum(0)).ravel()
    matrix = matrix[:, (held >= _RARE) & (held <= _COMMON * len(words))]
    sizes = np.asarray(matrix.sum(1)).ravel()
    return (sp.diags(1 / np.sqrt(np.maximum(sizes, 1))) @ matrix).tocsr().astype(np.float32)


def _regression(features: sp.csr_matrix, wanted: F32, weights: F64) -> F32:
    """What a weighted ridge regression makes of ``wanted`` (words, dim), by conjugate gradients.

    All columns go through each product together; scipy's solvers take one column at a time.
    """
    weights = np.minimum(weights, np.quantile(weights, 0.98))
    scale = (weights / weights.mean()).astype(np.float32)[:, None]
    turned = features.T.tocsr()
    slopes = np.zeros((features.shape[1], wanted.shape[1]), np.float32)
    rest = turned @ (scale * wanted)
    direction, size = rest.copy(), (rest**2).sum(0)
    for _ in range(_ROUNDS):
        pushed = turned @ (scale * (features @ direction)) + _RIDGE * direction
        step = size / np.maximum((direction * pushed).sum(0), 1e-12)
        slopes += step * direction
        rest -= step * pushed
        size, before = (rest**2).sum(0), size
        direction = rest + size / np.maximum(before, 1e-12) * direction
    guessed: F32 = features @ slopes
    return guessed

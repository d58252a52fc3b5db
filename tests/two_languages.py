"""A small world for the tests of aligners: two languages that count the same hidden meanings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch

from umt.embeddings.count_vectors import ppmi, truncated_svd
from umt.embeddings.lexicon import Lexicon
from umt.embeddings.wordspace import WordSpace
from umt.types import Lang


def two_languages(words: int = 300, seed: int = 0) -> tuple[WordSpace, WordSpace]:
    """Independent draws of the co-occurrences of ``words`` meanings, each language sorted by frequency.

    Word "en7" means what "zh7" means; their ranks differ by the noise of the draws.
    """
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(3, words + 3) ** 0.8
    meaning = rng.normal(size=(words, 12)) * 0.45
    rate = np.exp(meaning @ meaning.T) * frequency[:, None] * frequency
    rate *= 400 * words / rate.sum(1).mean()
    return _draw("en", rate, rng), _draw("zh", rate, rng)


def _draw(lang: str, rate: npt.NDArray[np.float64], rng: np.random.Generator) -> WordSpace:
    counts = {}
    drawn = np.triu(rng.poisson(rate))
    order = np.argsort(-(drawn + np.triu(drawn, 1).T).sum(1), kind="stable")
    for window, extra in ((5, np.zeros_like(drawn)), (10, rng.poisson(rate / 2))):
        upper = drawn + np.triu(extra)
        both = (upper + np.triu(upper, 1).T)[order][:, order]
        counts[window] = sp.csr_matrix(both.astype(np.float32))
    left, values = truncated_svd(ppmi(counts[10]), 30, torch.Generator().manual_seed(0))
    frequencies = torch.from_numpy(np.asarray(counts[5].sum(1), dtype=np.float64).ravel())
    words = tuple(f"{lang}{meaning}" for meaning in order)
    return WordSpace(Lang(lang), words, frequencies, counts, left * values.sqrt())


def accuracy(lexicon: Lexicon) -> float:
    """Share of the source words whose best candidate means the same."""
    best = lexicon.candidates[:, 0].tolist()
    right = [word[2:] == lexicon.target[index][2:] for word, index in zip(lexicon.source, best, strict=True)]
    return float(np.mean(right))

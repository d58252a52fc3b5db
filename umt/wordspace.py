"""What one language looks like to an aligner: words, counts and vectors."""

from __future__ import annotations

from dataclasses import dataclass

import scipy.sparse as sp
from torch import Tensor

from umt.types import Lang


@dataclass(frozen=True)
class Embeddings:
    """Words and one row of ``vectors`` (words, dim) for each."""

    words: tuple[str, ...]
    vectors: Tensor


@dataclass(frozen=True)
class WordSpace:
    """One language, most frequent word first.

    frequencies: (words,) float64 token counts.
    counts: window -> (words, contexts) sparse co-occurrence counts within that many words; the contexts
        are the first ``contexts`` words.
    vectors: (words, dim) float32.
    """

    lang: Lang
    words: tuple[str, ...]
    frequencies: Tensor
    counts: dict[int, sp.csr_matrix]
    vectors: Tensor

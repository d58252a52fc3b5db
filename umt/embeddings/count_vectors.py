"""Word vectors from co-occurrence counts: PPMI with a truncated SVD, or the raw counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from umt.embeddings.counts import Counts, IndexedCorpus, count_left_right, count_pairs, sum_sides
from umt.embeddings.subword_smoothing import smooth_with_subwords
from umt.embeddings.wordspace import WordSpace
from umt.runtime.validate import require
from umt.text.languages import is_spaced
from umt.types import BadInput, Lang


@dataclass(frozen=True)
class PpmiSvd:
    """Word vectors by a truncated singular value decomposition of positive pointwise mutual information.

    The matrix is max(0, log p(word, context) / (p(word) p(context)^smoothing) - log shift), vectors are
    U S^power (Levy, Goldberg and Dagan, 2015, "Improving distributional similarity"). Wide windows reflect
    the topic of a word, narrow ones its syntactic role, the more so with distinct left and right contexts
    (Schütze, 1993, "Part-of-speech induction from scratch"): vectors of both kinds are concatenated.

    size: the most frequent words, which get a vector; contexts: the most frequent words, counted as contexts.
    windows: whose counts the word space keeps, in the columns of the ``count_columns`` most frequent words.
    window: of the first ``dim`` columns of the vectors. narrow_window: of ``dim`` more columns, with left and
    right contexts distinct; 0: none. narrow_weight: of these against the first, in inner products.
    minimum_count: rarer words are left out. krylov_blocks: of the decomposition, see `truncated_svd`.
    subword_smoothing: strength of `smooth_with_subwords` in occurrences of a word; 0: none.
    """

    size: int = 25_000
    dim: int = 300
    windows: tuple[int, ...] = (5, 10)
    window: int = 10
    narrow_window: int = 2
    narrow_weight: float = 0.5
    contexts: int = 25_000
    count_columns: int = 5_000
    minimum_count: int = 5
    smoothing: float = 0.75
    shift: float = 1.0
    power: float = 0.25
    krylov_blocks: int = 12
    subword_smoothing: float = 400.0

    def __post_init__(self) -> None:
        require(
            self,
            positive="size dim windows window narrow_weight contexts count_columns minimum_count shift",
            at_least_zero="narrow_window subword_smoothing",
            share="smoothing",
            ascending="dim size, dim contexts",
        )

    def build(self, lang: Lang, tokens: IndexedCorpus, generator: Generator) -> WordSpace:
        """The word space of one language.

        Raises `BadInput` when fewer than ``dim`` words are frequent enough.
        """
        size = tokens.vocabulary(self.size, self.minimum_count)
        if size < self.dim:
            raise BadInput(
                f"{lang}: {size} words occur {self.minimum_count} times, too few for words.dim={self.dim}: "
                "give more text, or lower words.dim or words.minimum_count"
            )
        contexts = min(self.contexts, size)
        sides = count_left_right(
            tokens.ids, size, contexts, {*self.windows, self.window, self.narrow_window or self.window}
        )
        counts = {window: sum_sides(*sides[window]) for window in {*self.windows, self.window}}
        words = tokens.words[:size]
        frequencies = torch.from_numpy(tokens.frequencies[:size].astype(np.float64))

        def columns(*parts: Counts) -> Tensor:
            informative = [ppmi(part.tocsr(), self.smoothing, self.shift) for part in parts]
            left, values = truncated_svd(
                sp.hstack(informative, "csr"), self.dim, generator, self.krylov_blocks
            )
            scaled = left * values**self.power
            return (
                smooth_with_subwords(words, frequencies, scaled, self.subword_smoothing, is_spaced(lang))
                if self.subword_smoothing
                else scaled
            )

        vectors = columns(counts[self.window])
        if self.narrow_window:
            near = columns(*(side[:, : self.count_columns] for side in sides[self.narrow_window]))
            vectors = torch.cat(
                [normalize(vectors, dim=1), self.narrow_weight**0.5 * normalize(near, dim=1)], 1
            )
        counts_of_windows = {window: counts[window][:, : self.count_columns] for window in self.windows}
        return WordSpace(lang, words, frequencies, counts_of_windows, vectors)


@dataclass(frozen=True)
class RawCounts:
    """Raw co-occurrence counts; the vectors are square roots of those with the ``dim`` most frequent words.

    size, windows, window, count_columns, minimum_count: as in `PpmiSvd`. No decomposition: cheap, but only
    frequent contexts take part. For strategies that read the counts, and a baseline of those that do not.
    """

    size: int = 25_000
    dim: int = 300
    windows: tuple[int, ...] = (5, 10)
    window: int = 10
    count_columns: int = 5_000
    minimum_count: int = 5

    def __post_init__(self) -> None:
        require(self, positive="size dim windows window count_columns minimum_count")

    def build(self, lang: Lang, tokens: IndexedCorpus, generator: Generator) -> WordSpace:
        """The word space of one language; raises `BadInput` when fewer than ``dim`` words are frequent."""
        size = tokens.vocabulary(self.size, self.minimum_count)
        if size < self.dim:
            raise BadInput(
                f"{lang}: {size} words occur {self.minimum_count} times, too few for words.dim={self.dim}: "
                "give more text, or lower words.dim or words.minimum_count"
            )
        contexts = min(max(self.count_columns, self.dim), size)
        counts = count_pairs(tokens.ids, size, contexts, {*self.windows, self.window})
        dense = np.sqrt(counts[self.window][:, : self.dim].toarray()).astype(np.float32)
        frequencies = torch.from_numpy(tokens.frequencies[:size].astype(np.float64))
        counts_of_windows = {window: counts[window][:, : self.count_columns] for window in self.windows}
        return WordSpace(lang, tokens.words[:size], frequencies, counts_of_windows, torch.from_numpy(dense))


def ppmi(counts: Counts, smoothing: float = 0.75, shift: float = 1.0) -> Counts:
    """Positive pointwise mutual information of (words, contexts) ``counts``, as float32, zeros left out.

    Contexts weigh as their frequency to the power of ``smoothing``; log ``shift`` is subtracted.
    """
    totals = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    context = np.asarray(counts.sum(axis=0), dtype=np.float64).ravel() ** smoothing
    with np.errstate(divide="ignore"):
        word_cost = np.log(totals)
        context_cost = np.log(context / context.sum()) + np.log(shift)
    values = np.log(counts.data) - np.repeat(word_cost, np.diff(counts.indptr)) - context_cost[counts.indices]
    matrix: Counts = sp.csr_matrix(
        (np.maximum(values, 0).astype(np.float32), counts.indices.copy(), counts.indptr.copy()), counts.shape
    )
    matrix.eliminate_zeros()
    return matrix


def truncated_svd(matrix: Counts, dim: int, generator: Generator, rounds: int = 8) -> tuple[Tensor, Tensor]:
    """The ``dim`` largest singular values (dim,) and left singular vectors (rows, dim) of a sparse matrix.

    Block Krylov iteration from a random start (Musco and Musco, 2015, "Randomized block Krylov methods"):
    ``rounds`` blocks of a third of ``dim``, all kept, for the spectrum of text is so flat that plain
    subspace iteration mixes the last hundred vectors with what lies beyond them, which the maps feel.
    The sign of each vector is such that its entry of largest magnitude is positive.
    """
    width = -(-dim // 3)
    rounds = max(rounds, 4)
    transposed = matrix.T.tocsr()
    # drawn where the generator lives
    start = torch.randn(matrix.shape[1], width, generator=generator, device=generator.device)
    block = torch.linalg.qr(start.cpu()).Q
    basis, products = block, torch.empty(matrix.shape[0], 0)
    while True:
        product = torch.from_numpy(matrix @ block.numpy())
        products = torch.cat([products, product], 1)
        room = min(matrix.shape) - basis.shape[1]
        if products.shape[1] >= rounds * width or room < 1:
            break
        block = torch.from_numpy(transposed @ product.numpy())[:, :room]
        for _ in range(2):  # once leaves rounding errors that the next blocks would amplify
            block = torch.linalg.qr(block - basis @ (basis.T @ block)).Q
        basis = torch.cat([basis, block], 1)
    squares, turn = torch.linalg.eigh((products.T @ products).double())
    values = squares.flip(0)[:dim].clamp_min(0).sqrt()
    left = products @ (turn.flip(1)[:, :dim] / values.clamp_min(values[0] * 1e-7)).float()
    signs = left.gather(0, left.abs().argmax(0, keepdim=True)).sign()
    return left * signs, values.float()

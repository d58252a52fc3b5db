"""Sentence co-occurrence as an expert of a code: that of the text itself, and that of another language
transferred through a lexicon.

p(next | past) is proportional to p(next | the symbol before), counted so far, times exp(weights . scores).
Scores are the smoothed PMI of the candidate with the symbols of the sentence so far. Co-occurrence in
sentences ignores word order, so it transfers between languages: a pair of the other language counts for the
translations of both, by a lexicon that an aligner finds without a dictionary *in what has been coded of
both texts*. A decoder finds the same lexicon at the same place and learns the same weights on line: the
weight of the transferred scores begins at zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from umt.align import Aligner
from umt.compression.symbols import CodedText
from umt.embeddings.counts import Counts, IndexedCorpus, index_words
from umt.embeddings.lexicon import Lexicon
from umt.embeddings.wordspace import WordSpace
from umt.runtime.validate import require
from umt.types import F32, I64, BadInput, Lang, ProgressCallback

_Undecided: type[Exception] = torch.linalg.LinAlgError  # type: ignore[attr-defined]
_BATCH = 1024  # symbols scored at once, with the same weights
_DISCOUNT = 0.7  # of pairs of neighbours (Kneser and Ney 1995)
_STIFFNESS = 300.0  # curvature that the weights start with: so slow are they at first


class Builder(Protocol):
    """Makes a word space of tokens, as `umt.embeddings.count_vectors.PpmiSvd` does."""

    def build(self, lang: Lang, tokens: IndexedCorpus, generator: Generator) -> WordSpace:
        """Raises BadInput when there are too few words."""
        ...


@dataclass(frozen=True)
class CooccurrenceExpert:
    """Log-linear expert on the next symbol by sentence co-occurrence.

    words: word vectors of symbols, for the aligner.
    aligner: finds the lexicon.
    doublings: counts and lexicon are renewed whenever the text has doubled, so many times; before the first
        the expert is undecided.
    candidates: translations of a symbol.
    weight: of the text's own co-occurrence at the start.
    """

    words: Builder
    aligner: Aligner
    doublings: int = 5
    candidates: int = 3
    weight: float = 0.5

    def __post_init__(self) -> None:
        require(self, positive="doublings candidates")

    def unconditional(self, text: CodedText, progress: ProgressCallback) -> F32:
        """Log odds of the decisions of ``text``, (decisions,), as
        `umt.compression.mixing.context_mixing.code_length` takes them."""
        return self._odds(
            text, [[sentence_cooccurrence(text, end)] for end in self._ends(text)[:-1]], progress
        )

    def joint(self, x: CodedText, y: CodedText, seed: int, progress: ProgressCallback) -> tuple[F32, F32]:
        """Log odds of two texts coded side by side, (decisions,) each, with scores transferred both ways."""
        of_x, of_y = [], []
        for end, end_y in zip(self._ends(x)[:-1], self._ends(y)[:-1], strict=True):
            pairs = sentence_cooccurrence(x, end), sentence_cooccurrence(y, end_y)
            forward, backward = self._lexicons(x, end, y, end_y, seed)
            of_x.append([pairs[0], (backward.T @ pairs[1] @ backward).tocsr()])
            of_y.append([pairs[1], (forward.T @ pairs[0] @ forward).tocsr()])
        return self._odds(x, of_x, progress), self._odds(y, of_y, progress)

    def conditional(self, text: CodedText, other: CodedText, seed: int, progress: ProgressCallback) -> F32:
        """Log odds of ``text``, (decisions,), where all of ``other`` is known before."""
        groups, pairs = [], sentence_cooccurrence(other, len(other.ends))
        for end in self._ends(text)[:-1]:
            forward, _ = self._lexicons(other, len(other.ends), text, end, seed)
            groups.append([sentence_cooccurrence(text, end), (forward.T @ pairs @ forward).tocsr()])
        return self._odds(text, groups, progress)

    def with_lexicon(
        self, text: CodedText, other: CodedText, lexicon: Counts, progress: ProgressCallback
    ) -> F32:
        """Log odds of ``text``, (decisions,), where all of ``other`` and a lexicon are known before.

        lexicon: (symbols of ``other``, symbols of ``text``) p(translation | symbol); its bits are not in it.
        """
        transferred = (lexicon.T @ sentence_cooccurrence(other, len(other.ends)) @ lexicon).tocsr()
        groups = [[sentence_cooccurrence(text, end), transferred] for end in self._ends(text)[:-1]]
        return self._odds(text, groups, progress)

    def _ends(self, text: CodedText) -> list[int]:
        """Sentences before each renewal, and all in the end."""
        return [max(1, len(text.ends) >> step) for step in range(self.doublings, -1, -1)]

    def _lexicons(self, x: CodedText, end: int, y: CodedText, end_y: int, seed: int) -> tuple[Counts, Counts]:
        """p(translation | symbol), (symbols of x, symbols of y) and back, found in the sentences so far.

        All zeros where there is too little to align.
        """
        shape = len(x.numbers), len(y.numbers)
        generator = Generator().manual_seed(seed)
        try:
            space_x = self.words.build(x.lang, symbol_tokens(x, end), generator)
            space_y = self.words.build(y.lang, symbol_tokens(y, end_y), generator)
            result = self.aligner.align(space_x, space_y, generator)
        except (BadInput, _Undecided):  # the second where most vectors are zero
            nothing: Counts = sp.csr_matrix(np.zeros(shape, np.float32))
            return nothing, nothing.T.tocsr()
        forward = _matrix(result.lexicon, self.candidates, shape)
        return forward, _matrix(result.reverse_lexicon, self.candidates, shape[::-1])

    def _odds(self, text: CodedText, groups: Sequence[Sequence[Counts]], progress: ProgressCallback) -> F32:
        """Log odds of ``text``; groups: counts of pairs, a list for each part between two renewals."""
        ends = [int(text.ends[end - 1]) for end in self._ends(text)]
        log_odds = [np.zeros(int(text.tree.lengths[text.codes[: ends[0]]].sum()), np.float32)]
        weights = torch.zeros(len(groups[0]))
        weights[0] = self.weight
        tilt = _OnlineLogLinear(weights)
        for start, end, pairs in zip(ends[:-1], ends[1:], groups, strict=True):
            before, scores = _Bigrams(text.codes[:start], len(text.numbers)), [*map(smoothed_pmi, pairs)]
            for first in range(start, end, _BATCH):
                progress("co-occurrence", first, len(text.codes))
                places = np.arange(first, min(first + _BATCH, end))
                base = before.chances(text.codes[places - 1]).log_()
                earlier = _earlier(text, places)
                features = [torch.from_numpy(np.asarray(earlier @ each)) for each in scores]
                chances = tilt.chances(base, features)
                log_odds.append(text.tree.log_odds(chances, text.codes[places]))
                tilt.learn(chances, features, torch.from_numpy(text.codes[places]))
        return np.concatenate(log_odds)


class _OnlineLogLinear:
    """Weights of features in a log-linear model, learned on line by Newton steps on all examples so far."""

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights  # (features,)
        self.curvature = torch.eye(len(weights)) * _STIFFNESS

    def chances(self, base: Tensor, features: Sequence[Tensor]) -> Tensor:
        """(n, symbols) of ``base`` log probabilities and of each feature, likewise."""
        logits = base.clone()
        for weight, feature in zip(self.weights.tolist(), features, strict=True):
            logits.add_(feature, alpha=weight)
        return torch.softmax(logits, 1)

    def learn(self, chances: Tensor, features: Sequence[Tensor], targets: Tensor) -> None:
        """One step after what came is known."""
        rows = torch.arange(len(targets))
        means = torch.stack([(chances * feature).sum(1) for feature in features])  # (features, n)
        gradient = torch.stack([feature[rows, targets] for feature in features]).sub_(means).sum(1)
        for one, first in enumerate(features):
            for other, second in enumerate(features):
                product = (chances * first).mul_(second).sum()
                self.curvature[one, other] += product - (means[one] * means[other]).sum()
        self.weights = self.weights + torch.linalg.solve(self.curvature, gradient)


class _Bigrams:
    """p(next | the symbol before), with absolute discounting towards what follows many different symbols."""

    def __init__(self, leaves: I64, alphabet: int) -> None:
        pairs = sp.csr_matrix(
            (np.ones(len(leaves) - 1, np.float32), (leaves[:-1], leaves[1:])), shape=(alphabet, alphabet)
        )
        pairs.sum_duplicates()
        self.total = np.asarray(pairs.sum(1)).ravel()
        self.kinds = np.diff(pairs.indptr).astype(np.float32)
        followed = np.bincount(pairs.indices, minlength=alphabet) + 0.2
        self.shorter = (followed / followed.sum()).astype(np.float32)
        pairs.data -= _DISCOUNT
        self.pairs = pairs

    def chances(self, before: I64) -> Tensor:
        """(n, symbols) after each of ``before`` (n,)."""
        left = torch.from_numpy((_DISCOUNT * self.kinds[before] + 0.5)[:, None])
        total = torch.from_numpy((self.total[before] + 0.5)[:, None])
        result = torch.from_numpy(self.pairs[before].toarray())
        return result.addcmul_(left, torch.from_numpy(self.shorter)[None]).div_(total)


def smoothed_pmi(pairs: Counts) -> F32:
    """(symbols, symbols) log of how often two stand together over how often by chance; near 0 where chance
    expects little.

    pairs: (symbols, symbols) symmetric counts.
    """
    counts = np.asarray(pairs.todense(), np.float32)
    share = counts.sum(0) + 0.2
    chance = counts.sum(1, keepdims=True) * (share / share.sum())[None]
    prior = chance / (chance + 1) + 1e-3
    result: F32 = np.log((counts + prior) / (chance + prior))
    return result


def sentence_cooccurrence(text: CodedText, end: int) -> Counts:
    """(symbols, symbols) how often two places of one sentence, among the first ``end``, hold these two."""
    sizes = np.diff(np.concatenate([[0], text.ends[:end]]))
    leaves = text.codes[: text.ends[end - 1]]
    ones, rows, count = np.ones(len(leaves), np.float32), np.repeat(np.arange(end), sizes), len(text.numbers)
    bags = sp.csr_matrix((ones, (rows, leaves)), shape=(end, count))
    itself = sp.diags(np.bincount(leaves, minlength=count).astype(np.float32))
    result: Counts = (bags.T @ bags - itself).tocsr()
    return result


def _earlier(text: CodedText, places: I64) -> Counts:
    """(places, symbols): what stands in the sentence before each place, over the root of its length."""
    sentence = np.searchsorted(text.ends, places, side="right")
    starts = np.where(sentence > 0, text.ends[sentence - 1], 0)
    sizes = places - starts
    rows = np.repeat(np.arange(len(places)), sizes)
    inside = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    columns = text.codes[np.repeat(starts, sizes) + inside]
    values = np.repeat(np.maximum(sizes, 1) ** -0.5, sizes).astype(np.float32)
    result: Counts = sp.csr_matrix((values, (rows, columns)), shape=(len(places), len(text.numbers)))
    return result


def symbol_tokens(text: CodedText, end: int) -> IndexedCorpus:
    """The first ``end`` sentences, each symbol under its number, without the ends."""
    starts = np.concatenate([[0], text.ends[: end - 1]])
    return index_words(
        " ".join(map(str, text.codes[start : stop - 1])) + "\n"
        for start, stop in zip(starts, text.ends[:end], strict=True)
    )


def _matrix(lexicon: Lexicon, candidates: int, shape: tuple[int, int]) -> Counts:
    """(source symbols, target symbols) of the first ``candidates`` of each row."""
    sources = np.array([*map(int, lexicon.source)])
    targets = np.array([*map(int, lexicon.target)])
    chosen = lexicon.candidates[:, :candidates].numpy()
    values: NDArray[Any] = lexicon.probabilities[:, :candidates].float().numpy()
    rows = np.repeat(sources, chosen.shape[1])
    result: Counts = sp.csr_matrix((values.ravel(), (rows, targets[chosen].ravel())), shape=shape)
    return result

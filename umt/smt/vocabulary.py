"""Vocabularies with counts, and whole corpora as word ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice

import numpy as np

from umt.embeddings.counts import SENTENCE_BREAK, index_words
from umt.smt.ngram import SPECIALS, UNKNOWN
from umt.types import F64, I32, I64

_LINES = 50_000


@dataclass(frozen=True)
class Vocabulary:
    """Lower-cased words, most frequent first after `SPECIALS`, and how often each occurred."""

    words: tuple[str, ...]
    counts: tuple[int, ...]

    @cached_property
    def index(self) -> dict[str, int]:
        """The number of each word."""
        return {word: number for number, word in enumerate(self.words)}

    @cached_property
    def unigram(self) -> F64:
        """(words,) the share of each word among all tokens."""
        counts = np.array(self.counts, np.float64)
        shares: F64 = counts / max(float(counts.sum()), 1.0)
        return shares

    def encode(self, sentences: Sequence[Sequence[str]]) -> tuple[I32, I64]:
        """(ids, offsets): sentence i is ids[offsets[i]:offsets[i + 1]]; words not listed are `UNKNOWN`."""
        words = chain.from_iterable(sentences)
        total = sum(len(sentence) for sentence in sentences)
        ids = np.fromiter(
            (self.index.get(word.lower(), UNKNOWN) for word in words), dtype=np.int32, count=total
        )
        return ids, _offsets([len(sentence) for sentence in sentences])


def count_and_encode(lines: Iterable[str], size: int) -> tuple[Vocabulary, I32, I64]:
    """The ``size`` most frequent words of segmented lines, and all lines as (ids, offsets).

    lines: words separated by spaces, no line break. Ties in frequency go to the word that occurs first.
    """
    corpus = index_words("\n".join([*block, ""]) for block in _blocks(lines))
    words, counts = corpus.words[:size], corpus.frequencies.tolist()
    vocabulary = Vocabulary((*SPECIALS, *words), (0, 0, sum(counts[len(words) :]), *counts[: len(words)]))
    breaks = np.flatnonzero(corpus.ids == SENTENCE_BREAK)
    ids = corpus.ids[corpus.ids != SENTENCE_BREAK]
    ids = np.where(ids < len(words), ids + len(SPECIALS), UNKNOWN).astype(np.int32)
    # the k-th break stands behind k others
    return vocabulary, ids, np.concatenate([np.zeros(1, np.int64), breaks - np.arange(len(breaks))])


def _blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    lines = iter(lines)
    while block := list(islice(lines, _LINES)):
        yield block


def take_sentences(ids: I32, offsets: I64, chosen: I64) -> tuple[I32, I64]:
    """``ids`` and ``offsets`` (sentences + 1,) of the sentences ``chosen`` alone, in that order."""
    lengths = offsets[chosen + 1] - offsets[chosen]
    places = _offsets(lengths)
    inside = np.repeat(offsets[chosen] - places[:-1], lengths) + np.arange(places[-1])
    return ids[inside], places


def _offsets(lengths: Sequence[int] | I64) -> I64:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.asarray(lengths, np.int64))])

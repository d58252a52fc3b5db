"""Words to numbers, for whole corpora at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice, repeat

import numpy as np

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
    """The ``size`` most frequent words of lines of spaced words, and all lines as (ids, offsets).

    Ties in frequency go to the word that occurs first.
    """
    counts: Counter[str] = Counter()
    numbers: dict[str, int] = {}
    parts: list[I32] = []
    lengths: list[int] = []
    lines = iter(lines)
    while block := list(islice(lines, _LINES)):
        sentences = [line.lower().split() for line in block]
        words = list(chain.from_iterable(sentences))
        counts.update(words)
        for word in dict.fromkeys(words):
            numbers.setdefault(word, len(numbers))
        parts.append(np.fromiter(map(numbers.__getitem__, words), np.int32, len(words)))
        lengths.extend(len(sentence) for sentence in sentences)
    ranked = [word for word, _ in counts.most_common(size)]
    rest = sum(counts.values()) - sum(counts[word] for word in ranked)
    vocabulary = Vocabulary((*SPECIALS, *ranked), (0, 0, rest, *(counts[word] for word in ranked)))
    final = np.fromiter(map(vocabulary.index.get, numbers, repeat(UNKNOWN)), np.int32, len(numbers))
    ids = final[np.concatenate(parts)] if parts else np.zeros(0, np.int32)
    return vocabulary, ids, _offsets(lengths)


def take_sentences(ids: I32, offsets: I64, chosen: I64) -> tuple[I32, I64]:
    """``ids`` and ``offsets`` (sentences + 1,) of the sentences ``chosen`` alone, in that order."""
    lengths = offsets[chosen + 1] - offsets[chosen]
    places = _offsets(lengths)
    inside = np.repeat(offsets[chosen] - places[:-1], lengths) + np.arange(places[-1])
    return ids[inside], places


def _offsets(lengths: Sequence[int] | I64) -> I64:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.asarray(lengths, np.int64))])

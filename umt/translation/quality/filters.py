"""Statistics of machine translations, and filters on them: length, language, copying, repetition, likelihood,
and how well the sentence can be reconstructed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from umt.runtime.validate import require
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Ids, Tokenizer
from umt.types import F64, I64, Bools, Lang

_RARER = 50
"""A subword is foreign to a language whose text holds it so many times more rarely than the other's."""


@dataclass(frozen=True)
class SubwordUsage:
    """Language of each subword of a vocabulary, by its frequencies in the text of both languages.

    foreign: language -> (vocabulary,), true for subwords of the other language, and for those with control
    characters, such as the end of a line. lettered: (vocabulary,), true where a subword holds a letter, so
    that it counts as copied when it stands on both sides.
    """

    foreign: Mapping[Lang, Bools]
    lettered: Bools

    @classmethod
    def count(cls, tokenizer: Tokenizer, texts: Sequence[TokenShards]) -> SubwordUsage:
        """Of the texts of both languages, read once."""
        rates = {}
        for text in texts:
            counts = np.bincount(text.tokens, minlength=len(tokenizer))
            rates[text.lang] = counts / max(1, counts.sum())
        (first, first_counts), (second, second_counts) = rates.items()
        control = np.array([any(byte < 32 or byte == 127 for byte in piece) for piece in tokenizer.pieces])
        foreign = {
            first: control | (second_counts > _RARER * first_counts),
            second: control | (first_counts > _RARER * second_counts),
        }
        lettered = [any(map(str.isalpha, piece.decode("utf-8", "replace"))) for piece in tokenizer.pieces]
        return cls(foreign, np.array(lettered))

    def allowed(self, lang: Lang) -> list[int]:
        """Ids of the subwords that text in ``lang`` may hold."""
        return np.flatnonzero(~self.foreign[lang]).tolist()


@dataclass(frozen=True)
class OutputStatistics:
    """Statistics of translations, all of shape (sentences,).

    length: ratio of its subwords to the sentence's, both plus 2. foreign: share of its subwords that belong
    to the other language. copied: share of its lettered subwords that the sentence holds too.
    repeated_bigrams: share of its bigrams that occurred before in it.
    """

    length: F64
    foreign: F64
    copied: F64
    repeated_bigrams: F64

    @classmethod
    def read(
        cls, sentences: Sequence[Ids], translations: Sequence[Ids], lang: Lang, usage: SubwordUsage
    ) -> OutputStatistics:
        """Of ``translations`` in ``lang``."""
        source_tokens, output = (_flat(each, len(usage.lettered)) for each in (sentences, translations))
        count = len(sentences)
        lengths = np.bincount(output.rows, minlength=count)
        lettered = usage.lettered[output.ids]
        copied = lettered & np.isin(output.keys, source_tokens.keys)
        pairs = np.flatnonzero(output.rows[1:] == output.rows[:-1])
        _, firsts = np.unique(
            output.keys[pairs] * len(usage.lettered) + output.ids[pairs + 1], return_index=True
        )

        def share(rows: I64, of: I64) -> F64:
            return np.bincount(rows, minlength=count) / np.maximum(of, 1)

        return cls(
            # short sentences vary more
            length=(lengths + 2) / (np.bincount(source_tokens.rows, minlength=count) + 2),
            foreign=share(output.rows[usage.foreign[lang][output.ids]], lengths),
            copied=share(output.rows[copied], np.bincount(output.rows[lettered], minlength=count)),
            repeated_bigrams=np.where(lengths > 1, 1 - share(output.rows[pairs[firsts]], lengths - 1), 0.0),
        )


class _Flat(NamedTuple):
    """Sentences end to end: id of each subword, number of its sentence, and a key made of both."""

    ids: I64
    rows: I64
    keys: I64


def _flat(sentences: Sequence[Ids], vocabulary: int) -> _Flat:
    ids = np.concatenate([np.empty(0, np.int64), *sentences]).astype(np.int64)
    rows = np.repeat(np.arange(len(sentences)), [len(each) for each in sentences])
    return _Flat(ids, rows, rows * vocabulary + ids)


def repeated_bigrams(ids: npt.NDArray[Any]) -> float:
    """Share of the bigrams of (subwords,) ``ids`` that occurred before."""
    if len(ids) < 2:
        return 0.0
    return 1 - len(set(zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True))) / (len(ids) - 1)


def reconstruction_f1(sentences: Sequence[Ids], returned: Sequence[Ids], vocabulary: int) -> F64:
    """(sentences,) F1 of the bags of subwords of ``sentences`` and of their translations back."""
    first_counts, second_counts = (
        np.unique(_flat(side, vocabulary).keys, return_counts=True) for side in (sentences, returned)
    )
    keys, places, others = np.intersect1d(first_counts[0], second_counts[0], return_indices=True)
    shared = np.bincount(
        keys // vocabulary,
        np.minimum(first_counts[1][places], second_counts[1][others]),
        minlength=len(sentences),
    )
    sizes = np.array([len(x) + len(y) for x, y in zip(sentences, returned, strict=True)])
    share: F64 = 2 * shared / np.maximum(sizes, 1)
    return share


@dataclass(frozen=True)
class Filters:
    """Which translations become synthetic sources; null leaves a filter out.

    length_ratio: times that a length ratio may exceed the median of its batch, or fall below it.
    wrong_language: largest share of subwords of the other language.
    copied: largest share of copied subwords.
    repeated_bigrams: largest share of repeated bigrams.
    max_nll: mean negative log-likelihood of a subword of the translation, in nats, at most.
    max_reconstruction_nll: the same of the sentence given the translation; costs a forward pass.
    reconstruction_f1: least F1 of the sentence translated there and back; costs as much as generation.
    """

    length_ratio: float | None = 2.0
    wrong_language: float | None = 0.3
    copied: float | None = 0.5
    repeated_bigrams: float | None = 0.4
    max_nll: float | None = None
    max_reconstruction_nll: float | None = None
    reconstruction_f1: float | None = None

    def __post_init__(self) -> None:
        require(
            self,
            positive="max_nll max_reconstruction_nll",
            share="wrong_language copied repeated_bigrams reconstruction_f1",
            at_least={"length_ratio": 1},
        )

    def accept(self, statistics: OutputStatistics, mean_nll: F64 | None = None) -> Bools:
        """(sentences,) which translations pass; ``mean_nll``: (sentences,) nats a subword, where known."""
        passed = np.ones(len(statistics.length), dtype=bool)
        if self.length_ratio is not None and len(passed):
            deviation = np.log(statistics.length / np.median(statistics.length))
            passed &= np.abs(deviation) <= np.log(self.length_ratio) + 1e-9
        limits: dict[str, Any] = {
            "foreign": self.wrong_language,
            "copied": self.copied,
            "repeated_bigrams": self.repeated_bigrams,
        }
        for name, limit in limits.items():
            if limit is not None:
                passed &= getattr(statistics, name) <= limit
        if self.max_nll is not None and mean_nll is not None:
            passed &= mean_nll <= self.max_nll
        return passed

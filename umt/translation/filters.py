"""Which machine-made renderings are worth learning from: about as long, in the language asked for,
not copied, and, where that is asked for, telling enough of their sentence.
"""

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
"""A subword is foreign to a language that uses it so many times more rarely than the other does."""


@dataclass(frozen=True)
class SubwordUsage:
    """What the subwords of a vocabulary are, told from the text of both languages.

    foreign: language -> (vocabulary,), true for subwords of the other language, and for those with control
    characters, such as the end of a line; lettered: (vocabulary,), true
    where a subword holds a letter, so that finding it on both sides means that something was copied.
    """

    foreign: Mapping[Lang, Bools]
    lettered: Bools

    @classmethod
    def count(cls, tokenizer: Tokenizer, texts: Sequence[TokenShards]) -> SubwordUsage:
        """Read both texts once."""
        rates = {}
        for text in texts:
            counts = np.bincount(text.tokens, minlength=len(tokenizer))
            rates[text.lang] = counts / max(1, counts.sum())
        (first, ours), (second, theirs) = rates.items()
        control = np.array([any(byte < 32 or byte == 127 for byte in piece) for piece in tokenizer.pieces])
        foreign = {first: control | (theirs > _RARER * ours), second: control | (ours > _RARER * theirs)}
        lettered = [any(map(str.isalpha, piece.decode("utf-8", "replace"))) for piece in tokenizer.pieces]
        return cls(foreign, np.array(lettered))

    def written(self, lang: Lang) -> list[int]:
        """The subwords that ``lang`` may be written with."""
        return np.flatnonzero(~self.foreign[lang]).tolist()


@dataclass(frozen=True)
class OutputStatistics:
    """What is measured of each rendering, all of shape (sentences,).

    length: its subwords for each of the sentence's; foreign: share of its subwords that belong to the other
    language; copied: share of its lettered subwords that the sentence holds too; repeated: share of its pairs
    of neighbours that it has said before.
    """

    length: F64
    foreign: F64
    copied: F64
    repeated_bigrams: F64

    @classmethod
    def read(
        cls, sentences: Sequence[Ids], renderings: Sequence[Ids], lang: Lang, usage: SubwordUsage
    ) -> OutputStatistics:
        """Of ``renderings`` in ``lang``."""
        given, asked = (_flat(each, len(usage.lettered)) for each in (sentences, renderings))
        count = len(sentences)
        said = np.bincount(asked.rows, minlength=count)
        lettered = usage.lettered[asked.ids]
        found = lettered & np.isin(asked.keys, given.keys)
        pairs = np.flatnonzero(asked.rows[1:] == asked.rows[:-1])
        _, firsts = np.unique(
            asked.keys[pairs] * len(usage.lettered) + asked.ids[pairs + 1], return_index=True
        )

        def share(rows: I64, of: I64) -> F64:
            return np.bincount(rows, minlength=count) / np.maximum(of, 1)

        return cls(
            length=(said + 2) / (np.bincount(given.rows, minlength=count) + 2),  # short sentences vary more
            foreign=share(asked.rows[usage.foreign[lang][asked.ids]], said),
            copied=share(asked.rows[found], np.bincount(asked.rows[lettered], minlength=count)),
            repeated_bigrams=np.where(said > 1, 1 - share(asked.rows[pairs[firsts]], said - 1), 0.0),
        )


class _Flat(NamedTuple):
    """Sentences end to end: the number of each subword, of its sentence, and one of both together."""

    ids: I64
    rows: I64
    keys: I64


def _flat(sentences: Sequence[Ids], vocabulary: int) -> _Flat:
    ids = np.concatenate([np.empty(0, np.int64), *sentences]).astype(np.int64)
    rows = np.repeat(np.arange(len(sentences)), [len(each) for each in sentences])
    return _Flat(ids, rows, rows * vocabulary + ids)


def repeated_bigrams(ids: npt.NDArray[Any]) -> float:
    """The share of the pairs of neighbours among (subwords,) ``ids`` that have been there before."""
    if len(ids) < 2:
        return 0.0
    return 1 - len(set(zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True))) / (len(ids) - 1)


def reconstruction_f1(sentences: Sequence[Ids], again: Sequence[Ids], vocabulary: int) -> F64:
    """(sentences,) how much of each came back: F1 of its subwords, each as often as it stands there."""
    ours, theirs = (
        np.unique(_flat(each, vocabulary).keys, return_counts=True) for each in (sentences, again)
    )
    keys, places, others = np.intersect1d(ours[0], theirs[0], return_indices=True)
    shared = np.bincount(
        keys // vocabulary, np.minimum(ours[1][places], theirs[1][others]), minlength=len(sentences)
    )
    sizes = np.array([len(x) + len(y) for x, y in zip(sentences, again, strict=True)])
    share: F64 = 2 * shared / np.maximum(sizes, 1)
    return share


@dataclass(frozen=True)
class Filters:
    """What a rendering must be like to be learned from; null leaves a measure out.

    length: its length against the middle one of its batch, at most so many times longer or shorter. foreign,
    copied, repeated: the largest shares, see `OutputStatistics`. nats: the most a subword may cost the model
    that wrote
    it; back: the most that a subword of the sentence may cost it, given the rendering. returned: how much of
    the sentence must come back when the rendering is translated again, see `returned`. ``back`` costs a pass
    forward, ``returned`` as much as the rendering did.
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

    def fit(self, signs: OutputStatistics, nats: F64 | None = None) -> Bools:
        """(sentences,) which renderings pass; ``nats``: (sentences,) a subword of each, where it is known."""
        passed = np.ones(len(signs.length), dtype=bool)
        if self.length_ratio is not None and len(passed):
            middle = np.log(signs.length / np.median(signs.length))
            passed &= np.abs(middle) <= np.log(self.length_ratio) + 1e-9
        limits: dict[str, Any] = {
            "foreign": self.wrong_language,
            "copied": self.copied,
            "repeated_bigrams": self.repeated_bigrams,
        }
        for name, limit in limits.items():
            if limit is not None:
                passed &= getattr(signs, name) <= limit
        if self.max_nll is not None and nats is not None:
            passed &= nats <= self.max_nll
        return passed

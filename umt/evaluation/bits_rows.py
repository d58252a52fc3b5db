"""Code lengths as rows of a table of scores: the joint model on held-out text, and the prequential codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from umt.compression.code_length import CodeLength, TranslatedCodeLength, scores
from umt.compression.mutual_information import WAYS
from umt.evaluation.rows import ScoreRow
from umt.types import Score

QUANTITIES = ("K(X)", "K(Y)", "K(X,Y)", "K(Y|X)", "K(X|Y)")

_INTERVAL = "bootstrap over seeds and stretches of text"


def code_length_rows(name: str, lengths: Mapping[str, CodeLength], seconds: float) -> Iterator[ScoreRow]:
    """Bits of the held-out set ``name`` under the joint model, a row for each language and unit."""
    for side, units in scores(lengths).items():
        for score in units:
            yield ScoreRow("joint model", name, side, score, seconds, "bits")


def translated_rows(name: str, way: str, lengths: TranslatedCodeLength, seconds: float) -> Iterator[ScoreRow]:
    """Bits of the target side of the held-out set ``name`` given its source side, and the share saved."""
    for score in (*scores({way: lengths.given_translation})[way], lengths.share()):
        yield ScoreRow("translator, given the source", name, way, score, seconds, "bits")


def bits_rows(measured: Mapping[str, Any]) -> Iterator[ScoreRow]:
    """Code lengths and gains of `umt.compression.mutual_information.MutualInformation.measure`; the target
    is the last of ``languages``."""
    direction = "-".join(measured["languages"])
    for pair, results in measured["pairs"].items():
        for quantity in QUANTITIES:
            for way in (way for way in WAYS if way in results.get(quantity, ())):
                length = results[quantity][way]
                signature = f"prequential|{way}|seeds:{len(length['by_seed'])}|{_INTERVAL}"
                score = Score(f"bits/byte {quantity}", *bits_per_byte(length), signature)
                yield ScoreRow(way, pair, direction, score, 0.0, "bits")
        if gain := results.get("gain"):
            signature = f"prequential|code|{_INTERVAL}"
            score = Score("bits gain", gain["bits"], gain["low"], gain["high"], signature)
            yield ScoreRow("code", pair, direction, score, 0.0, "bits")


def bits_per_byte(length: Mapping[str, Any]) -> tuple[float, float, float]:
    """Bits per byte of a code length, and the ends of its 95% interval."""
    size = length["bits"] / length["per_byte"]
    return length["per_byte"], length["low"] / size, length["high"] / size

"""Aligners: two word spaces in, one shared space and a lexicon out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from torch import Generator

from umt.lexicon import Lexicon
from umt.wordspace import Embeddings, WordSpace


@dataclass(frozen=True)
class Verdict:
    """Did it work? Decided without a dictionary, against the same procedure on a destroyed target."""

    label: Literal["aligned", "doubtful", "failed"]
    score: float
    null: float
    reason: str


@dataclass(frozen=True)
class Alignment:
    """Both vocabularies in one space, and the lexicons read off it."""

    source: Embeddings
    target: Embeddings
    lexicon: Lexicon
    reverse: Lexicon
    history: tuple[Mapping[str, float], ...]
    verdict: Verdict


class Aligner(Protocol):
    """A strategy: a frozen dataclass with one verb. Pure: knows no files and no configuration."""

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment: ...

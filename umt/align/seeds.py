"""Seed lexicons of supervised and weakly supervised maps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from umt.corpus.dictionary import Dictionary
from umt.embeddings.wordspace import WordSpace
from umt.types import BadInput

_NUMERAL = re.compile(r"\d+([.,:]\d+)*%?")


class Seeds(Protocol):
    """A source of seed pairs; `umt.corpus.dictionary.Dictionary` is one too."""

    def find(self, source: WordSpace, target: WordSpace) -> Tensor:
        """(pairs, 2) indices of words that translate each other; may be empty."""
        ...


@dataclass(frozen=True)
class FileSeeds:
    """The pairs of a dictionary file (see `Dictionary.read`)."""

    path: Path | str | None = None

    def find(self, source: WordSpace, target: WordSpace) -> Tensor:
        """See `Seeds`. Raises `BadInput` when the file is not named or not a dictionary."""
        if self.path is None:
            raise BadInput("no seed dictionary is named: set aligner.seeds.path to a file of word pairs")
        return Dictionary.read(Path(self.path), (source.lang, target.lang)).find(source, target)


@dataclass(frozen=True)
class IdenticalStrings:
    """Words that both languages spell identically: names, numbers, punctuation, loans."""

    def find(self, source: WordSpace, target: WordSpace) -> Tensor:
        """See `Seeds`."""
        return _identical(source.words, target)


@dataclass(frozen=True)
class Numerals:
    """Numbers in digits, the seed lexicon that any two corpora share (Artetxe et al., 2017)."""

    def find(self, source: WordSpace, target: WordSpace) -> Tensor:
        """See `Seeds`."""
        shared = {word for word in source.words if _NUMERAL.fullmatch(word)}
        return _identical(tuple(word if word in shared else "" for word in source.words), target)


def _identical(words: tuple[str, ...], target: WordSpace) -> Tensor:
    column = target.index
    pairs = [(row, column[word]) for row, word in enumerate(words) if word in column]
    return torch.tensor(pairs, dtype=torch.int64).view(-1, 2)

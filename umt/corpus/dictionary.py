"""True bilingual dictionaries: for evaluation and for the supervised control, never for training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from umt.types import BadInput


class HasWords(Protocol):
    """A vocabulary: the words of a space, in its order."""

    @property
    def words(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Dictionary:
    """What is true, for evaluation and supervised controls only: the translations of each source word."""

    pairs: Mapping[str, frozenset[str]]

    @classmethod
    def read(cls, path: Path) -> Dictionary:
        """Read "word translation" lines, separated by a tab or by the first space; case is folded.

        Raises `BadInput` when the file cannot be read, is not text, or a line is not a pair.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise BadInput(f"{path} is not UTF-8 text (byte {error.start}): convert it first") from error
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}") from error
        pairs: dict[str, set[str]] = {}
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            parts = [part.strip() for part in line.lower().split("\t" if "\t" in line else None, 1)]
            if len(parts) != 2 or not all(parts):
                raise BadInput(f"{path} line {number} is not a word, a space or tab, and its translation")
            pairs.setdefault(parts[0], set()).add(parts[1])
        if not pairs:
            raise BadInput(f"{path} holds no word pair")
        return cls({word: frozenset(translations) for word, translations in pairs.items()})

    def find(self, source: HasWords, target: HasWords) -> Tensor:
        """(pairs, 2) indices of the pairs that both vocabularies know, so that a dictionary can be a seed."""
        column = {word: index for index, word in enumerate(target.words)}
        found = [
            (row, column[translation])
            for row, word in enumerate(source.words)
            for translation in sorted(self.pairs.get(word, ()))
            if translation in column
        ]
        return torch.tensor(found, dtype=torch.int64).view(-1, 2)

    def with_stems(self, source: Mapping[str, str], target: Mapping[str, str]) -> Dictionary:
        """The same pairs with the stem of each form in its place; ``source``, ``target``: form -> stem."""
        pairs: dict[str, set[str]] = {}
        for word, translations in self.pairs.items():
            stems = {target.get(each, each) for each in translations}
            pairs.setdefault(source.get(word, word), set()).update(stems)
        return Dictionary({word: frozenset(translations) for word, translations in pairs.items()})

    def reversed(self) -> Dictionary:
        """The same pairs, looked up from the other side."""
        pairs: dict[str, set[str]] = {}
        for word, translations in self.pairs.items():
            for translation in translations:
                pairs.setdefault(translation, set()).add(word)
        return Dictionary({word: frozenset(translations) for word, translations in pairs.items()})

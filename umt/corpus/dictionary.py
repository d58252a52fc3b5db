"""True bilingual dictionaries: for evaluation and for the supervised control, never for training."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from umt.corpus.reading import lines
from umt.text.identification import are_swapped
from umt.text.languages import other_script_share
from umt.text.markup import decode_references
from umt.text.normalisation import normaliser
from umt.types import BadInput, Lang

_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?%?")
_SEPARATOR = re.compile(r"\t|\s\|{3}\s")
_BETWEEN = re.compile(r"([=:→–—-]+>?)\s+\S")


class HasWords(Protocol):
    """A vocabulary: the words of a space, in its order."""

    @property
    def words(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Dictionary:
    """A true bilingual dictionary, for evaluation and supervised controls only.

    pairs: source word -> its translations, lower-cased.
    """

    pairs: Mapping[str, frozenset[str]]

    @classmethod
    def read(cls, path: Path, languages: tuple[Lang, Lang] | None = None) -> Dictionary:
        """Read "word translation" lines, separated by a tab, ``|||`` or the first space; case is folded.

        Numbers behind them are scores and left out.  With ``languages``, (source, target), words are
        normalised as text is: traditional characters become simplified, full-width ones ASCII.
        Raises `BadInput` when the file cannot be read, is not text, a line is not a pair, or the columns are
        the wrong way round.
        """
        normalise = [normaliser(lang) for lang in languages] if languages else [str.strip, str.strip]
        pairs: dict[str, set[str]] = {}
        for number, line in enumerate(lines(path), start=1):
            if not line.strip():
                continue
            columns = _columns(line.strip())
            if len(columns) != 2 or not all(columns):
                raise BadInput(
                    f"{path} line {number} is not a word, a space or tab, and its translation"
                    + (f": it has {len(columns)} columns, give two" if len(columns) > 2 else "")
                )
            first = decode_references(columns[0])
            between = _BETWEEN.match(columns[1])
            mark = between[1] if between else first[-1] if len(first) > 1 and first[-1] in ",;:=" else ""
            if mark:
                raise BadInput(f"{path} line {number} parts its columns by {mark}: use tabs")
            if ";" in decode_references(columns[1])[1:]:
                raise BadInput(f"{path} line {number} has several translations: give one a line")
            word, translation = (
                clean(column).lower() for clean, column in zip(normalise, columns, strict=True)
            )
            if word and translation:
                pairs.setdefault(word, set()).add(translation)
        if not pairs:
            raise BadInput(f"{path} holds no word pair")
        if languages:
            _check_direction(path, pairs, languages)
        return cls({word: frozenset(translations) for word, translations in pairs.items()})

    def find(self, source: HasWords, target: HasWords) -> Tensor:
        """(pairs, 2) indices of the pairs that both vocabularies know, so that a dictionary can be a seed."""
        column = {word: index for index, word in enumerate(target.words)}
        rows = [
            (row, column[translation])
            for row, word in enumerate(source.words)
            for translation in sorted(self.pairs.get(word, ()))
            if translation in column
        ]
        return torch.tensor(rows, dtype=torch.int64).view(-1, 2)

    def with_stems(self, source: Mapping[str, str], target: Mapping[str, str]) -> Dictionary:
        """The same pairs with the stem of each form in its place; ``source``, ``target``: form -> stem."""
        pairs: dict[str, set[str]] = {}
        for word, translations in self.pairs.items():
            stems = {target.get(translation, translation) for translation in translations}
            pairs.setdefault(source.get(word, word), set()).update(stems)
        return Dictionary({word: frozenset(translations) for word, translations in pairs.items()})

    def reversed(self) -> Dictionary:
        """The same pairs, looked up from the other side."""
        pairs: dict[str, set[str]] = {}
        for word, translations in self.pairs.items():
            for translation in translations:
                pairs.setdefault(translation, set()).add(word)
        return Dictionary({word: frozenset(translations) for word, translations in pairs.items()})


def _columns(line: str) -> list[str]:
    """The columns of a line, separated by tabs or ``|||``, else two by the first space; without scores."""
    separated = _SEPARATOR.search(line) is not None
    columns = [column.strip() for column in _SEPARATOR.split(line)] if separated else line.split()
    while len(columns) > 2 and _NUMBER.fullmatch(columns[-1]):
        columns.pop()
    return columns if separated or len(columns) < 2 else [columns[0], " ".join(columns[1:])]


def _check_direction(path: Path, pairs: Mapping[str, set[str]], languages: tuple[Lang, Lang]) -> None:
    """Raises BadInput where a column is in another script, or each is in the language of the other.

    Lone words say little about their language, so one column alone that seems to be in another is no reason.
    """
    source, target = languages
    columns = (list(pairs), sorted(set().union(*pairs.values())))
    swapped = are_swapped(*columns, languages)
    for words, lang in zip(columns, languages, strict=True):
        if swapped or other_script_share("".join(filter(str.isalpha, "".join(words))), lang) > 0.5:
            raise BadInput(
                f"{path}: a line must be a word of {source} and its translation in {target}, but most of "
                f"what should be {lang} is not: are the columns swapped?"
            )

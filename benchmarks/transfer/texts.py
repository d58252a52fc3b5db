"""The texts of the study as symbols, and a dictionary in symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.criterion.corpora import Builder, Text, configuration
from umt.compression.mutual_information import first_bytes, single_word_lines
from umt.compression.symbols import CodedText, SubwordAlphabet, vocabularies
from umt.corpus.dictionary import Dictionary
from umt.corpus.prepared_text import PreparedText
from umt.embeddings.wordspace import WordSpace
from umt.pipeline import inputs, stages
from umt.types import Lang

EN, ZH = Lang("en"), Lang("zh")
SUBWORDS = 4000
"""Of each language: most are words, which have translations."""
READ = 4_000_000
"""Bytes of each language that are read: those that are coded, and others after them."""


def prepared(builder: Builder, text: Text) -> PreparedText:
    """The prepared text of these overrides, through the store."""
    config = configuration(*text.overrides)
    corpus = inputs.corpus(config)
    held_out = inputs.held_out(config, corpus)
    return PreparedText(builder.store.build(stages.prepare, config.preparation, corpus, *held_out).path)


@dataclass(frozen=True)
class Sides:
    """The lines of two languages, and a vocabulary of each, none shared."""

    lines: dict[Lang, list[str]]
    alphabets: dict[Lang, SubwordAlphabet]

    @classmethod
    def of(cls, text: PreparedText, size: int = READ, subwords: int = SUBWORDS) -> Sides:
        """The first ``size`` bytes of each language."""
        lines = {lang: first_bytes(text.sentences(lang), size) for lang in (EN, ZH)}
        words = {lang: single_word_lines(each, lang) for lang, each in lines.items()}
        return cls(lines, vocabularies(words, subwords, disjoint=True))

    def coded(self, lang: Lang, size: int) -> tuple[CodedText, CodedText]:
        """The first ``size`` bytes of a language, and all that follows them."""
        lines = self.lines[lang]
        count, alphabet = len(first_bytes(lines, size)), self.alphabets[lang]
        return alphabet.encode(lines[:count], lang), alphabet.encode(lines[count:], lang)

    @property
    def vocabulary(self) -> int:
        """Ids that a network needs."""
        return max(each.end for each in self.alphabets.values())

    def words(self, text: CodedText) -> list[str]:
        """What each symbol spells, lower-case; empty for a part of a character."""
        alphabet = self.alphabets[text.lang]
        pieces = alphabet.tokenizer.pieces
        return [
            pieces[number - alphabet.first].decode("utf-8", "ignore").strip().lower()
            for number in text.numbers
        ]

    def known_pairs(
        self, dictionary: Dictionary, texts: Sequence[CodedText], x: WordSpace, y: WordSpace
    ) -> Tensor:
        """(n, 2) rows of the word spaces of two ``texts`` that translate each other by a true dictionary."""
        spelt_x, spelt_y = map(self.words, texts)
        column: dict[str, list[int]] = {}
        for row, symbol in enumerate(y.words):
            column.setdefault(spelt_y[int(symbol)], []).append(row)
        rows = [
            (row, other)
            for row, symbol in enumerate(x.words)
            for translation in sorted(dictionary.pairs.get(spelt_x[int(symbol)], ()))
            for other in column.get(translation, [])
        ]
        return torch.tensor(rows, dtype=torch.int64).view(-1, 2)

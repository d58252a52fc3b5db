"""Word vectors from a causal language model: what it expects where a word stands, and what after it.

The last hidden state before a word predicts it, the one at its end predicts what follows; both are averaged
over the word's occurrences (static vectors from contextual ones, Bommasani et al. 2020) and concatenated. So
a word is described by its left and its right contexts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Generator, Tensor

from umt.embeddings.counts import SENTENCE_BREAK, IndexedCorpus, count_pairs
from umt.embeddings.wordspace import WordSpace
from umt.lm.joint_lm import JointLM
from umt.lm.loading import best_device, load
from umt.runtime.batching import budgeted, pad
from umt.runtime.validate import require
from umt.text.languages import is_spaced
from umt.text.tokenizer import PretrainedTokenizer, Tokenizer
from umt.types import I32, BadInput, Lang

_TOKENS = 8192
"""Subwords read at once."""

_Row: TypeAlias = tuple[list[int], list[tuple[int, int, int]]]


@dataclass(frozen=True)
class LmWordVectors:
    """Word vectors that are means of a language model's hidden states over the occurrences of a word.

    model: a folder that ``train.py`` saved (a pretrain artefact), or a causal model of the hub.
    size, windows, count_columns, minimum_count: as in `umt.embeddings.count_vectors.PpmiSvd`.
    sentences: of the text, evenly spaced, that are read; a word that none of them holds is read on its own.
    max_tokens: subwords of a sentence that are read.
    power: of the singular values of the vectors. The states of a language model lie in a narrow cone (Mu and
        Viswanath 2018): a few directions would drown the others.
    kernels: see `umt.lm.joint_lm.JointLM`.
    """

    model: str | None = None
    size: int = 25_000
    windows: tuple[int, ...] = (5, 10)
    count_columns: int = 5_000
    minimum_count: int = 5
    sentences: int = 50_000
    max_tokens: int = 128
    power: float = 0.25
    kernels: bool = True

    def __post_init__(self) -> None:
        require(self, positive="size windows count_columns minimum_count sentences max_tokens")

    def build(self, lang: Lang, tokens: IndexedCorpus, generator: Generator) -> WordSpace:
        """The word space of one language; vectors are (words, 2 * width) at most.

        Raises `BadInput` when no model is named or opens, or hardly a word is frequent enough.
        """
        if self.model is None:
            raise BadInput(
                "words=language_model reads the text with a language model: name it by words.model=FOLDER, "
                "such as the pretrain-... that an earlier run left in its store"
            )
        size = tokens.vocabulary(self.size, self.minimum_count)
        if size < 20:
            raise BadInput(f"{lang}: {size} words occur {self.minimum_count} times, too few: give more text")
        model, tokenizer = _opened(self.model, lang, self.kernels)
        start = [tokenizer.tag(lang)]
        spaced = [f" {word}" if is_spaced(lang) else word for word in tokens.words[:size]]
        pieces = [ids.tolist() for ids in tokenizer.without_suffix_splitting.encode(spaced, lang)]
        reading = _Reading(model, start, pieces, min(self.max_tokens, model.context))
        reading.read(self._chosen(tokens, size))
        reading.read(np.array([word], np.int32) for word in np.flatnonzero(reading.occurrences.numpy() == 0))
        counts = count_pairs(tokens.ids, size, min(self.count_columns, size), self.windows)
        frequencies = torch.from_numpy(tokens.frequencies[:size].astype(np.float64))
        return WordSpace(lang, tokens.words[:size], frequencies, counts, reading.vectors(self.power))

    def _chosen(self, tokens: IndexedCorpus, size: int) -> Iterator[I32]:
        """The known words of evenly spaced sentences."""
        ends = np.flatnonzero(np.append(tokens.ids, SENTENCE_BREAK) == SENTENCE_BREAK)
        begins = np.concatenate([[0], ends[:-1] + 1])
        step = max(1, -(-len(ends) // self.sentences))
        for begin, end in zip(begins[::step], ends[::step], strict=True):
            words = tokens.ids[begin:end]
            if len(known := words[words < size]):
                yield known


class _Reading:
    """Sums of the states before and at the end of every word."""

    def __init__(self, model: JointLM, start: list[int], pieces: list[list[int]], longest: int) -> None:
        self.model, self.start, self.pieces, self.longest = model, start, pieces, longest
        self.sums = torch.zeros(2, len(pieces), model.embeddings.shape[1], device=model.device)
        self.occurrences = torch.zeros(len(pieces))

    def read(self, sentences: Iterator[I32]) -> None:
        """Add the words of these sentences."""
        for batch in budgeted(self._rows(sentences), _TOKENS, lambda row: len(row[0])):
            self._add(batch)

    def _rows(self, sentences: Iterator[I32]) -> Iterator[_Row]:
        """Subwords of each sentence, and (word, place before it, place of its last subword) of its words."""
        for words in sentences:
            ids, places = [*self.start], []
            for word in words.tolist():
                piece = self.pieces[word]
                if len(ids) + len(piece) > self.longest:
                    break
                places.append((word, len(ids) - 1, len(ids) + len(piece) - 1))
                ids += piece
            yield ids, places

    @torch.no_grad()
    def _add(self, rows: Sequence[_Row]) -> None:
        ids = pad([row for row, _ in rows], 0)
        widest = ids.shape[1]
        hidden = self.model.hidden(ids.to(self.model.device)).flatten(0, 1)
        spans = [
            (word, number * widest + before, number * widest + end)
            for number, (_, places) in enumerate(rows)
            for word, before, end in places
        ]
        words, before, ends = torch.tensor(spans).reshape(-1, 3).T.to(self.model.device)
        self.sums[0].index_add_(0, words, hidden[before])
        self.sums[1].index_add_(0, words, hidden[ends])
        self.occurrences += torch.bincount(words.cpu(), minlength=len(self.occurrences))

    def vectors(self, power: float) -> Tensor:
        """(words, 2 * width at most): the two means side by side, centred, their directions evened out."""
        means = self.sums.cpu() / self.occurrences.clamp(min=1)[:, None]
        joined = torch.cat([*means], 1)
        left, values, _ = torch.linalg.svd(joined - joined.mean(0), full_matrices=False)
        vectors: Tensor = left * values**power
        return vectors


def _opened(name: str, lang: Lang, kernels: bool) -> tuple[JointLM, Tokenizer]:
    """The network and its vocabulary, with a tag for the language. Raises BadInput when there is none."""
    model = load(name, kernels)
    if (Path(name) / "languages.json").exists():
        tokenizer = Tokenizer.load(Path(name))
        if lang not in tokenizer.languages:
            known = ", ".join(tokenizer.languages)
            raise BadInput(f"words.model={name} knows {known}, not {lang}: name another model")
    else:
        tokenizer = PretrainedTokenizer(name).learn({lang: []}, {})
        model.resize(len(tokenizer))
    return model.to(best_device()).eval(), tokenizer

"""Noise on sentences: words shuffled, dropped and masked, a whole batch at once (Lample et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator

from umt.runtime.validate import require
from umt.text.tokenizer import Ids, Tokenizer
from umt.types import I64, Bools


def word_starts(tokenizer: Tokenizer) -> Bools:
    """Whether each subword begins a word, wherever it stands: (vocabulary,).

    Letters without a space before them go on with the word before; so do bytes from within a character. Han
    characters, digits and punctuation begin words of their own, so that without segmentation a Chinese
    subword counts as a word.
    """
    return np.array([not _continues_word(piece) for piece in tokenizer.pieces])


def _continues_word(piece: bytes) -> bool:
    if not piece:
        return False
    if 0x80 <= piece[0] < 0xC0:
        return True
    first = piece.decode("utf-8", errors="replace")[0]
    return first.isalpha() and not "\u2e80" <= first <= "\uffff"


@dataclass(frozen=True)
class Noise:
    """Word noise of a sentence (Lample et al. 2018), drawn afresh at every call.

    shuffle: places that a word moves at most.
    drop: share of words left out, never the whole sentence.
    mask: share of words of which each becomes one mask.
    """

    shuffle: int = 3
    drop: float = 0.1
    mask: float = 0.1

    def __post_init__(self) -> None:
        require(self, at_least_zero="shuffle", within={"drop mask": "[0, 1)"})

    def apply(
        self, ids: Ids, offsets: I64, starts: Bools, mask: int, generator: Generator
    ) -> tuple[Ids, I64]:
        """Noisy copies of sentences.

        ids: subwords of all sentences end to end; offsets: (sentences + 1,) where each begins, none of them
        empty; starts: see `word_starts`; mask: id of the mask. Returns ids and
        offsets. Raises ValueError when a sentence is empty.
        """
        lengths = np.diff(offsets)
        if not len(ids) or lengths.min() < 1:
            raise ValueError(f"every sentence needs a subword, got lengths {lengths.tolist()[:10]}")
        begins = starts[ids]
        begins[offsets[:-1]] = True
        word = np.cumsum(begins) - 1  # (subwords,) of the batch
        first = np.flatnonzero(begins)  # (words,) first subword
        sentence = np.repeat(np.arange(len(lengths)), lengths)[first]  # (words,)
        draws = torch.rand((4, len(first)), generator=generator).numpy()

        place = (
            np.arange(len(first)) + (self.shuffle + 1) * draws[0] if self.shuffle else np.arange(len(first))
        )
        survives = draws[1] >= self.drop
        last_survivor = np.lexsort((draws[2], sentence))[word[offsets[:-1]]]
        survives[last_survivor[np.bincount(sentence, survives, len(lengths)) == 0]] = True
        masked = draws[3] < self.mask

        stays = survives[word] & (~masked[word] | begins)
        order = np.lexsort((np.arange(len(ids)), place[word], sentence[word]))
        order = order[stays[order]]
        noisy = np.where(masked[word[order]], mask, ids[order]).astype(ids.dtype)
        sizes = np.bincount(sentence[word[order]], minlength=len(lengths))
        return noisy, np.concatenate(([0], np.cumsum(sizes)))

"""Noise on sentences for denoising: words shuffled, dropped and blanked, a whole batch at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator

from umt.runtime.validate import require
from umt.text.tokenizer import Ids, Tokenizer
from umt.types import I64, Bools


def word_starts(tokenizer: Tokenizer) -> Bools:
    """Which subwords begin a word, wherever they stand: (vocabulary,).

    Letters without a space before them go on with the word before; so do bytes from within a character. Han
    characters, digits and punctuation begin words of their own, so that without segmentation a Chinese
    subword counts as a word.
    """
    return np.array([not _goes_on(piece) for piece in tokenizer.pieces])


def _goes_on(piece: bytes) -> bool:
    if not piece:
        return False
    if 0x80 <= piece[0] < 0xC0:
        return True
    first = piece.decode("utf-8", errors="replace")[0]
    return first.isalpha() and not "\u2e80" <= first <= "\uffff"


@dataclass(frozen=True)
class Noise:
    """What is done to the words of a sentence (Lample et al. 2018), with fresh randomness at every call.

    shuffle: a word moves at most so many places; drop: share of words left out, never the whole sentence;
    blank: share of words that become one mask.
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
        empty; starts: see `word_starts`; mask: the number that stands for a blanked word. Returns ids and
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
        kept = draws[1] >= self.drop
        luckiest = np.lexsort((draws[2], sentence))[word[offsets[:-1]]]
        kept[luckiest[np.bincount(sentence, kept, len(lengths)) == 0]] = True
        blanked = draws[3] < self.mask

        stays = kept[word] & (~blanked[word] | begins)
        order = np.lexsort((np.arange(len(ids)), place[word], sentence[word]))
        order = order[stays[order]]
        noisy = np.where(blanked[word[order]], mask, ids[order]).astype(ids.dtype)
        sizes = np.bincount(sentence[word[order]], minlength=len(lengths))
        return noisy, np.concatenate(([0], np.cumsum(sizes)))

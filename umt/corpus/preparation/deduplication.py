"""Which sentences were seen before: 8 bytes a sentence, whatever their number."""

from __future__ import annotations

import re
from hashlib import blake2b
from unicodedata import category

import numpy as np
import regex
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]


def hashed(texts: list[str]) -> Hashes:
    """A 64-bit hash of each text, the same on every machine and in every run."""
    digests = b"".join(
        [blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts]
    )
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


class SeenHashes:
    """A growing set of hashes in sorted arrays whose sizes double, as in a log-structured merge tree.

    A lookup searches log2(n) arrays, adding n hashes one batch at a time costs n log n; memory is the
    hashes themselves.  At 10^9 sentences two of them collide with probability 3%.
    """

    def __init__(self) -> None:
        self._runs: list[Hashes] = []

    def add(self, hashes: Hashes) -> NDArray[np.bool_]:
        """(hashes,) whether each is new: neither in the set nor earlier in this batch; adds them all."""
        new = np.zeros(len(hashes), dtype=bool)
        unique, first = np.unique(hashes, return_index=True)
        known = np.zeros(len(unique), dtype=bool)
        for run in self._runs:
            known |= run[np.minimum(np.searchsorted(run, unique), len(run) - 1)] == unique
        new[first[~known]] = True
        fresh = unique[~known]
        while self._runs and len(self._runs[-1]) <= 2 * len(fresh):
            fresh = np.sort(np.concatenate([self._runs.pop(), fresh]), kind="stable")
        if len(fresh):
            self._runs.append(fresh)
        return new

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)


_NOT_KEY = re.compile(r"[\W_]+")
# Vowel signs are no \w: without them की and का would be duplicates, and Burmese half marks.
_VOWEL_SIGN = re.compile(
    f"[{''.join(filter(lambda sign: category(sign)[0] == 'M', map(chr, range(1 << 16))))}]"
)
_NOT_KEY_OR_SIGN = regex.compile(r"[^\p{L}\p{M}\p{N}]+")

_ASCII_KEY = {code: " " for code in range(128) if not chr(code).isalnum()}  # the same, five times as fast


_DIGITS = re.compile(r"\d+")


def key(sentence: str, spaced: bool) -> str:
    """What near duplicates share: lower case, no punctuation, every number as 0."""
    letters = sentence.lower()
    if spaced and letters.isascii():
        letters = " ".join(letters.translate(_ASCII_KEY).split())
    else:
        other = _NOT_KEY_OR_SIGN if _VOWEL_SIGN.search(letters) else _NOT_KEY
        letters = other.sub(" " if spaced else "", letters)
    return _DIGITS.sub("0", letters).strip()

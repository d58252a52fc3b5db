"""Code length of X beside other texts under one network, with the same batches and updates on X.

Each neighbour destroys one level of what Y shares with X: its unigrams, its bags of words, its words' names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.transfer.bridge import CODE
from benchmarks.transfer.records import Job, Record, coded_blocks
from benchmarks.transfer.texts import EN, ZH, Sides
from umt.compression.mutual_information import first_bytes
from umt.compression.symbols import CodedText

SIZES = (100_000, 300_000)
"""Bytes a side."""


def jobs(name: str, sides: Sides, elsewhere: Sequence[str], seeds: int) -> Iterator[Job]:
    """X beside every neighbour; elsewhere: Chinese lines of another domain."""
    for size in SIZES:
        for seed in range(1, seeds + 1):
            for arm, texts in neighbours(sides, elsewhere, size, seed).items():
                key = {"experiment": "neighbours", "corpus": name, "size": size, "arm": arm, "seed": seed}
                yield Job(key, partial(_measure, sides.vocabulary, texts, seed))


def neighbours(sides: Sides, elsewhere: Sequence[str], size: int, seed: int) -> dict[str, list[CodedText]]:
    """Name of each neighbour -> X and the neighbour, all with as many symbols, so as many updates, as Y."""
    [x, more], [y, _] = (sides.coded(lang, size) for lang in (EN, ZH))
    more = more.until(len(y.codes))
    other = sides.alphabets[ZH].encode(first_bytes(elsewhere, 2 * size), ZH)
    random, shift = np.random.default_rng(seed), sides.vocabulary
    return {
        "nothing": [x],
        "shuffled over the text": [x, y.shuffled(random)],
        "shuffled within sentences": [x, y.shuffled_within(random)],
        "Y": [x, y],
        "Y, ids permuted": [x, y.renamed(random)],
        "another domain": [x, other.until(len(y.codes))],
        "more X, enciphered": [x, replace(more, numbers=more.numbers + shift, tag=more.tag + shift)],
        "more X": [x, more],
    }


def _measure(vocabulary: int, texts: list[CodedText], seed: int, folder: Path) -> Record:
    """Bits of X; of the neighbour only the updates count."""
    return coded_blocks(CODE, texts, 2 * vocabulary, seed, folder, scored=1)

"""Code length of X beside other texts under one network, with the same batches and updates on X.

Each neighbour destroys one level of what Y shares with X: its unigrams, its bags of words, its words' names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.transfer.bridge import CODE, BilingualVectors
from benchmarks.transfer.records import Job, Record, coded_blocks
from benchmarks.transfer.texts import EN, ZH, Sides
from umt.compression.mutual_information import first_bytes
from umt.compression.symbols import CodedText
from umt.types import I64, BadInput

SIZES = (100_000, 300_000, 1_000_000)
"""Bytes a side."""
ALIGNED, ROTATED = "neighbours, aligned start", "neighbours, rotated start"
"""The names of the experiments that start from word vectors."""


def jobs(name: str, sides: Sides, elsewhere: Sequence[str], seeds: int) -> Iterator[Job]:
    """X beside every neighbour; elsewhere: Chinese lines of another domain."""
    for size in SIZES:
        for seed in range(1, seeds + 1):
            for arm, texts in neighbours(sides, elsewhere, size, seed).items():
                key = {"experiment": "neighbours", "corpus": name, "size": size, "arm": arm, "seed": seed}
                yield Job(key, partial(_measure, sides.vocabulary, texts, seed))


def jobs_from_vectors(name: str, sides: Sides, elsewhere: Sequence[str], seeds: int) -> Iterator[Job]:
    """The same from word vectors of other text: aligned without a dictionary, or rotated at random.

    Left out are neighbours without vectors, and from rotated ones all that no rotation of Chinese changes.
    """
    for size in SIZES:
        vectors = BilingualVectors.of([sides.coded(lang, size)[1] for lang in (EN, ZH)])
        english = len(vectors.x.words)
        for seed in range(1, seeds + 1):
            arms = neighbours(sides, elsewhere, size, seed)
            for experiment, pairs in ((ALIGNED, vectors.pairs), (ROTATED, None)):
                ids, start = vectors.embeddings(vectors.rotation(pairs, seed))
                enciphered = np.concatenate([ids[:english], ids[:english] + sides.vocabulary])
                starts = dict.fromkeys(
                    ("shuffled over the text", "shuffled within sentences", "Y", "another domain"),
                    (ids, start),
                )
                if experiment == ALIGNED:
                    twice = torch.cat([start[:english], start[:english]])
                    starts |= {"more X, enciphered": (enciphered, twice), "more X": (ids, start)}
                for arm, embeddings in starts.items():
                    key = {"experiment": experiment, "corpus": name, "size": size, "arm": arm, "seed": seed}
                    measure = partial(_measure, sides.vocabulary, arms[arm], seed, embeddings=embeddings)
                    yield Job(key, measure)


def neighbours(sides: Sides, elsewhere: Sequence[str], size: int, seed: int) -> dict[str, list[CodedText]]:
    """Name of each neighbour -> X and the neighbour, of as many symbols as Y but for a part of a sentence.

    So all have as many updates. Raises BadInput where a text is too short.
    """
    [x, more], [y, _] = (sides.coded(lang, size) for lang in (EN, ZH))
    more = more.until(len(y.codes))
    other = sides.alphabets[ZH].encode(first_bytes(elsewhere, 2 * size), ZH)
    random, shift = np.random.default_rng(seed), sides.vocabulary
    arms = {
        "nothing": [x],
        "shuffled over the text": [x, y.shuffled(random)],
        "shuffled within sentences": [x, y.shuffled_within(random)],
        "Y": [x, y],
        "Y, ids permuted": [x, y.renamed(random)],
        "another domain": [x, other.until(len(y.codes))],
        "more X, enciphered": [x, replace(more, numbers=more.numbers + shift, tag=more.tag + shift)],
        "more X": [x, more],
    }
    for name, texts in arms.items():
        if name != "nothing" and len(texts[1].codes) < 0.99 * len(y.codes):
            raise BadInput(
                f"{name}: {len(texts[1].codes):,} of {len(y.codes):,} symbols that {size:,} bytes need"
            )
    return arms


def _measure(
    vocabulary: int,
    texts: list[CodedText],
    seed: int,
    folder: Path,
    embeddings: tuple[I64, Tensor] | None = None,
) -> Record:
    """Bits of X; of the neighbour only the updates count."""
    return coded_blocks(CODE, texts, 2 * vocabulary, seed, folder, embeddings, scored=1)

"""The rotated bridge: code length of both texts over the quality of the alignment of their embeddings.

Every network starts from the same word vectors of each language, of text that is not coded; only the rotation
of the second language's vectors differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor

from benchmarks.transfer.records import Job, Record, coded_blocks
from benchmarks.transfer.texts import EN, ZH, Sides
from umt.align.linear_maps import procrustes
from umt.align.refinement import Refinement
from umt.align.strategies.cooccurrence import Cooccurrence
from umt.compression.mixing.cooccurrence_expert import symbol_tokens
from umt.compression.prequential import Prequential
from umt.compression.symbols import CodedText
from umt.corpus.dictionary import Dictionary
from umt.embeddings.count_vectors import PpmiSvd
from umt.embeddings.retrieval import csls, mutual
from umt.embeddings.wordspace import WordSpace
from umt.lm.joint_lm import Architecture
from umt.types import I64

WIDTH = 64
CODE = Prequential(Architecture(WIDTH, 2, 2, 192, 128), increments=1)
WORDS = PpmiSvd(dim=WIDTH // 2, minimum_count=3, subword_smoothing=0)
ALIGNER = Cooccurrence(refinement=Refinement())
SHARES = (0.0, 0.5, 0.8, 0.9, 1.0)
"""Of the target words of a true dictionary, or of the pairs that were found, permuted among each other."""
SIZES = (100_000, 300_000)
"""Bytes a side."""


def jobs(name: str, sides: Sides, dictionary: Dictionary, seeds: int) -> Iterator[Job]:
    """Every setting of one corpus, size by size, seed by seed."""
    for size in SIZES:
        parts = [sides.coded(lang, size) for lang in (EN, ZH)]
        texts, others = ([part[which] for part in parts] for which in (0, 1))
        vectors = BilingualVectors.of(others)
        known = sides.known_pairs(dictionary, others, vectors.x, vectors.y)
        for seed in range(1, seeds + 1):
            rotations = {"rotated": None, "found": vectors.pairs}
            rotations |= {f"{share:.0%} permuted": permuted(known, share, seed) for share in SHARES}
            for share in SHARES[1:]:
                rotations[f"found, {share:.0%} permuted"] = permuted(vectors.pairs, share, seed)
            start = partial(coded_blocks, CODE, texts, sides.vocabulary, seed)
            name_of = {"experiment": "bridge", "corpus": name, "size": size}
            yield Job({**name_of, "arm": "random vectors", "seed": seed}, start)
            for arm, pairs in rotations.items():
                measure = partial(_measure, start, vectors, vectors.rotation(pairs, seed), known)
                yield Job({**name_of, "arm": arm, "seed": seed}, measure)


@dataclass(frozen=True)
class BilingualVectors:
    """Word vectors of the symbols of two languages, and what an aligner without a dictionary makes of them.

    ids: of the symbols of x, then of y, in the network. pairs: (n, 2) rows of x and y, mutual neighbours.
    """

    ids: I64
    x: WordSpace
    y: WordSpace
    pairs: Tensor

    @classmethod
    def of(cls, texts: Sequence[CodedText]) -> BilingualVectors:
        """From two texts, none of which is coded later."""
        x, y = map(symbol_vectors, texts)
        alignment = ALIGNER.align(x, y, Generator().manual_seed(1))
        pairs = mutual(*csls(alignment.source.vectors, alignment.target.vectors))
        numbers = [text.numbers[[*map(int, side.words)]] for text, side in zip(texts, (x, y), strict=True)]
        return cls(np.concatenate(numbers), x, y, pairs)

    def rotation(self, pairs: Tensor | None, seed: int) -> Tensor:
        """(dim, dim) orthogonal map of y's vectors onto those of x by pairs of rows, or at random."""
        if pairs is not None:
            return procrustes(self.y.normalised[pairs[:, 1]], self.x.normalised[pairs[:, 0]])
        random = torch.randn(WIDTH, WIDTH, generator=Generator().manual_seed(seed))
        orthogonal: Tensor = torch.linalg.qr(random).Q
        return orthogonal

    def embeddings(self, turn: Tensor) -> tuple[I64, Tensor]:
        """Ids, and the embeddings that a network starts from, those of y turned."""
        return self.ids, torch.cat([self.x.normalised, self.y.normalised @ turn])


def symbol_vectors(text: CodedText) -> WordSpace:
    """Word vectors of the symbols of a text."""
    return WORDS.build(text.lang, symbol_tokens(text, len(text.ends)), Generator().manual_seed(1))


def permuted(pairs: Tensor, share: float, seed: int) -> Tensor:
    """(n, 2) pairs, a share of the second column permuted."""
    generator = Generator().manual_seed(seed)
    chosen = torch.randperm(len(pairs), generator=generator)[: round(share * len(pairs))]
    pairs = pairs.clone()
    pairs[chosen, 1] = pairs[chosen[torch.randperm(len(chosen), generator=generator)], 1]
    return pairs


def precision(x: WordSpace, y: WordSpace, turn: Tensor, known: Tensor) -> float:
    """P@1 by CSLS of the words that a dictionary knows."""
    forward, _ = csls(x.normalised, y.normalised @ turn)
    right: dict[int, set[int]] = {}
    for row, translation in known.tolist():
        right.setdefault(row, set()).add(translation)
    return sum(int(forward.indices[row, 0]) in there for row, there in right.items()) / len(right)


def _measure(
    start: Callable[..., Record], vectors: BilingualVectors, turn: Tensor, known: Tensor, folder: Path
) -> Record:
    """Bits of both texts from vectors of which the second language's are turned."""
    right = precision(vectors.x, vectors.y, turn, known)
    return {"p@1": round(right, 4), **start(folder, vectors.embeddings(turn))}

"""Code length of verses of which each points at one of the other language, pointers paid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from torch import Generator

from benchmarks.transfer.bridge import ALIGNER, CODE, symbol_vectors
from benchmarks.transfer.records import Job, Record, in_blocks
from benchmarks.transfer.texts import EN, READ, ZH, Sides
from umt.compression.mixing import context_mixing
from umt.compression.mixing.translation_expert import TranslationExpert, offsets
from umt.compression.mutual_information import first_bytes
from umt.compression.symbols import CodedText, kt_bits
from umt.embeddings.counts import Counts
from umt.runtime.seeds import child_seed
from umt.types import F32, F64, I64

EXPERT = TranslationExpert()
ROUNDS = 2
"""Of retrieval with a table learned from the pairs of the round before."""
SIZES = (300_000, 1_000_000, READ)
"""Bytes of Chinese."""
CONTROLLED = SIZES[0]
"""The size at which random pointers are measured, too."""


def jobs(sides: Sides, seeds: int) -> Iterator[Job]:
    """Chinese given English, by size."""
    x, whole = (sides.alphabets[lang].encode(sides.lines[lang], lang) for lang in (EN, ZH))
    table, place = lexicon_table(x, whole), np.zeros(sides.vocabulary, np.int64)
    place[whole.numbers] = np.arange(len(whole.numbers))
    for size in SIZES:
        y = sides.alphabets[ZH].encode(first_bytes(sides.lines[ZH], size), ZH)
        random = np.random.default_rng(1).integers(len(x.ends), size=len(y.ends))
        choices = {"retrieved": retrieved(x, y, table[:, place[y.numbers]])}
        choices |= {"random": random} if size == CONTROLLED else {}
        arms: dict[str, tuple[I64, F32]] = {}
        for arm, pointers in choices.items():
            odds = EXPERT.log_odds(y, x, pointers)
            arms[arm] = pointers, odds
            saved = _bits(y, []) - _bits(y, [odds])
            paying = np.where(saved > math.log2(len(x.ends)), pointers, -1)
            arms[f"{arm}, where it pays"] = paying, EXPERT.log_odds(y, x, paying)
        for seed in range(1, seeds + 1):
            name = {"experiment": "pointers", "corpus": "bible", "size": size, "seed": seed}
            yield Job(name, partial(_measure, sides.vocabulary, x, y, arms, seed))


def _bits(y: CodedText, experts: Sequence[F32]) -> F64:
    """Of each sentence, counts and experts mixed."""
    return y.per_sentence(context_mixing.code_length(y.codes, y.tree, y.starts, experts))


def _measure(
    vocabulary: int, x: CodedText, y: CodedText, arms: Mapping[str, tuple[I64, F32]], seed: int, folder: Path
) -> Record:
    """Bits of Y alone, and of Y given X with its pointers, and flags where a sentence may have none."""
    [coded] = CODE.code([y], vocabulary, child_seed(seed, 0), folder, lambda *_: None)
    alone = _bits(y, [coded.log_odds])
    result: Record = {
        "alone": round(float(alone.sum()), 1),
        "blocks": {"alone": in_blocks(alone)},
        "arms": {},
    }
    for arm, (pointers, odds) in arms.items():
        conditional, points = _bits(y, [coded.log_odds, odds]), pointers >= 0
        cost = points * math.log2(len(x.ends))
        if not points.all():
            cost = cost + kt_bits(points.astype(int), 2) / len(points)
        result["arms"][arm] = {
            "given": round(float(conditional.sum()), 1),
            "pointers": round(float(cost.sum()), 1),
            "pointing": int(points.sum()),
        }
        result["blocks"][arm] = in_blocks(conditional + cost)
    return {**result, "sentences": [len(x.ends), len(y.ends)], "bytes": int(y.sizes.sum())}


def lexicon_table(x: CodedText, y: CodedText) -> F32:
    """(symbols of x, symbols of y) p(translation), found without a dictionary in both whole texts."""
    lexicon = ALIGNER.align(symbol_vectors(x), symbol_vectors(y), Generator().manual_seed(1)).lexicon
    table = np.zeros((len(x.numbers), len(y.numbers)), np.float32)
    columns = np.array([*map(int, lexicon.target)])
    for symbol, candidates, probabilities in zip(
        map(int, lexicon.source), lexicon.candidates.numpy(), lexicon.probabilities.numpy(), strict=True
    ):
        table[symbol, columns[candidates]] = probabilities
    return table


def retrieved(x: CodedText, y: CodedText, table: F32) -> I64:
    """(sentences of y,) the sentence of x under which each is likeliest.

    table: of the first round; later ones learn it from the pairs so far.
    """
    pointers = likeliest(x, y, table)
    for _ in range(ROUNDS):
        pointers = likeliest(x, y, replace(EXPERT, rounds=6).table(y, x, pointers)[:-1])
    return pointers


def likeliest(x: CodedText, y: CodedText, table: F32, block: int = 1000) -> I64:
    """(sentences of y,) the likeliest sentence of x by IBM model 1, mixed with frequencies."""
    bags_x, bags_y = (_bags(text) for text in (x, y))
    unigrams = np.asarray(bags_y.sum(0), np.float32).ravel() + 0.5
    unigrams /= unigrams.sum()
    best, place = np.full(len(y.ends), -np.inf), np.zeros(len(y.ends), np.int64)
    for first in range(0, len(x.ends), block):
        part = bags_x[first : first + block]
        likely = (part @ table) / np.maximum(part.sum(1), 1)
        scores = bags_y @ np.log(0.5 * np.asarray(likely) + 0.5 * unigrams).T.astype(np.float32)
        rows, top = np.arange(len(best)), scores.argmax(1)
        better = scores[rows, top] > best
        best[better], place[better] = scores[rows, top][better], first + top[better]
    return place


def _bags(text: CodedText) -> Counts:
    """(sentences, symbols) counts."""
    ones = np.ones(len(text.codes), np.float32)
    bags: Counts = sp.csr_matrix((ones, text.codes, offsets(text)), shape=(len(text.ends), len(text.numbers)))
    return bags

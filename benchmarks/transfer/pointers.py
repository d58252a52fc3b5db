"""Code length of verses of which each points at one of the other language, pointers paid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from torch import Generator

from benchmarks.transfer.bridge import ALIGNER, CODE, symbol_vectors
from benchmarks.transfer.records import Job, Record, in_blocks
from benchmarks.transfer.texts import EN, ZH, Sides
from umt.compression import context_mixing
from umt.compression.symbols import CodedText
from umt.compression.translation_expert import TranslationExpert, offsets
from umt.embeddings.counts import Counts
from umt.runtime.seeds import child_seed
from umt.types import F32, I64

EXPERT = TranslationExpert()
ROUNDS = 2
"""Of retrieval with a table learned from the pairs of the round before."""
SIZES = (300_000, 1_000_000)
"""Bytes of Chinese."""


def jobs(sides: Sides, seeds: int) -> Iterator[Job]:
    """Chinese given English, by size and by what the pointers are."""
    x, whole = (sides.alphabets[lang].encode(sides.lines[lang], lang) for lang in (EN, ZH))
    table, place = lexicon_table(x, whole), np.zeros(sides.vocabulary, np.int64)
    place[whole.numbers] = np.arange(len(whole.numbers))
    for size in SIZES:
        y, _ = sides.coded(ZH, size)
        random = np.random.default_rng(1).integers(len(x.ends), size=len(y.ends))
        for arm, pointers in (
            ("retrieved", retrieved(x, y, table[:, place[y.numbers]])),
            ("random", random),
        ):
            translated = EXPERT.log_odds(y, x, pointers)
            for seed in range(1, seeds + 1):
                name = {"experiment": "pointers", "corpus": "bible", "size": size, "arm": arm, "seed": seed}
                yield Job(name, partial(_measure, sides.vocabulary, x, y, translated, seed))


def _measure(vocabulary: int, x: CodedText, y: CodedText, translated: F32, seed: int, folder: Path) -> Record:
    """Bits of Y alone, and of Y with its pointers after X."""
    [coded] = CODE.code([y], vocabulary, child_seed(seed, 0), folder, lambda *_: None)
    alone, given = (
        y.per_sentence(context_mixing.code_length(y.codes, y.tree, y.starts, experts))
        for experts in ([coded.log_odds], [coded.log_odds, translated])
    )
    pointer = math.log2(len(x.ends))
    return {
        "bits": {name: round(float(each.sum()), 1) for name, each in (("alone", alone), ("given", given))},
        "pointers": round(len(y.ends) * pointer, 1),
        "blocks": {"alone": in_blocks(alone), "paid": in_blocks(given + pointer)},
        "sentences": [len(x.ends), len(y.ends)],
        "bytes": int(y.sizes.sum()),
    }


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
        pointers = likeliest(x, y, replace(EXPERT, rounds=6).table(y, x, pointers))
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

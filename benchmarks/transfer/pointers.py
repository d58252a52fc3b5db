"""Code length of verses of which each points at one of the other language, pointers paid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from benchmarks.transfer.bridge import CODE
from benchmarks.transfer.records import Job, Record, in_blocks
from benchmarks.transfer.texts import EN, ZH, Sides
from umt.compression import context_mixing
from umt.compression.symbols import CodedText
from umt.compression.translation_expert import TranslationExpert, offsets
from umt.embeddings.counts import Counts
from umt.embeddings.lexicon import Lexicon
from umt.runtime.seeds import child_seed
from umt.types import F32, I64

EXPERT = TranslationExpert()
ROUNDS = 2
"""Of retrieval with a table learned from the pairs of the round before."""
SIZES = (300_000, 1_000_000)


def jobs(sides: Sides, lexicon: Lexicon, seeds: int) -> Iterator[Job]:
    """Chinese given English, by size and by what the pointers are."""
    x, _ = sides.coded(EN, 1 << 40)
    for size in SIZES:
        y, _ = sides.coded(ZH, size)
        for seed in range(1, seeds + 1):
            for arm in ("retrieved", "random"):
                name = {"experiment": "pointers", "corpus": "bible", "size": size, "arm": arm, "seed": seed}
                yield Job(name, partial(_measure, sides, lexicon, x, y, arm, seed))


def _measure(
    sides: Sides, lexicon: Lexicon, x: CodedText, y: CodedText, arm: str, seed: int, folder: Path
) -> Record:
    """Bits of Y alone, of Y after its pointers, and of these."""
    pointers = np.random.default_rng(seed).integers(len(x.ends), size=len(y.ends))
    if arm == "retrieved":
        pointers = retrieved(x, y, lexicon_table(sides, x, y, lexicon))
    [coded] = CODE.code([y], sides.vocabulary, child_seed(seed, 0), folder, lambda *_: None)
    translated = EXPERT.log_odds(y, x, pointers)
    bits = {
        "alone": context_mixing.code_length(y.codes, y.tree, y.starts, [coded.log_odds]),
        "given": context_mixing.code_length(y.codes, y.tree, y.starts, [coded.log_odds, translated]),
    }
    sums = {name: y.per_sentence(each) for name, each in bits.items()}
    return {
        "bits": {name: round(float(each.sum()), 1) for name, each in sums.items()},
        "pointers": round(len(y.ends) * math.log2(len(x.ends)), 1),
        "blocks": {name: in_blocks(each) for name, each in sums.items()},
        "sentences": [len(x.ends), len(y.ends)],
        "bytes": int(y.sizes.sum()),
    }


def lexicon_table(sides: Sides, x: CodedText, y: CodedText, lexicon: Lexicon) -> F32:
    """(symbols of x, symbols of y) p(translation), for the symbols that are words of the lexicon."""
    table = np.zeros((len(x.numbers), len(y.numbers)), np.float32)
    columns: dict[str, list[int]] = {}
    for symbol, word in enumerate(sides.words(y)):
        columns.setdefault(word, []).append(symbol)
    for symbol, word in enumerate(sides.words(x)):
        for translation, probability in lexicon.translations(word):
            table[symbol, columns.get(translation, [])] += probability
    return table


def retrieved(x: CodedText, y: CodedText, table: F32) -> I64:
    """(sentences of y,) the sentence of x under which each is likeliest, by the table and by those learned from it."""
    pointers = likeliest(x, y, table)
    for _ in range(ROUNDS):
        pointers = likeliest(x, y, replace(EXPERT, rounds=6).table(y, x, pointers))
    return pointers


def likeliest(x: CodedText, y: CodedText, table: F32, block: int = 1000) -> I64:
    """(sentences of y,) argmax over sentences of x of the log probability by IBM model 1, mixed with frequencies."""
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

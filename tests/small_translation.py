"""A cipher so small that a tiny network learns it: every word has one translation, in order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from umt.lm.generation import Generation
from umt.lm.joint_lm import Architecture, JointLM
from umt.text.token_shards import TokenShards, write_shards
from umt.text.tokenizer import Tokenizer
from umt.translation.quality.filters import Filters, SubwordUsage
from umt.translation.synthesis import SyntheticSourceWriter
from umt.types import Lang

EN, ZH = Lang("en"), Lang("zh")
NOTHING = Filters(None, None, None, None)
LETTERS = "abcdefghijklmnop"
HAN = "天地玄黄宇宙洪荒日月盈昃辰宿列张"


def english(words: np.ndarray) -> str:
    return " ".join(LETTERS[word] for word in words)


def chinese(words: np.ndarray) -> str:
    return "".join(HAN[word] for word in words)


def sentences(count: int, seed: int) -> list[np.ndarray]:
    """Random words, the next always a few after the last: something for a language model to learn."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        steps = random.integers(1, 4, size=random.integers(4, 9))
        made.append((random.integers(len(LETTERS)) + np.cumsum(steps)) % len(LETTERS))
    return made


def cipher(
    directory: Path, count: int = 800
) -> tuple[Tokenizer, tuple[TokenShards, TokenShards], TokenShards]:
    """Tokenizer, unrelated text of both languages, and the true Chinese of the English text."""
    texts = {EN: [english(s) for s in sentences(count, 1)], ZH: [chinese(s) for s in sentences(count, 2)]}
    words = {EN: [" " + letter for letter in LETTERS] * 50, ZH: list(HAN) * 50}
    tokenizer = Tokenizer.train(words, 256 + 5 + 5 * len(LETTERS))
    for lang, lines in texts.items():
        write_shards(lines, lang, tokenizer, directory)
    truth = directory / "truth"
    truth.mkdir()
    write_shards([chinese(s) for s in sentences(count, 1)], ZH, tokenizer, truth)
    return tokenizer, (TokenShards(directory, EN), TokenShards(directory, ZH)), TokenShards(truth, ZH)


def network(tokenizer: Tokenizer, width: int = 32) -> JointLM:
    generator = torch.Generator().manual_seed(3)
    return JointLM.create(Architecture(width, 2, 2, 64, 64), len(tokenizer), generator)


def source_writer(
    tokenizer: Tokenizer, texts: tuple[TokenShards, TokenShards], filters: Filters = NOTHING
) -> SyntheticSourceWriter:
    languages = (texts[0].lang, texts[1].lang)
    return SyntheticSourceWriter(
        tokenizer, languages, Generation(workers=1), filters, SubwordUsage.count(tokenizer, texts)
    )

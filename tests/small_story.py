"""A text in which every sentence has one letter, and the next has the next letter; and who has read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.small_translation import EN, LETTERS, cipher, network
from umt.lm.scoring import SequenceScorer
from umt.text.token_shards import TokenShards, write_shards
from umt.training.lm_objectives import CausalLM
from umt.training.loop import fit
from umt.training.optimiser import OptimiserConfig


def story(sentences: int) -> list[str]:
    lengths = np.random.default_rng(0).integers(4, 7, size=sentences)
    return [" ".join(LETTERS[number % 16] * length) for number, length in enumerate(lengths)]


def reader(directory: Path, consecutive: int = 20) -> tuple[SequenceScorer, TokenShards]:
    """A model that was trained on runs of ``consecutive`` sentences, and what it was trained on."""
    tokenizer, _, _ = cipher(directory, 20)
    write_shards(story(800), EN, tokenizer, directory)
    shards = TokenShards(directory, EN)
    objective = CausalLM({EN: shards}, tokenizer, 30, 960, 1, consecutive=consecutive)
    model, steps = network(tokenizer), OptimiserConfig(60, learning_rate=1e-2)
    fit(model, {"causal": objective}, steps, directory, 1, lambda *_: None)
    return SequenceScorer(model, tokenizer), shards

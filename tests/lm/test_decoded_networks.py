"""Networks of several kinds decode as `transformers` does, with kernels and without."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from tests.lm.naive_decoding import (
    END,
    GROUPED,
    SEARCHES,
    VOCABULARY,
    WAY,
    beam,
    one_by_one,
    same,
)
from tests.small_networks import plain
from umt.lm.beam_search import Beam
from umt.lm.generation import Generation, Search
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.search import Greedy
from umt.lm.t5gemma2 import Division
from umt.text.tokenizer import Ids


def trained_in_fp32(kind: Division) -> JointLM:
    """Random weights in fp32, far from flat."""
    model = JointLM.create(Architecture(32, 3, 4, 48, 64), VOCABULARY, torch.Generator().manual_seed(1))
    with torch.no_grad():
        model.embeddings.mul_(120)
        model.embeddings[END] *= 1.5
    return model.divided(kind)


@pytest.mark.parametrize("search", [*SEARCHES, Beam(4), Beam(3, 1.0)], ids=str)
@pytest.mark.parametrize("kind", ["joint", "t5gemma2"])
def test_plain_transformers_decode_alike(sources: list[Ids], search: Search, kind: Division) -> None:
    model = trained_in_fp32(kind)
    generation = Generation(search, length_ratio=1.2, length_offset=5, cache_positions=400, workers=2)
    ours = generation.generate(model, sources, WAY, torch.Generator().manual_seed(5))
    with patch("umt.lm.decoding_cache.KVCache", side_effect=AssertionError):
        theirs = generation.generate(plain(model), sources, WAY, torch.Generator().manual_seed(5))
    for outputs, expected in zip(theirs, ours, strict=True):
        assert len(outputs) == len(expected)
        for each, other in zip(outputs, expected, strict=True):
            same(each, other)


FULL = {"layer_types": ["full_attention"] * 2, "query_pre_attn_scalar": 8}
NETWORKS = [
    LlamaForCausalLM(LlamaConfig(**GROUPED, tie_word_embeddings=False)),
    Qwen3ForCausalLM(Qwen3Config(**GROUPED)),
    Gemma3ForCausalLM(Gemma3TextConfig(**GROUPED, **FULL)),
]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: type(network).__name__)
def test_grouped_heads_and_ragged_prompts(network: PreTrainedModel) -> None:
    model = JointLM(network.double())
    with torch.no_grad():
        for number, weight in enumerate(model.parameters()):  # the gains of the norms too
            draw = torch.Generator().manual_seed(number)
            weight.add_(torch.randn(weight.shape, generator=draw, dtype=weight.dtype) * 0.3)
    sources = [np.arange(6, 6 + length).astype(np.uint16) for length in (9, 4, 1)]
    greedy = Generation(length_ratio=1.0, length_offset=3, workers=1).generate(model, sources, WAY)
    for source, [output] in zip(sources, greedy, strict=True):
        same(output, one_by_one(model, source, len(source) + 3, Greedy(), torch.empty(0)))
    result = Generation(Beam(3), length_ratio=1.0, length_offset=3, workers=1).generate(model, sources, WAY)
    for source, outputs in zip(sources, result, strict=True):
        for each, expected in zip(outputs, beam(model, source, len(source) + 3, Beam(3)), strict=True):
            same(each, expected)


WINDOWS = {"layer_types": ["sliding_attention"] * 2, "sliding_window": 4, "query_pre_attn_scalar": 8}
UNKNOWN = [
    Gemma3ForCausalLM(Gemma3TextConfig(**GROUPED, **WINDOWS)),
    GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_positions=64, n_embd=32, n_layer=2, n_head=4)),
]


@pytest.mark.parametrize("network", UNKNOWN, ids=lambda network: type(network).__name__)
def test_unknown_layers_are_decoded_by_transformers(network: PreTrainedModel, sources: list[Ids]) -> None:
    network = network.double().eval()
    with torch.no_grad():
        for number, weight in enumerate(network.parameters()):
            draw = torch.Generator().manual_seed(number)
            weight.add_(torch.randn(weight.shape, generator=draw, dtype=weight.dtype) * 0.3)
    model = JointLM(network)
    assert not model.decodes_by_kernels
    greedy = Generation(length_ratio=1.0, length_offset=3, workers=1).generate(model, sources, WAY)
    for source, [output] in zip(sources, greedy, strict=True):
        if len(source):
            same(output, one_by_one(model, source, len(source) + 3, Greedy(), torch.empty(0)))

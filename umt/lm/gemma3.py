"""The joint language model's network where it is trained from scratch: a Gemma 3 of a chosen size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Generator
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

if TYPE_CHECKING:
    from umt.lm.joint_lm import Architecture

EMBEDDING_STD = 0.02
"""Root mean square of random embeddings: small, so that an untrained network gives nearly equal probabilities
to all subwords, which a prequential code, paid from the first subword on, gains by."""


def random_gemma3(
    architecture: Architecture, vocabulary: int, generator: Generator, pad: int = 0, end: int = 1
) -> Gemma3ForCausalLM:
    """A Gemma 3 with tied embeddings and random weights; every layer looks at all that came before.

    Norms before and after each half of a layer, norms of queries and keys, and embeddings that are scaled on
    the way in: as many products as a Llama, which learns far more slowly
    (docs/decisions/035-joint-model-like-gemma-3.md).
    """
    config = Gemma3TextConfig(
        vocab_size=vocabulary,
        hidden_size=architecture.width,
        intermediate_size=architecture.hidden,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        num_key_value_heads=architecture.heads,
        head_dim=architecture.width // architecture.heads,
        query_pre_attn_scalar=architecture.width // architecture.heads,
        max_position_embeddings=architecture.context,
        layer_types=["full_attention"] * architecture.layers,
        rope_parameters={"full_attention": {"rope_type": "default", "rope_theta": 10_000.0}},
        tie_word_embeddings=True,
        pad_token_id=pad,
        eos_token_id=end,
        bos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(1 << 62, (1,), generator=generator)))
        network = Gemma3ForCausalLM(config)
        with torch.no_grad():
            for weight in network.parameters():
                if weight.ndim == 2:
                    weight.normal_(std=weight.shape[1] ** -0.5)
            network.model.embed_tokens.weight.mul_(EMBEDDING_STD * architecture.width**0.5)
    return network

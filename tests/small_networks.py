"""Small networks with random weights, and the same without this project's kernels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Generator, Tensor

from umt.lm.joint_lm import Architecture, JointLM

TINY = Architecture(width=32, layers=2, heads=2, hidden=48, context=64)


def made(seed: int = 1, vocabulary: int = 300) -> JointLM:
    return roughened(JointLM.create(TINY, vocabulary, Generator().manual_seed(seed)))


def roughened(model: JointLM) -> JointLM:
    """With norms that are not all one."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 1:
                weight.add_(0.3 * torch.randn(weight.shape, generator=Generator().manual_seed(2)))
    return model


def numbers(rows: int = 5, length: int = 17) -> Tensor:
    return torch.randint(5, 300, (rows, length), generator=Generator().manual_seed(3))


SIZE = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "tie_word_embeddings": True,
}


def plain(model: JointLM) -> JointLM:
    """The same weights, with ``transformers`` and torch alone."""
    return JointLM(model.network, kernels=False)


@contextmanager
def no_transformers() -> Iterator[None]:
    """Within, asking for the layers of ``transformers`` is an error."""
    names = ("umt.lm.joint_lm.hidden_states", "umt.lm.joint_lm.hidden_states_after")
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(name, None)
        yield

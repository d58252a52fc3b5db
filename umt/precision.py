"""In what precision training multiplies by weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

from umt.joint_lm import JointLM


@contextmanager
def precision(model: JointLM, exact: bool) -> Iterator[None]:
    """Products by weights in bf16 where the device multiplies it faster; the weights stay fp32."""
    short = not exact and (model.device.type == "cuda" or native_bf16())
    model.products = torch.bfloat16 if short else torch.float32
    try:
        # what `transformers` itself computes on a GPU
        with torch.autocast("cuda", torch.bfloat16, enabled=short and model.device.type == "cuda"):
            yield
    finally:
        model.products = torch.float32


@cache
def native_bf16() -> bool:
    """Whether the processor has instructions for bf16."""
    return bool(torch.cpu._is_avx512_bf16_supported())

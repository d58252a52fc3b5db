"""The precision of products by weights in training."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

import torch


def training_dtype(device: torch.device, exact: bool) -> torch.dtype:
    """bf16 where ``device`` multiplies it faster and ``exact`` does not forbid it, else fp32."""
    short = not exact and (device.type == "cuda" or native_bf16())
    return torch.bfloat16 if short else torch.float32


@cache
def native_bf16() -> bool:
    """Whether the processor has instructions for bf16."""
    return bool(torch.cpu._is_avx512_bf16_supported())


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[None]:
    """Let torch multiply in bf16 where ``dtype`` is that and the device a GPU, as ``transformers`` does."""
    on_gpu = device.type == "cuda"
    return torch.autocast("cuda", torch.bfloat16, enabled=on_gpu and dtype == torch.bfloat16)

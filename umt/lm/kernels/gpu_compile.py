"""``torch.compile`` for a GPU, of functions whose arguments have as many rows as it happens at every call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def compile_dynamic_rows(work: Callable[..., Any], varying: int) -> Callable[..., Any]:
    """``work`` compiled once for any number of rows of its first ``varying`` arguments.

    Every other size and number is a constant of the kernels: with ``dynamic=True`` the number of heads was an
    unknown too, and each index a division by it.
    """
    torch._dynamo.config.recompile_limit = 64  # beyond it, slow and silent
    fast = torch.compile(work)

    def run(*arguments: Any) -> Any:
        for argument in arguments[:varying]:
            torch._dynamo.maybe_mark_dynamic(argument, 0)
        return fast(*arguments)

    return run

"""How many threads this process computes with."""

from __future__ import annotations

import torch
from threadpoolctl import threadpool_limits

from umt.processes import cores


def use_threads(wanted: int = 0) -> None:
    """Compute with ``wanted`` threads from now on, in torch and in numpy's BLAS; 0: one a core.

    Raises ValueError when ``wanted`` is negative.
    """
    if wanted < 0:
        raise ValueError(f"runtime.threads must not be negative, got {wanted}")
    threads = cores(wanted)
    torch.set_num_threads(threads)
    threadpool_limits(threads)

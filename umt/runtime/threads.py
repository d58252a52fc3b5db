"""How many threads this process computes with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

from umt.runtime.processes import cores


def use_threads(threads: int = 0) -> None:
    """Compute with ``threads`` threads from now on, in torch and in numpy's BLAS; 0: one a core.

    Raises ValueError when ``threads`` is negative.
    """
    if threads < 0:
        raise ValueError(f"runtime.threads must not be negative, got {threads}")
    count = cores(threads)
    torch.set_num_threads(count)
    threadpool_limits(count)


Part = TypeVar("Part")


Outcome = TypeVar("Outcome")


def map_in_threads(work: Callable[[Part], Outcome], parts: Sequence[Part]) -> list[Outcome]:
    """``work`` on every part in a thread of its own, in order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return list(_pool(len(parts)).map(work, parts))
    finally:
        torch.set_num_threads(threads)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))

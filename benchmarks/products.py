"""What matrix products alone take: the least that a step with these products can take on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import torch
from torch import Tensor


class Product(NamedTuple):
    """Of a (rows, inside) matrix and a (inside, outside) one; ``turned``: how the second lies in memory."""

    rows: int
    inside: int
    outside: int
    turned: bool = True


def operations(products: Sequence[Product]) -> int:
    """Multiplications and additions."""
    return sum(2 * each.rows * each.inside * each.outside for each in products)


def seconds(parts: Sequence[Sequence[Product]], dtype: torch.dtype, repeats: int = 3) -> float:
    """The best of a few times that all ``parts`` take, each by one thread of its own.

    Operands are made before; products of one shape share them, so that they lie in the cache if they can.
    """
    made: dict[tuple[int, Product], tuple[Tensor, Tensor, Tensor]] = {}
    for number, part in enumerate(parts):
        for each in set(part):
            one = torch.randn(each.rows, each.inside).to(dtype)
            two = torch.randn(each.outside, each.inside).to(dtype).T
            two = two if each.turned else two.contiguous()
            made[number, each] = one, two, torch.empty(each.rows, each.outside, dtype=dtype)

    @torch.inference_mode()
    def multiply(number: int) -> None:
        torch.set_num_threads(1)
        for each in parts[number]:
            one, two, out = made[number, each]
            torch.mm(one, two, out=out)

    best, threads = math.inf, torch.get_num_threads()
    try:
        with ThreadPoolExecutor(len(parts)) as pool:
            for _ in range(repeats):
                start = time.perf_counter()
                list(pool.map(multiply, range(len(parts))))
                best = min(best, time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    return best

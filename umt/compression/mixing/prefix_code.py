"""Canonical prefix codes: a symbol of a large alphabet as a short sequence of binary decisions."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from umt.types import F32, I64


@dataclass(frozen=True)
class PrefixCode:
    """A canonical prefix code: symbols in the order of `order` are the leaves from left to right.

    lengths: (alphabet,) decisions that each symbol takes.  nodes, bits: (alphabet, longest) the inner node
    where each decision is taken, numbered from 0 (the root) to alphabet - 2, and its outcome.
    bounds: (alphabet, longest, 3) the leaves below that node: first, first of the right-hand child, end.
    order: (alphabet,) the symbol at each leaf.
    """

    lengths: I64
    nodes: I64
    bits: I64
    bounds: I64
    order: I64

    @classmethod
    def huffman(cls, counts: I64) -> PrefixCode:
        """The code that needs the fewest decisions for symbols that occur ``counts`` times (Huffman 1952).

        Raises ValueError for fewer than two symbols.
        """
        if len(counts) < 2:
            raise ValueError(f"a prefix code needs at least two symbols, got {len(counts)}")
        queue = [(int(count), symbol) for symbol, count in enumerate(counts)]
        heapq.heapify(queue)
        parent: dict[int, int] = {}
        for node in range(len(counts), 2 * len(counts) - 1):
            first, second = heapq.heappop(queue), heapq.heappop(queue)
            parent[first[1]] = parent[second[1]] = node
            heapq.heappush(queue, (first[0] + second[0], node))
        depth = {2 * len(counts) - 2: 0}
        for node in range(2 * len(counts) - 3, -1, -1):
            depth[node] = depth[parent[node]] + 1
        return cls.canonical(np.array([depth[symbol] for symbol in range(len(counts))]))

    @classmethod
    def canonical(cls, lengths: I64) -> PrefixCode:
        """The code with these lengths, shorter ones first: all that a decoder needs.

        Raises ValueError when they are those of no complete code.
        """
        longest = int(lengths.max())
        order = np.lexsort((np.arange(len(lengths)), lengths))
        sizes = lengths[order]
        starts = np.concatenate([[0], np.cumsum(1 << (longest - sizes))])  # of each leaf among 2^longest
        if starts[-1] != 1 << longest:
            raise ValueError("these lengths are those of no complete prefix code")
        shape = (len(lengths), longest)
        nodes, bits = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        bounds = np.zeros((*shape, 3), np.int64)
        numbers: dict[tuple[int, int], int] = {}
        for leaf, symbol in enumerate(order):
            for depth in range(int(sizes[leaf])):
                left = longest - depth
                prefix = int(starts[leaf]) >> left
                nodes[symbol, depth] = numbers.setdefault((depth, prefix), len(numbers))
                bits[symbol, depth] = (int(starts[leaf]) >> (left - 1)) & 1
                ends = np.array([prefix << left, (2 * prefix + 1) << (left - 1), (prefix + 1) << left])
                bounds[symbol, depth] = np.searchsorted(starts, ends)
        return cls(lengths.astype(np.int64), nodes, bits, bounds, order)

    def log_odds(self, chances: Tensor, symbols: I64) -> F32:
        """Log odds that each decision of ``symbols`` (n,) is 1, end to end, where the next symbol has
        ``chances`` (n, alphabet); the symbols are the leaves from left to right."""
        below = torch.zeros(len(chances), chances.shape[1] + 1, dtype=torch.float64)
        torch.cumsum(chances, 1, dtype=torch.float64, out=below[:, 1:])
        bounds = torch.from_numpy(self.bounds[symbols])  # (n, longest, 3)
        first, middle, end = (below.gather(1, bounds[..., side]) for side in range(3))
        log_odds = torch.log((end - middle).clamp_(min=1e-12)) - torch.log((middle - first).clamp_(min=1e-12))
        inside = np.arange(self.bounds.shape[1]) < self.lengths[symbols][:, None]
        selected: F32 = log_odds.float().clamp_(-12, 12).numpy()[inside]
        return selected

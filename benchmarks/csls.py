"""CSLS induction both ways: ours beside the naive way and FAISS, time and memory in one run.

python -m benchmarks.csls [--words 20000] [--dim 300] [--candidates 10]
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from umt.cli.command_line import Command
from umt.embeddings.retrieval import csls

Found = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Result:
    """Wall and processor seconds, MiB beyond the vectors, and the indices found both ways."""

    wall: float
    processor: float
    memory: float
    neighbours: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def naive(source: Tensor, target: Tensor, k: int) -> Found:
    """The whole matrix, and a full top-k for the neighbourhoods and for the candidates of both sides."""
    scores = source @ target.T
    rows = scores.topk(10, 1).values.mean(1)
    columns = scores.topk(10, 0).values.mean(0)
    scores = 2 * scores - rows[:, None] - columns
    return scores.topk(k, 1).indices, scores.topk(k, 0).indices.T


def peer(source: Tensor, target: Tensor, k: int) -> Found:
    """FAISS, exact: neighbourhoods first; then CSLS itself is an inner product, of (2x, -1) and (y, r(y))."""
    x, y = source.numpy(), target.numpy()

    def search(index: npt.NDArray[np.float32], queries: npt.NDArray[np.float32], k: int) -> Any:
        flat = faiss.IndexFlatIP(index.shape[1])
        flat.add(np.ascontiguousarray(index))
        return flat.search(np.ascontiguousarray(queries), k)

    def candidates(
        queries: npt.NDArray[np.float32], others: npt.NDArray[np.float32], near: npt.NDArray[np.float32]
    ) -> Tensor:
        ones = np.full((len(queries), 1), -1, dtype=np.float32)
        index, asked = np.hstack([others, near[:, None]]), np.hstack([2 * queries, ones])
        return torch.from_numpy(search(index, asked, k)[1])

    rows, columns = search(y, x, 10)[0].mean(1), search(x, y, 10)[0].mean(1)
    return candidates(x, y, columns), candidates(y, x, rows)


def ours(source: Tensor, target: Tensor, k: int) -> Found:
    """`umt.embeddings.retrieval.csls`."""
    forward, backward = csls(source, target, k)
    return forward.indices, backward.indices


def vectors(words: int, dim: int, seed: int) -> Tensor:
    """Unit vectors about common directions, so that there are hubs as in text."""
    generator = torch.Generator().manual_seed(seed)
    common = torch.randn(dim, dim, generator=torch.Generator().manual_seed(0))
    spread = torch.linspace(2, 0.2, dim)
    drawn = torch.randn(words, dim, generator=generator) * spread
    return torch.nn.functional.normalize(drawn @ common, dim=1)


def measure(way: Callable[[Tensor, Tensor, int], Found], words: int, dim: int, k: int) -> Result:
    """Run one way, in a process of its own."""
    way(vectors(64, dim, 1), vectors(64, dim, 2), k)  # compile, start the threads
    source, target = vectors(words, dim, 1), vectors(words, dim, 2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, processor = time.perf_counter(), time.process_time()
    outcome = way(source, target, k)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    # as arrays, for the tensors of another process live in shared memory
    return Result(wall, processor, memory, (outcome[0].numpy(), outcome[1].numpy()))


def main() -> None:
    """Print a line for each way, and how far they agree."""
    parser = Command("benchmarks.csls", __doc__)
    parser.add_argument("--words", type=int, default=20_000, help="of each language")
    parser.add_argument("--dim", type=int, default=300, help="of their vectors")
    parser.add_argument("--candidates", type=int, default=10, help="nearest words found for each")
    asked = parser.parse_args()
    words, dim, k = asked.words, asked.dim, asked.candidates
    print(f"CSLS both ways, {words:,} x {words:,} x {dim}, {k} candidates, {torch.get_num_threads()} threads")
    print(f"{'way':8} {'seconds':>8} {'processor':>10} {'MiB':>8}")
    results = []
    for way in (naive, peer, ours):
        # a process each, or the one that runs second would find the memory of the first
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            result = pool.apply(measure, (way, words, dim, k))
        numbers = f"{result.wall:8.2f} {result.processor:10.2f} {result.memory:8.0f}"
        print(f"{'faiss' if way is peer else way.__name__:8} {numbers}", flush=True)
        results.append(result.neighbours)
    for name, *others, outcome in zip(("forward", "backward"), *results, strict=True):
        same = " and ".join(f"{(each == outcome).mean():.6f}" for each in others)
        print(f"{name}: {same} of the candidates are the same as ours (rounding breaks ties)")


if __name__ == "__main__":
    main()

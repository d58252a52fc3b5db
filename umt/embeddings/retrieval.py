"""Exact nearest neighbours and CSLS, both directions, in bounded memory.

The similarity matrix is computed block by block and never stored. On a CPU compiled passes over each block
update the k best of its rows and of all columns: nearly every entry costs a comparison, no sort. On
other devices the blocks are sorted by `torch.topk`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from umt.embeddings.topk_scan import update_column_topk, update_row_topk
from umt.runtime.progress import report

_ENTRIES = {"cpu": 1 << 23, "cuda": 1 << 28}  # similarities in memory at a time
_ROWS = 256
"""Rows of a block at least: products of fewer take nearly twice as long a row."""
_MANY = 20
"""Blocks of a search that takes so long that its steps are reported."""
_SPARE = 40
"""Candidates beyond k that a row keeps until all neighbourhoods are known."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest vectors of the other side, best first.

    indices: (rows, k) int64; scores: (rows, k) float, descending.
    """

    indices: Tensor
    scores: Tensor


def nearest(source: Tensor, target: Tensor, k: int = 1) -> tuple[Neighbours, Neighbours]:
    """The ``k`` largest inner products of every row of either side: exact, both ways in one pass.

    source: (sources, dim); target: (targets, dim), on one device; unit rows make it the cosine.
    Returns the neighbours of the source rows, then those of the target rows; ``k`` is cut to what there is.
    Raises ValueError when the shapes do not fit or ``k`` is not positive.
    """
    _check(source, target, k)
    k_row, k_column = min(k, len(target)), min(k, len(source))
    return _search_blocks(source, target, k_row, k_column)


def csls(
    source: Tensor, target: Tensor, k: int = 1, neighbourhood: int = 10
) -> tuple[Neighbours, Neighbours]:
    """The ``k`` best of cross-domain similarity local scaling (Conneau et al., 2018), both ways, exact.

    csls(x, y) = 2 x.y - r(x) - r(y), r being the mean similarity to the ``neighbourhood`` nearest vectors
    of the other side, which lowers the scores of hubs. Arguments and result as in `nearest`.
    """
    _check(source, target, k)
    if neighbourhood < 1:
        raise ValueError(f"neighbourhood must be positive, got {neighbourhood}")
    if _by_compiled_passes(source):
        return _csls_in_one_pass(source, target, k, neighbourhood)
    means = [each.scores.mean(1) for each in nearest(source, target, neighbourhood)]
    # one more product gives 2 x.y - r(x) - r(y) at once
    one = [torch.ones_like(mean) for mean in means]
    left = torch.cat([2 * source, -means[0][:, None], one[0][:, None]], 1)
    right = torch.cat([target, one[1][:, None], -means[1][:, None]], 1)
    return _search_blocks(left, right, min(k, len(target)), min(k, len(source)))


def csls_from_similarity(
    similarity: Tensor,
    k: int = 1,
    neighbourhood: int = 10,
    keep: float = 1.0,
    generator: Generator | None = None,
) -> tuple[Neighbours, Neighbours]:
    """`csls` of a (sources, targets) matrix of similarities.

    keep: the share of the other side among which each row searches, drawn for each row; a row for which
    nothing is drawn has -1. The neighbourhoods are those of all.
    """
    _check(similarity, similarity, k)
    if neighbourhood < 1 or not 0 < keep <= 1:
        raise ValueError(f"neighbourhood must be positive, keep in (0, 1], got {neighbourhood} and {keep}")
    shapes = similarity.shape, similarity.shape[::-1]
    near = [_empty(n, min(neighbourhood, m), similarity) for n, m in shapes]
    best = [_empty(n, min(k, m), similarity) for n, m in shapes]
    height = max(1, _ENTRIES.get(similarity.device.type, 1 << 26) // similarity.shape[1])
    blocks = torch.split(torch.arange(len(similarity), device=similarity.device), height)
    for numbers in blocks:
        _collect(numbers, similarity[numbers], near[0], near[1])
    r_x, r_y = (each.scores.mean(1) for each in near)
    for numbers in blocks:
        scores = 2 * similarity[numbers] - r_x[numbers, None] - r_y
        if keep == 1:
            _collect(numbers, scores, best[0], best[1])
            continue
        for rows, columns in ((best[0], None), (None, best[1])):
            left_out = torch.rand(scores.shape, generator=generator, device=scores.device) >= keep
            _collect(numbers, scores.masked_fill(left_out, -torch.inf), rows, columns)
    return best[0], best[1]


def mutual(forward: Neighbours, backward: Neighbours) -> Tensor:
    """(pairs, 2) indices of the source and target rows that are each other's best."""
    best = forward.indices[:, 0]
    rows = torch.arange(len(best), device=best.device)
    chosen = backward.indices[best, 0] == rows
    return torch.stack([rows[chosen], best[chosen]], 1)


def _check(source: Tensor, target: Tensor, k: int) -> None:
    if source.dim() != 2 or target.dim() != 2 or source.shape[1] != target.shape[1]:
        raise ValueError(f"shapes {tuple(source.shape)} and {tuple(target.shape)} do not fit together")
    if not len(source) or not len(target) or k < 1:
        raise ValueError(f"k and both sides must not be empty, got k={k}, {len(source)}, {len(target)}")


def _search_blocks(
    source: Tensor, target: Tensor, k_row: int, k_column: int
) -> tuple[Neighbours, Neighbours]:
    rows = _empty(len(source), k_row, source)
    columns = _empty(len(target), k_column, source)
    for numbers, scores in _blocks(source, target):
        _collect(numbers, scores, rows, columns)
    return rows, columns


def _by_compiled_passes(scores: Tensor) -> bool:
    return scores.device.type == "cpu"


def _collect(numbers: Tensor, scores: Tensor, rows: Neighbours | None, columns: Neighbours | None) -> None:
    """Update the lists of the rows ``numbers`` and of all columns with a block of whole rows."""
    compiled = _by_compiled_passes(scores)
    if rows and compiled:
        _update_topk(update_row_topk, scores, numbers, rows)
    elif rows:
        best = scores.topk(rows.scores.shape[1])
        rows.indices[numbers], rows.scores[numbers] = best.indices, best.values
    if columns and compiled:
        _update_topk(update_column_topk, scores, numbers, columns)
    elif columns:
        _fold(columns, scores.T, numbers)


def _csls_in_one_pass(
    source: Tensor, target: Tensor, k: int, neighbourhood: int
) -> tuple[Neighbours, Neighbours]:
    """`csls` with one product of the matrices instead of two.

    A row's neighbourhood is known as soon as its block is, so the lists of the columns use final scores. The
    lists of the rows use upper bounds: the part of a column computed so far bounds its neighbourhood from
    below. They hold spare candidates, which are scored in the end, and the few rows whose best may lie beyond
    their list are searched again.
    """
    near_x = _empty(len(source), min(neighbourhood, len(target)), source)
    near_y = _empty(len(target), min(neighbourhood, len(source)), source)
    k_x, k_y = min(k, len(target)), min(k, len(source))
    spare_x = _empty(len(source), min(k + _SPARE, len(target)), source)
    best_y = _empty(len(target), k_y, source)
    thresholds = source.new_empty(len(source))
    bound = source.new_zeros(len(target))
    for numbers, scores in _blocks(source, target):
        _update_topk(update_row_topk, scores, numbers, near_x, spare_x, bound)
        _update_topk(update_column_topk, scores, numbers, near_y, best_y, near_x.scores[numbers].mean(1) / 2)
        # before the first bound there is none: those rows are searched again
        thresholds[numbers] = 2 * spare_x.scores[numbers, -1] if bound.any() else torch.inf
        spare_x.scores[numbers] += bound[spare_x.indices[numbers]]
        lower_bound = near_y.scores.mean(1) / 2
        bound = bound if lower_bound.isinf().any() else lower_bound
    r_x, r_y = near_x.scores.mean(1), near_y.scores.mean(1)
    best = (2 * spare_x.scores - r_y[spare_x.indices]).topk(k_x)
    indices, values = spare_x.indices.gather(1, best.indices), best.values
    if spare_x.scores.shape[1] < len(target):
        uncertain = torch.nonzero(values[:, -1] < thresholds)[:, 0]
        left = torch.nn.functional.pad(2 * source[uncertain], (0, 1), value=-1.0)
        again, _ = _search_blocks(left, torch.cat([target, r_y[:, None]], 1), k_x, 1)
        indices[uncertain], values[uncertain] = again.indices, again.scores
    forward = Neighbours(indices, values - r_x[:, None])
    return forward, Neighbours(best_y.indices, 2 * best_y.scores - r_y[:, None])


def _blocks(source: Tensor, target: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Blocks of rows spread evenly over all: their numbers and similarities to all columns, in one buffer."""
    height = max(_ROWS, _ENTRIES.get(source.device.type, 1 << 26) // len(target))
    buffer = source.new_empty(min(height, len(source)), len(target))
    blocks = -(-len(source) // height)
    for first in range(blocks):
        piece = source[first::blocks]
        numbers = torch.arange(first, len(source), blocks, device=source.device)
        if blocks >= _MANY:
            report("blocks of words compared", first, blocks)
        yield numbers, torch.mm(piece, target.T, out=buffer[: len(piece)])


def _update_topk(
    scan: Callable[..., None],
    scores: Tensor,
    numbers: Tensor,
    plain: Neighbours,
    penalised: Neighbours | None = None,
    penalties: Tensor | None = None,
) -> None:
    """Update the lists of the rows or of the columns of a block, an even share a thread.

    penalised: more lists, of the similarities less the penalties of the other side.
    """
    along = 0 if scan is update_row_topk else 1
    penalised = penalised or Neighbours(plain.indices[:, :0], plain.scores[:, :0])
    penalties = scores.new_zeros(scores.shape[1 - along]) if penalties is None else penalties
    parts = [scores, penalties, numbers, plain.indices, plain.scores, penalised.indices, penalised.scores]
    arrays = [part.numpy() for part in parts]
    threads = torch.get_num_threads()
    cuts = [scores.shape[along] * part // threads for part in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda first, last: scan(first, last, *arrays), cuts[:-1], cuts[1:]))


def _empty(rows: int, k: int, like: Tensor) -> Neighbours:
    indices = torch.full((rows, k), -1, device=like.device)
    return Neighbours(indices, like.new_full((rows, k), -torch.inf))


def _fold(columns: Neighbours, scores: Tensor, numbers: Tensor) -> None:
    """Merge the entries of ``scores`` (columns, rows of the block) into the lists of the columns."""
    best = scores.topk(min(columns.scores.shape[1], scores.shape[1]))
    merged = torch.cat([columns.scores, best.values], 1).topk(columns.scores.shape[1])
    indices = torch.cat([columns.indices, numbers[best.indices]], 1).gather(1, merged.indices)
    columns.indices.copy_(indices)
    columns.scores.copy_(merged.values)

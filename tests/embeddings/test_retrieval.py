"""The blocked search equals the naive one in float64, on both paths and at every shape."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from umt.embeddings import retrieval
from umt.embeddings.retrieval import Neighbours, csls, csls_from_similarity, mutual, nearest


def vectors(rows: int, seed: int, dim: int = 16) -> Tensor:
    drawn = torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(drawn, dim=1)


def naive(source: Tensor, target: Tensor, neighbourhood: int) -> Tensor:
    scores = source.double() @ target.double().T
    rows = scores.topk(min(neighbourhood, scores.shape[1]), 1).values.mean(1)
    columns = scores.topk(min(neighbourhood, scores.shape[0]), 0).values.mean(0)
    return 2 * scores - rows[:, None] - columns


def agrees(result: Neighbours, scores: Tensor, k: int) -> None:
    expected = scores.topk(min(k, scores.shape[1]), 1)
    assert torch.allclose(result.scores.double(), expected.values, atol=1e-5)
    assert torch.equal(result.indices, expected.indices)


@pytest.mark.parametrize("shape", [(700, 900, 5), (900, 70, 10), (3, 7, 4), (1, 1, 1), (33, 64, 33)])
@pytest.mark.parametrize("entries", [1, 1 << 12, 1 << 23])
@pytest.mark.parametrize("compiled", [True, False])
def test_equals_the_naive_search(
    shape: tuple[int, int, int], entries: int, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(retrieval._ENTRIES, "cpu", entries)
    monkeypatch.setattr(retrieval, "_by_compiled_passes", lambda _: compiled)
    monkeypatch.setattr(retrieval, "_ROWS", 1)
    rows, columns, k = shape
    source, target = vectors(rows, 1), vectors(columns, 2)
    plain = source.double() @ target.double().T
    for result, scores in zip(nearest(source, target, k), (plain, plain.T), strict=True):
        agrees(result, scores, k)
    scaled = naive(source, target, 10)
    for result, scores in zip(csls(source, target, k), (scaled, scaled.T), strict=True):
        agrees(result, scores, k)
    for result, scores in zip(csls_from_similarity(source @ target.T, k), (scaled, scaled.T), strict=True):
        agrees(result, scores, k)
    nearest_only = naive(source, target, 1)
    result, _ = csls_from_similarity(source @ target.T, k, neighbourhood=1)
    agrees(result, nearest_only, k)


def test_threads_share_the_rows_and_the_columns() -> None:
    source, target = vectors(33, 1), vectors(64, 2)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        result = nearest(source, target, 4)
    finally:
        torch.set_num_threads(before)
    plain = source.double() @ target.double().T
    for side, scores in zip(result, (plain, plain.T), strict=True):
        agrees(side, scores, 4)


def test_a_block_holds_no_more_than_its_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(retrieval._ENTRIES, "cpu", 100)
    monkeypatch.setattr(retrieval, "_ROWS", 1)
    sizes = [scores.numel() for _, scores in retrieval._blocks(vectors(20, 1), vectors(30, 2))]
    assert sum(sizes) == 600
    assert max(sizes) <= 100


def test_each_row_may_choose_from_a_share() -> None:
    source, target = vectors(200, 1), vectors(300, 2)
    similarity = source @ target.T
    result = csls_from_similarity(similarity, 1, 10, 0.3, torch.Generator().manual_seed(0))
    scaled = naive(source, target, 10)
    for one, scores in zip(result, (scaled, scaled.T), strict=True):
        chosen = scores.gather(1, one.indices)
        assert torch.allclose(one.scores.double(), chosen, atol=1e-5)
        places = (scores > chosen).sum(1).double()  # geometric: the best is kept three times in ten
        assert (places == 0).double().mean() == pytest.approx(0.3, abs=0.1)
        assert places.mean() == pytest.approx(7 / 3, abs=0.6)


def test_csls_demotes_a_hub() -> None:
    target = vectors(50, 3, dim=64)
    source = torch.nn.functional.normalize(target + 0.3 * vectors(50, 4, dim=64), dim=1)
    hub = torch.nn.functional.normalize(source.mean(0, keepdim=True), dim=1)
    forward, _ = csls(source, torch.cat([target, hub]))
    assert torch.equal(forward.indices[:, 0], torch.arange(50))


def test_mutual() -> None:
    forward = Neighbours(torch.tensor([[1], [1], [0]]), torch.zeros(3, 1))
    backward = Neighbours(torch.tensor([[2], [1]]), torch.zeros(2, 1))
    assert mutual(forward, backward).tolist() == [[1, 1], [2, 0]]


def test_bad_shapes() -> None:
    with pytest.raises(ValueError, match="shapes"):
        nearest(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ValueError, match="k"):
        nearest(torch.zeros(2, 3), torch.zeros(2, 3), 0)
    with pytest.raises(ValueError, match="neighbourhood"):
        csls(torch.zeros(2, 3), torch.zeros(2, 3), 1, 0)
    with pytest.raises(ValueError, match="neighbourhood"):
        csls_from_similarity(torch.zeros(2, 3), 1, 0)

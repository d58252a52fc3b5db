"""The decomposition equals the exact one; what is saved comes back; vectors of like words lie close."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from umt.embeddings.count_vectors import PpmiSvd, ppmi, truncated_svd
from umt.embeddings.counts import index_words
from umt.embeddings.wordspace import Embeddings, WordSpace
from umt.types import BadInput, Lang


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small_space() -> WordSpace:
    random = np.random.default_rng(2)
    rows = [" ".join(f"{'ab'[n % 2]}{k}" for k in random.integers(0, 20, 12)) for n in range(600)]
    builder = PpmiSvd(size=40, dim=8, windows=(2, 4), window=4, contexts=30, minimum_count=1)
    return builder.build(Lang("en"), index_words(["\n".join(rows)]), generator())


def test_truncated_svd_equals_the_exact_one() -> None:
    random = np.random.default_rng(0)
    # a spectrum that falls, as that of text does
    dense = (random.normal(size=(200, 20)) * 0.8 ** np.arange(20)) @ random.normal(size=(20, 150))
    dense[np.abs(dense) < 0.3] = 0
    left, values = truncated_svd(sp.csr_matrix(dense.astype(np.float32)), 10, generator(), rounds=6)
    exact_left, exact_values, _ = np.linalg.svd(dense, full_matrices=False)
    assert np.allclose(values.numpy(), exact_values[:10], rtol=1e-3)
    overlap = np.abs((left.numpy() * exact_left[:, :10]).sum(0))
    assert (overlap[:8] > 0.99).all()
    assert torch.allclose(left.T @ left, torch.eye(10), atol=1e-4)


def test_vectors_depend_on_the_seed_of_the_generator_alone() -> None:
    assert torch.equal(small_space().vectors, small_space().vectors)


def test_positive_information_is_the_formula() -> None:
    counts = sp.csr_matrix(np.array([[4.0, 0.0, 1.0], [1.0, 3.0, 0.0], [0.0, 2.0, 9.0]], dtype=np.float32))
    dense = counts.toarray()
    context = dense.sum(0) ** 0.75
    with np.errstate(divide="ignore"):
        expected = np.log(dense / dense.sum(1, keepdims=True) / (context / context.sum()) / 1.5)
    assert np.allclose(ppmi(counts, 0.75, 1.5).toarray(), np.maximum(expected, 0), atol=1e-5)


def test_words_of_one_topic_lie_close() -> None:
    space = small_space()
    unit = torch.nn.functional.normalize(space.vectors, dim=1)
    topic = torch.tensor([word[0] == "a" for word in space.words])
    similarity = unit @ unit.T
    assert similarity[topic][:, topic].mean() > similarity[topic][:, ~topic].mean() + 0.2


def test_near_words_tell_what_a_word_does() -> None:
    random = np.random.default_rng(3)
    lines = [
        f"the {'cd'[topic]}{random.integers(9)} sees {'uv'[topic]}{random.integers(9)}"
        for topic in (0, 1) * 1500
    ]
    builder = PpmiSvd(
        size=38, dim=4, windows=(3,), window=3, narrow_window=1, minimum_count=1, subword_smoothing=0
    )
    space = builder.build(Lang("en"), index_words(["\n".join(lines)]), generator())
    assert space.vectors.shape == (38, 8)
    near = torch.nn.functional.normalize(space.vectors[:, 4:], dim=1)
    word, role, topic = (space.words.index(each) for each in ("c1", "d1", "u1"))
    assert near[word] @ near[role] > near[word] @ near[topic] + 0.5


def test_save_and_load(tmp_path: Path) -> None:
    space = small_space()
    space.save(tmp_path)
    again = WordSpace.load(tmp_path, Lang("en"))
    assert again.words == space.words
    assert torch.equal(again.vectors, space.vectors)
    assert torch.equal(again.frequencies, space.frequencies)
    assert sorted(again.counts) == [2, 4]
    assert (again.counts[4] != space.counts[4]).nnz == 0


def test_word2vec_text(tmp_path: Path) -> None:
    Embeddings(("一", "two"), torch.tensor([[1.0, -0.5], [0.25, 3.0]])).export(tmp_path / "x.vec")
    assert (tmp_path / "x.vec").read_text(encoding="utf-8") == "2 2\n一 1 -0.5\ntwo 0.25 3\n"


def test_bad_input() -> None:
    with pytest.raises(BadInput, match=r"words\.dim=300"):
        PpmiSvd().build(Lang("zh"), index_words(["a b c"]), generator())
    with pytest.raises(ValueError, match="smoothing"):
        PpmiSvd(smoothing=2)
    with pytest.raises(ValueError, match="dim"):
        PpmiSvd(dim=500, contexts=400)
    with pytest.raises(ValueError, match="2 words"):
        Embeddings(("a", "b"), torch.zeros(3, 2))

"""Maps: a hidden rotation comes back, a hidden stretching too, and a seed is a seed."""

from __future__ import annotations

from pathlib import Path

import pytest
import scipy.sparse as sp
import torch
from torch import Tensor

from umt.align.linear_maps import procrustes, symmetric_maps
from umt.align.seeds import FileSeeds, IdenticalStrings, Numerals
from umt.align.strategies.procrustes import Procrustes
from umt.corpus.dictionary import Dictionary
from umt.embeddings.wordspace import WordSpace, normalise
from umt.types import BadInput, Lang


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def space(lang: str, words: tuple[str, ...], vectors: Tensor) -> WordSpace:
    counts = {5: sp.csr_matrix((len(words), len(words)), dtype="float32")}
    return WordSpace(Lang(lang), words, torch.ones(len(words)).double(), counts, vectors.float())


def test_what_the_fast_decomposition_cannot_do_the_slow_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """LAPACK's gesdd did not converge on 398 pairs of 600 dimensions of the manuals in Japanese."""
    x, y = random(6, 10), random(6, 10, seed=1)
    maps, rotation = symmetric_maps(x, y, 1.0, 0.1), procrustes(x, y)

    def fails(matrix: Tensor) -> None:
        raise RuntimeError("failed to converge")

    monkeypatch.setattr(torch.linalg, "svd", fails)
    for old, new in zip(maps, symmetric_maps(x, y, 1.0, 0.1), strict=True):
        torch.testing.assert_close(x.float() @ new, x.float() @ old, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(x @ procrustes(x, y), x @ rotation, atol=1e-8, rtol=1e-8)


def test_a_hidden_rotation_is_recovered() -> None:
    x, hidden = random(60, 20), torch.linalg.qr(random(20, 20, seed=1)).Q
    result = procrustes(x, x @ hidden)
    assert result.dtype == torch.float64
    assert torch.allclose(result, hidden, atol=1e-10)


def test_the_map_is_the_best_orthogonal_one() -> None:
    x, y = random(60, 20), random(60, 20, seed=1)
    result = procrustes(x, y)
    assert torch.allclose(result.T @ result, torch.eye(20).double(), atol=1e-10)
    for seed in range(5):
        turn = torch.linalg.matrix_exp(0.01 * (random(20, 20, seed=seed) - random(20, 20, seed=seed).T))
        assert (x @ result - y).norm() < (x @ result @ turn - y).norm()


def test_symmetric_maps_bring_pairs_together_through_a_rotation() -> None:
    x, hidden = random(300, 20), torch.linalg.qr(random(20, 20, seed=1)).Q
    left, right = symmetric_maps(x, x @ hidden, reweight=0.5)
    assert torch.allclose(x.float() @ left, (x @ hidden).float() @ right, atol=1e-4)


def test_reweighting_favours_what_both_sides_share() -> None:
    common, mine, yours = random(2000, 5), random(2000, 5, seed=1), random(2000, 5, seed=2)
    x, y = torch.cat([common, mine], 1), torch.cat([yours, common], 1)
    plain, weighted = (symmetric_maps(x, y, reweight)[0] for reweight in (0.0, 1.0))
    share = [each[:5].norm() / each[5:].norm() for each in (plain, weighted)]
    assert share[1] > 3 * share[0]


def test_normalise() -> None:
    rows = normalise(random(50, 8) + 3)
    assert torch.allclose(rows.norm(dim=1), torch.ones(50).double())
    assert rows.mean(0).norm() < 0.1


def test_the_aligner_translates_words_it_was_not_given() -> None:
    x, hidden = random(200, 10), torch.linalg.qr(random(10, 10, seed=1)).Q
    english, chinese = tuple(f"e{n}" for n in range(200)), tuple(f"z{n}" for n in range(200))
    truth = Dictionary({f"e{n}": frozenset({f"z{n}"}) for n in range(40)})
    y = x @ hidden + 0.05 * random(200, 10, seed=2)
    source, target = space("en", english, x), space("zh", chinese, y)
    result = Procrustes(truth).align(source, target, torch.Generator())
    right = result.lexicon.candidates[40:, 0] == torch.arange(40, 200)
    assert right.float().mean() > 0.95
    assert result.verdict.label == "not judged"


def test_the_aligner_knows_how_often_it_is_right() -> None:
    x, hidden = random(400, 10), torch.linalg.qr(random(10, 10, seed=1)).Q
    english, chinese = tuple(f"e{n}" for n in range(400)), tuple(f"z{n}" for n in range(400))
    for noise, least, most in ((0.02, 0.95, 1), (0.6, 0.2, 0.9)):
        source = space("en", english, x)
        target = space("zh", chinese, x @ hidden + noise * random(400, 10, seed=2))
        inputs = Dictionary({f"e{n}": frozenset({f"z{n}"}) for n in range(100)})
        result = Procrustes(inputs).align(source, target, torch.Generator())
        true = (result.lexicon.candidates[100:, 0] == torch.arange(100, 400)).float().mean()
        assert least <= true <= most
        assert result.verdict.estimated_precision == pytest.approx(float(true), abs=0.1)
    wrong = Dictionary({f"e{n}": frozenset({f"z{(n + 50) % 100}"}) for n in range(100)})
    assert (Procrustes(wrong).align(source, target, torch.Generator()).verdict.estimated_precision or 0) < 0.1


def test_seeds(tmp_path: Path) -> None:
    english = space("en", ("the", "12", "dna", "3.5%", "dog"), random(5, 2))
    chinese = space("zh", ("的", "dna", "3.5%", "12", "狗", "犬"), random(6, 2))
    assert IdenticalStrings().find(english, chinese).tolist() == [[1, 3], [2, 1], [3, 2]]
    assert Numerals().find(english, chinese).tolist() == [[1, 3], [3, 2]]
    (tmp_path / "d.txt").write_text("dog 狗\ndog 犬\ncat 猫\n", encoding="utf-8")
    assert FileSeeds(tmp_path / "d.txt").find(english, chinese).tolist() == [[4, 5], [4, 4]]
    with pytest.raises(BadInput, match=r"aligner\.seeds\.path"):
        FileSeeds().find(english, chinese)


def test_too_few_pairs() -> None:
    english, chinese = space("en", ("a",), random(1, 2)), space("zh", ("b",), random(1, 2))
    with pytest.raises(BadInput, match="0 pairs"):
        Procrustes().align(english, chinese, torch.Generator())
    with pytest.raises(ValueError, match="two"):
        procrustes(random(3, 2), random(4, 2))

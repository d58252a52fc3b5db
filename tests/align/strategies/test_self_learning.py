"""Self-learning and widening learn a noisy rotation from few pairs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import scipy.sparse as sp
import torch
from torch import Tensor

from umt.align.refinement import Refinement
from umt.align.strategies.procrustes import Procrustes
from umt.align.strategies.self_learning import SelfLearning, mutual_translations, stochastic_csls
from umt.embeddings.wordspace import WordSpace
from umt.types import Lang

WORDS = 600


@dataclass(frozen=True)
class Given:
    """The first ``count`` words, a share of them wrong."""

    count: int
    wrong: int = 0

    def find(self, source: WordSpace, target: WordSpace) -> Tensor:
        rows = torch.arange(self.count)
        return torch.stack([rows, torch.cat([rows[: self.wrong].roll(1), rows[self.wrong :]])], 1)


def spaces(noise: float = 0.5) -> tuple[WordSpace, WordSpace]:
    """Two views of the same 600 words: the rows agree, the coordinates are turned and noisy."""
    generator = torch.Generator().manual_seed(0)
    topics = torch.randn(30, 40, generator=generator)
    x = torch.randn(WORDS, 30, generator=generator) @ topics + torch.randn(WORDS, 40, generator=generator)
    turn = torch.linalg.qr(torch.randn(40, 40, generator=generator)).Q
    y = x @ turn + noise * x.std() * torch.randn(WORDS, 40, generator=generator)
    empty = sp.csr_matrix((WORDS, WORDS), dtype="float32")
    frequencies = torch.arange(WORDS, 0, -1).double()
    made = [
        WordSpace(Lang(lang), tuple(f"{lang}{n}" for n in range(WORDS)), frequencies, {5: empty}, vectors)
        for lang, vectors in (("en", x), ("zh", y))
    ]
    return made[0], made[1]


def accuracy(candidates: Tensor) -> float:
    return float((candidates[:, 0] == torch.arange(len(candidates))).float().mean())


def test_self_learning_beats_its_start() -> None:
    source, target = spaces()
    start = Procrustes(Given(40, wrong=16), ridge=0.1)
    before = start.align(source, target, torch.Generator().manual_seed(1))
    strategy = SelfLearning(start, Refinement(sizes=(300, 0)), words=300, patience=2)
    after = strategy.align(source, target, torch.Generator().manual_seed(1))
    assert accuracy(before.lexicon.candidates) < 0.5
    assert accuracy(after.lexicon.candidates) > 0.9
    assert accuracy(after.reverse_lexicon.candidates) > 0.9
    assert after.history[-1]["words"] == WORDS


def test_a_share_of_the_similarities_is_enough_to_get_away_from_a_poor_start() -> None:
    source, target = spaces()
    start = Procrustes(Given(40, wrong=28), ridge=0.1)
    before = start.align(source, target, torch.Generator().manual_seed(1))
    strategy = SelfLearning(
        start, Refinement(sizes=(300, 0)), words=300, keep=0.2, patience=10, dropout_of="similarities"
    )
    after = strategy.align(source, target, torch.Generator().manual_seed(1))
    assert accuracy(before.lexicon.candidates) < 0.3
    assert accuracy(after.lexicon.candidates) > 0.9
    with pytest.raises(ValueError, match="pairs, similarities, got 'words'"):
        SelfLearning(start, dropout_of="words")  # type: ignore[arg-type]


def test_a_start_may_pair_words_that_take_no_part() -> None:
    source, target = spaces()

    @dataclass(frozen=True)
    class Rare:
        def find(self, source: WordSpace, target: WordSpace) -> Tensor:
            return torch.arange(WORDS - 150, WORDS).repeat(2, 1).T

    start = Procrustes(Rare(), ridge=0.1)
    result = SelfLearning(start, Refinement(sizes=(0,)), words=300).align(
        source, target, torch.Generator().manual_seed(1)
    )
    assert accuracy(result.lexicon.candidates) > 0.9


def test_each_row_of_both_sides_brings_its_best() -> None:
    y = torch.eye(6)
    x = y.roll(1, 0)  # row n of x is row n - 1 of y
    pairs, score = stochastic_csls(x, y, 1.0, torch.Generator().manual_seed(0), neighbourhood=2)
    assert pairs.shape == (12, 2)
    assert ((pairs[:, 0] - 1) % 6 == pairs[:, 1]).all()
    assert score == pytest.approx(1)
    some, _ = stochastic_csls(x, y, 0.5, torch.Generator().manual_seed(0), neighbourhood=2)
    assert 0 < int(((some[:, 0] - 1) % 6 == some[:, 1]).sum()) < 12


def test_the_same_seed_gives_the_same_result() -> None:
    source, target = spaces()
    strategy = SelfLearning(Procrustes(Given(60)), Refinement(sizes=(0,)), words=200, rounds=3)
    runs = [strategy.align(source, target, torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(runs[0].source.vectors, runs[1].source.vectors)


def test_widening_reaches_words_far_from_its_pairs() -> None:
    source, target = spaces()
    pairs = Given(100, wrong=20).find(source, target)
    shared = Refinement().refine(source, target, pairs, torch.Generator().manual_seed(0))
    assert accuracy(shared.lexicon.candidates[300:] - 300) > 0.9
    assert torch.allclose(shared.source.vectors.norm(dim=1), torch.ones(WORDS), atol=1e-5)


def test_agreed_pairs_know_both_vocabularies() -> None:
    source, target = spaces(noise=0.05)
    alignment = Procrustes(Given(200)).align(source, target, torch.Generator())
    pairs = mutual_translations(alignment, source, target)
    assert len(pairs) > 0.95 * WORDS
    assert torch.equal(pairs[:, 0], pairs[:, 1])


def test_bad_settings() -> None:
    with pytest.raises(ValueError, match="keep"):
        SelfLearning(Procrustes(), keep=0)
    with pytest.raises(ValueError, match="sizes"):
        Refinement(sizes=())
    source, target = spaces()
    with pytest.raises(ValueError, match="pairs"):
        Refinement().refine(source, target, torch.zeros(1, 2, dtype=torch.int64), torch.Generator())

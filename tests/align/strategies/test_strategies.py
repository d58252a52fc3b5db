"""The strategies without a seed: their mathematics, and that each finds what was hidden."""

from __future__ import annotations

import dataclasses

import pytest
import scipy.sparse as sp
import torch
from torch import Generator, Tensor
from torch.testing import assert_close

from tests.two_languages import accuracy, two_languages
from umt.align import Aligner
from umt.align.count_augmentation import CountAugmentation
from umt.align.refinement import Refinement
from umt.align.restarts import Restarts
from umt.align.soft_matching import csls_cosine, reweight_spectrum, similarity_profiles, zscore
from umt.align.strategies.adversarial import Adversarial, MapRefinement
from umt.align.strategies.cooccurrence import Cooccurrence
from umt.align.strategies.gromov_wasserstein import GromovWasserstein, clipped, entropic_plan, fitted_map
from umt.align.strategies.invariant_features import invariant_features
from umt.align.strategies.map_training import Discriminator, MapTraining
from umt.align.strategies.procrustes import Procrustes
from umt.align.strategies.self_learning import SelfLearning
from umt.align.strategies.similarity_profile import SimilarityProfile
from umt.align.strategies.supervised import Supervised
from umt.align.strategies.wasserstein_procrustes import WassersteinProcrustes, convex_relaxation
from umt.corpus.dictionary import Dictionary
from umt.embeddings.wordspace import WordSpace
from umt.types import BadInput, Lang

SHARPNESS = torch.logspace(0.3, 1.1, 15).tolist()


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def turned(dim: int, seed: int = 1) -> Tensor:
    return torch.linalg.qr(torch.randn(dim, dim, generator=seeded(seed))).Q


def mixture(words: int = 300, dim: int = 12, skewed: bool = False) -> tuple[WordSpace, WordSpace]:
    """A cloud of clusters of uneven size and spread, and the same turned, with noise: word n is word n.

    skewed: all axes have a long tail, so that none can be taken for its mirror image.
    """
    generator = seeded(4 if skewed else 3)
    centres = torch.randn(8, dim, generator=generator) * torch.linspace(2.0, 0.3, dim)
    cluster = torch.multinomial(torch.arange(1, 9).float(), words, True, generator=generator)
    noise = torch.randn(words, dim, generator=generator)
    if skewed:
        centres, noise = centres.exp(), noise.exp()
    x = centres[cluster] + 0.6 * noise * torch.linspace(1.5, 0.3, dim)
    y = (x + 0.02 * torch.randn(words, dim, generator=generator)) @ turned(dim)
    empty = sp.csr_matrix((words, words), dtype="float32")
    frequencies = 1000 / torch.arange(3, words + 3).double()
    made = [
        WordSpace(Lang(lang), tuple(f"{lang}{n}" for n in range(words)), frequencies, {5: empty}, vectors)
        for lang, vectors in (("en", x), ("zh", y))
    ]
    return made[0], made[1]


def met(candidates: Tensor) -> float:
    return float((candidates[:, 0] == torch.arange(len(candidates))).float().mean())


def test_shaping_does_not_depend_on_how_the_space_is_turned() -> None:
    space, _ = mixture()
    other = dataclasses.replace(space, vectors=space.vectors @ turned(12))
    one, two = reweight_spectrum(space, 100, 2.0), reweight_spectrum(other, 100, 2.0)
    assert_close(one @ one.T, two @ two.T, atol=1e-4, rtol=0)
    spread = one.std(0)
    assert (spread[:-1] > 0.8 * spread[1:]).all(), "the widest axis comes first"


def test_gromov_finds_a_hidden_permutation() -> None:
    space, _ = mixture(120)
    x = reweight_spectrum(space, 120, 0.5)
    order = torch.randperm(120, generator=seeded(5))
    a = clipped(x @ x.T, 100)  # nothing cut, and in the end hardly soft: else twins stay mixed
    b = a[order][:, order]
    start = zscore(similarity_profiles(x, x[order]))
    start += 0.7 * torch.randn(120, 120, generator=seeded(6))  # a poor start
    there = torch.argsort(order)
    scores, history = entropic_plan(a, b, start, torch.zeros(120, 120), torch.logspace(0.3, 1.6, 20).tolist())
    assert met(start[:, there].argmax(1)[:, None]) < 0.2
    assert met(scores[:, there].argmax(1)[:, None]) > 0.95
    assert history[-1]["similarity"] > history[0]["similarity"]


def test_matching_and_map_find_a_hidden_rotation() -> None:
    space, _ = mixture(150, skewed=True)
    x = reweight_spectrum(space, 150, 1.0)
    hidden = turned(12, 7)
    start = similarity_profiles(x, x @ hidden) + 0.3 * torch.randn(150, 150, generator=seeded(8))
    result, _ = fitted_map(x, x @ hidden, start, torch.zeros(150, 150), SHARPNESS)
    assert_close(result, hidden, atol=0.02, rtol=0)


@pytest.mark.parametrize("skewed", [False, True])
def test_the_convex_start_is_doubly_stochastic_and_fits(skewed: bool) -> None:
    space, _ = mixture(60, skewed=skewed)
    x = reweight_spectrum(space, 60, 1.0)
    order = torch.randperm(60, generator=seeded(5))
    a = x @ x.T
    b = a[order][:, order]
    uniform = torch.full((60, 60), 1 / 60)
    result = convex_relaxation(a, b, torch.zeros(60, 60), 30)
    if skewed:
        assert (a @ result - result @ b).norm() < 0.2 * (a @ uniform - uniform @ b).norm()
    else:
        assert_close(result.sum(0), torch.ones(60), atol=0.02, rtol=0)
        assert_close(result.sum(1), torch.ones(60), atol=0.02, rtol=0)


def test_what_no_map_changes() -> None:
    source, target = mixture(100)
    spaces = [reweight_spectrum(space, 100, 0.0) for space in (source, target)]
    frequencies = [source.frequencies, target.frequencies]
    x, y = invariant_features(spaces, frequencies, 4)
    again, _ = invariant_features([spaces[0] @ turned(12), spaces[1]], frequencies, 4)
    assert x.shape == (100, 5)
    assert_close(x, again, atol=1e-3, rtol=0)
    assert torch.nn.functional.cosine_similarity(x, y).mean() > 0.8, "translations look alike"
    assert invariant_features(spaces, frequencies, -1)[0].shape == (100, 0)


def test_the_criterion_of_muse_prefers_the_truth() -> None:
    space, _ = mixture(100)
    x = reweight_spectrum(space, 100, 0.0)
    assert csls_cosine(x @ x.T) == pytest.approx(1, abs=1e-5)
    assert csls_cosine(x @ turned(12) @ x.T) < 0.95


GAME = MapTraining(seeds=2, steps=150, batch=64, epoch=50, discriminator=Discriminator(hidden=32))
QUICK = Adversarial(words=300, dim=0, spectrum=1.0, invariant_features=4, map_training=GAME)


@pytest.mark.parametrize("cycle", [0.0, 1.0])
def test_adversarial_aligns_a_turned_mixture(cycle: float) -> None:
    source, target = mixture(skewed=True)
    strategy = dataclasses.replace(QUICK, map_training=dataclasses.replace(GAME, cycle=cycle))
    alignment = strategy.align(source, target, seeded())
    assert met(alignment.lexicon.candidates) > 0.9
    assert met(alignment.reverse_lexicon.candidates) > 0.9
    assert alignment.history[0]["step"] == 50


def test_a_game_without_discriminator_steps_of_use_is_told_from_a_good_one() -> None:
    source, target = mixture()
    shuffled = dataclasses.replace(target, vectors=torch.randn(target.vectors.shape, generator=seeded()))
    ends = [QUICK.align(source, each, seeded()).history[-1]["similarity"] for each in (target, shuffled)]
    assert ends[0] > ends[1] + 0.1


def test_counts_go_on_from_a_rough_map_and_from_nothing_less() -> None:
    source, target = two_languages(200)
    counts = Cooccurrence(words=200, drop=2, keep=1.0, first_inverse_temperature=12.0, steps=10)
    game = dataclasses.replace(
        QUICK,
        words=200,
        map_training=dataclasses.replace(GAME, steps=100),
        map_refinement=MapRefinement(rounds=5),
    )
    rough = game.align(source, target, seeded(1))
    grown = dataclasses.replace(game, counts=counts).align(source, target, seeded(1))
    assert 0.1 < accuracy(rough.lexicon) < 0.8, "else there is nothing to see here"
    assert accuracy(grown.lexicon) > 0.95
    chance = [torch.randn(200, 200, generator=seeded(seed)) for seed in range(3)]
    for _, history in counts.match(source, target, chance, seeded()):
        assert history[-1]["similarity"] < grown.history[-1]["similarity"] - 0.2


@pytest.mark.parametrize(
    "strategy",
    [
        GromovWasserstein(words=200, steps=15),
        WassersteinProcrustes(words=200, batch=0.6, steps=30, relaxation_steps=0),
    ],
)
def test_strategies_learn_words_of_independent_draws(strategy: Aligner) -> None:
    alignment = strategy.align(*two_languages(200), seeded())
    assert accuracy(alignment.lexicon) > 0.8
    assert accuracy(alignment.reverse_lexicon) > 0.8
    assert alignment.verdict.label == "not judged"


@pytest.mark.parametrize(
    "init",
    [
        GromovWasserstein(words=200),
        WassersteinProcrustes(words=200, relaxation_steps=0),
        SimilarityProfile(words=200, spectrum=1.0),
    ],
)
def test_each_is_a_start_of_self_learning(init: Aligner) -> None:
    source, target = mixture(200)
    strategy = SelfLearning(init, Refinement(sizes=(0,)), words=200)
    assert met(strategy.align(source, target, seeded()).lexicon.candidates) > 0.9


KNOWN = Dictionary({f"en{n}": frozenset({f"zh{n}"}) for n in range(0, 200, 2)})


@pytest.mark.parametrize(
    "strategy",
    [
        GromovWasserstein(words=200, steps=15),
        WassersteinProcrustes(words=200, steps=20),
        SimilarityProfile(words=200),
        dataclasses.replace(QUICK, map_training=dataclasses.replace(GAME, steps=20)),
        dataclasses.replace(QUICK, map_training=dataclasses.replace(GAME, steps=20, start="identity")),
        SelfLearning(GromovWasserstein(words=200, steps=15), Refinement(sizes=(0,)), words=200),
        Procrustes(KNOWN),
        Supervised(Refinement(sizes=(0,)), seeds=KNOWN),
        Cooccurrence(words=200, drop=2, refinement=Refinement(sizes=(0,))),
        Restarts(
            GromovWasserstein(words=200, steps=15),
            Refinement(sizes=(0,)),
            max_rounds=1,
            null_runs=2,
            workers=1,
        ),
    ],
    ids=lambda strategy: type(strategy).__name__,
)
def test_no_lexicon_depends_on_how_the_vectors_lie(strategy: Aligner) -> None:
    """One side turned, scaled and shifted: the same translations, but for rounding."""
    source, target = two_languages(200)
    moved = 3 * target.vectors @ turned(30) + 2 * torch.randn(30, generator=seeded(2))
    one, two = (
        strategy.align(source, dataclasses.replace(target, vectors=vectors), seeded(4))
        for vectors in (target.vectors, moved)
    )
    for lexicon, other in ((one.lexicon, two.lexicon), (one.reverse_lexicon, two.reverse_lexicon)):
        assert (lexicon.candidates[:, 0] == other.candidates[:, 0]).float().mean() >= 0.98
    if one.verdict.null_score == one.verdict.null_score:
        assert two.verdict.null_score == pytest.approx(one.verdict.null_score, abs=0.02)


def test_vectors_alone_suffice_or_the_strategy_names_those_that_they_do() -> None:
    source, target = (dataclasses.replace(space, counts={}) for space in two_languages(200))
    augmented = Restarts(
        GromovWasserstein(words=200, steps=15),
        Refinement(sizes=(0,)),
        CountAugmentation(),
        max_rounds=1,
        null_runs=2,
        workers=1,
    )
    assert accuracy(augmented.align(source, target, seeded()).lexicon) > 0.8
    short = dataclasses.replace(QUICK, counts=Cooccurrence(), map_training=dataclasses.replace(GAME, steps=2))
    assert len(short.align(source, target, seeded()).lexicon.source) == 200
    with pytest.raises(BadInput, match="gromov_wasserstein"):
        Cooccurrence().align(source, target, seeded())


def test_the_same_seed_gives_the_same_alignment() -> None:
    spaces = mixture(120)
    short = dataclasses.replace(QUICK, map_training=dataclasses.replace(GAME, steps=10))
    for strategy in (GromovWasserstein(words=100), WassersteinProcrustes(words=100), short):
        one, two = (strategy.align(*spaces, seeded(4)) for _ in range(2))
        assert torch.equal(one.lexicon.candidates, two.lexicon.candidates)


def test_bad_settings_are_named() -> None:
    for make in (
        lambda: GromovWasserstein(keep=0),
        lambda: GromovWasserstein(first_inverse_temperature=3, last_inverse_temperature=2),
        lambda: WassersteinProcrustes(batch=0.9, keep=0.5),
        lambda: Discriminator(smoothing=0.5),
        lambda: MapTraining(start="nowhere"),  # type: ignore[arg-type]
        lambda: SimilarityProfile(words=2),
    ):
        with pytest.raises(ValueError, match="got"):
            make()
    source, target = mixture(100)
    narrow = dataclasses.replace(target, vectors=target.vectors[:, :5])
    with pytest.raises(BadInput, match="12 and 5 dimensions"):
        GromovWasserstein().align(source, narrow, seeded())

"""Restarts: how runs are compared, that the truth is recognised, and that a destroyed target is too."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Generator
from torch.testing import assert_close

from tests.two_languages import accuracy, two_languages
from umt.align.agreement import (
    Matches,
    VerdictThresholds,
    agreement,
    agreement_support,
    consensus,
    permuted_space,
)
from umt.align.count_augmentation import CountAugmentation
from umt.align.ensemble import StrategyChoice
from umt.align.refinement import Refinement
from umt.align.restarts import Restarts
from umt.align.strategies.cooccurrence import Cooccurrence
from umt.align.strategies.gromov_wasserstein import GromovWasserstein
from umt.align.strategies.wasserstein_procrustes import WassersteinProcrustes
from umt.runtime.progress import followed
from umt.types import BadInput

RESTARTS = Restarts(
    Cooccurrence(words=150, drop=2, keep=0.8),
    Refinement(sizes=(0,), candidates=5),
    CountAugmentation(columns=(100, 100)),
    settings={"window": (5, 10)},
    max_rounds=2,
    compared_words=150,
)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def right(words: int = 100, wrong: float = 0.0, seed: int = 0) -> Matches:
    """A run that matches i with i, but for a share of ``wrong`` words."""
    matches = []
    for part in range(2):
        generator = seeded(2 * seed + part)
        guess = torch.randint(words, (words,), generator=generator)
        chance = torch.rand(words, generator=generator)
        matches.append(torch.where(chance < wrong, guess, torch.arange(words)))
    return Matches(*matches)


def test_agreement_is_the_share_of_words_matched_alike() -> None:
    one = Matches(torch.tensor([0, 1, 2, 3]), torch.tensor([0, 1, 2, 3]))
    other = Matches(torch.tensor([0, 1, 0, 0]), torch.tensor([0, 1, 2, 0]))
    nothing = Matches(torch.tensor([-1, 1, -1, -1]), torch.tensor([-1, -1, -1, -1]))
    pair = agreement([one, other, nothing])
    assert_close(pair[0], torch.tensor([1.0, (2 / 4 + 3 / 4) / 2, 1 / 4 / 2]))
    assert_close(pair, pair.T)


def test_a_minority_of_collapsed_runs_is_found_out() -> None:
    runs = [right(wrong=0.4, seed=seed) for seed in range(4)]
    runs += [right(wrong=1, seed=seed) for seed in (5, 6, 7)]
    scores = agreement_support(runs, range(7))
    assert scores[:4].min() > 0.2
    assert scores[4:].max() < 0.1
    assert agreement_support(runs[:1], [0]).tolist() == [0]


def test_runs_of_one_setting_do_not_support_each_other() -> None:
    same, other = right(wrong=1, seed=1), right(wrong=1, seed=2)
    assert agreement_support([same, same, other], [0, 0, 1]).max() < 0.1
    assert agreement_support([same, same], [0, 0]).tolist() == [1, 1], "nothing else is there to compare"


def test_the_consensus_is_better_than_its_runs() -> None:
    runs = [right(wrong=0.6, seed=seed) for seed in range(6)]
    pairs = consensus(runs, torch.ones(6))
    assert len(pairs) > 60
    assert (pairs[:, 0] == pairs[:, 1]).float().mean() > 0.95


def test_a_destroyed_language_keeps_frequencies_and_no_company() -> None:
    _, target = two_languages(200)
    null = permuted_space(target, 150, seeded(), block=5)
    assert null.words == target.words[:150]
    before, after = target.counts[10][:150, :150].toarray(), null.counts[10].toarray()[:, :150]
    assert (after == after.T).all()
    assert after.sum() == pytest.approx(before.sum(), rel=0.02)
    assert np.corrcoef(after.sum(1), before.sum(1))[0, 1] > 0.9
    blocks = [vectors[:150].view(30, 5, -1).sum(1) for vectors in (null.vectors, target.principal)]
    assert_close(blocks[0] @ blocks[0].T, blocks[1] @ blocks[1].T, atol=1e-2, rtol=1e-3)
    assert (null.vectors[:, 0] != target.vectors[:150, 0]).any()


def test_a_block_of_one_word_moves_no_count() -> None:
    _, target = two_languages(200)
    null = permuted_space(target, 1, seeded(), block=1)
    assert null.words == target.words[:1]
    whole = permuted_space(target, 150, seeded(), block=1)
    assert (whole.counts[10] != target.counts[10][:150, :150]).nnz == 0
    for words, block in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="must be positive"):
            permuted_space(target, words, seeded(), block)


def test_restarts_recover_the_hidden_words_and_know_it() -> None:
    alignment = RESTARTS.align(*two_languages(200), seeded())
    assert alignment.verdict.label == "aligned"
    assert alignment.verdict.score > 4 * alignment.verdict.null_score
    assert len(alignment.lexicon.source) == 200
    assert accuracy(alignment.lexicon) > 0.8
    assert accuracy(alignment.reverse_lexicon) > 0.8
    assert alignment.history[0]["runs"] == 2, "a clear agreement ends the attempts"


def test_counts_beside_matched_words_sharpen_the_lexicon() -> None:
    # the vectors are made poor, so that the counts have something to add
    source, target = (
        dataclasses.replace(space, vectors=space.vectors[:, :3].contiguous()) for space in two_languages(300)
    )
    truth = {word[2:]: row for row, word in enumerate(target.words)}
    pairs = torch.tensor([[row, truth[word[2:]]] for row, word in enumerate(source.words[:100])])
    wide = Refinement(sizes=(0,), candidates=5).refine(source, target, pairs, seeded())
    once = CountAugmentation(windows=(10,), columns=(100,)).enrich(source, target, wide)
    assert accuracy(wide.lexicon) < 0.9 < accuracy(once.lexicon)
    assert accuracy(wide.reverse) < 0.9 < accuracy(once.reverse)
    assert once.lexicon.candidates.shape == wide.lexicon.candidates.shape
    again = CountAugmentation(windows=(5, 10), columns=(100, 100)).enrich(source, target, wide)
    assert accuracy(again.lexicon) >= accuracy(once.lexicon)
    assert len(again.pairs) > len(wide.pairs)
    with pytest.raises(BadInput, match=r"count_augmentation\.windows=\[3\]: 3 was not counted .* 5, 10"):
        CountAugmentation(windows=(3,)).enrich(source, target, wide)
    with pytest.raises(ValueError, match="weight must be positive, got -1"):
        CountAugmentation(weight=-1)


def test_a_destroyed_target_is_recognised() -> None:
    source, target = two_languages(200)
    alignment = RESTARTS.align(source, permuted_space(target, 200, seeded(9)), seeded())
    assert alignment.verdict.label == "failed"
    assert alignment.history[1]["runs"] == 4, "every attempt was made"


def test_the_result_does_not_depend_on_the_number_of_workers() -> None:
    spaces = two_languages(150)
    made, reports = [], []
    for workers in (1, 2):
        steps: list[tuple[str, int, int | None]] = []
        with followed(lambda *step, steps=steps: steps.append(step)):
            made.append(dataclasses.replace(RESTARTS, workers=workers).align(*spaces, seeded()))
        reports.append(steps)
    one, two = made
    assert one.verdict == two.verdict
    assert_close(one.lexicon.candidates, two.lexicon.candidates)
    assert reports[0] == reports[1], "and who follows it hears the same"
    runs = [step for step in reports[0] if step[0] == "runs of this round"]
    assert runs[:7] == [("runs of this round", done, 6) for done in range(7)], "4 of them on permuted words"
    assert {"rounds of refinement", "rounds with counts"} <= {what for what, *_ in reports[0]}


def test_every_combination_is_a_variant() -> None:
    many = dataclasses.replace(RESTARTS, settings={"window": [5, 10], "clip": [98, 99, 100]})
    made = [(each.window, each.clip) for each in many.variants() if isinstance(each, Cooccurrence)]
    assert made == [(5, 98), (5, 99), (5, 100), (10, 98), (10, 99), (10, 100)]
    alone = dataclasses.replace(RESTARTS, settings={})
    assert alone.variants() == [RESTARTS.aligner] * 2, "a run alone could not be compared"


def test_several_strategies_support_one_another() -> None:
    strategies = {
        "counts": RESTARTS.aligner,
        "gromov": GromovWasserstein(words=150),
        "wasserstein": WassersteinProcrustes(words=150, steps=20, relaxation_steps=0),
    }
    mixed = dataclasses.replace(
        RESTARTS,
        aligner=StrategyChoice(strategies, "counts"),
        settings={"chosen": tuple(strategies)},
        max_rounds=1,
    )
    source, target = two_languages(200)
    alignment = mixed.align(source, target, seeded())
    assert alignment.verdict.label == "aligned"
    assert alignment.history[0]["runs"] == 3
    assert accuracy(alignment.lexicon) > 0.8
    astray = mixed.align(source, permuted_space(target, 200, seeded(9)), seeded())
    assert astray.verdict.label == "failed"
    with pytest.raises(ValueError, match="counts, gromov, wasserstein, got 'muse'"):
        dataclasses.replace(mixed, settings={"chosen": ["counts", "muse"]})


def test_bad_settings_are_named() -> None:
    for settings, message in (
        ({"windoww": [5]}, "windoww.*window"),
        ({"window": []}, r"settings\.window"),
        ({"clip": [20]}, "clip"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(RESTARTS, settings=settings)
    for field, value in (("max_rounds", 0), ("workers", -1), ("compared_words", 0), ("null_runs", 0)):
        with pytest.raises(ValueError, match=field):
            dataclasses.replace(RESTARTS, **{field: value})  # type: ignore[arg-type]


def test_the_verdict_needs_agreement_beyond_the_null() -> None:
    criterion = VerdictThresholds(aligned=0.2, doubtful=0.1, times_null=4)
    assert criterion.judge(0.5, 0.01).label == "aligned"
    assert criterion.judge(0.49, 0.01).estimated_precision == pytest.approx(0.7)
    assert criterion.judge(0.15, 0.01).label == "doubtful"
    assert criterion.judge(0.05, 0.001).label == "failed"
    assert criterion.judge(0.5, 0.2).label == "failed"
    with pytest.raises(ValueError, match="doubtful"):
        VerdictThresholds(aligned=0.1, doubtful=0.2)

"""Round trips: an unbiased gradient, exact resume, and learning a way there from the way back alone."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.small_translation import (
    EN,
    NOTHING,
    ZH,
    chinese,
    cipher,
    english,
    network,
    sentences,
    source_writer,
)
from umt.lm.generation import Direction
from umt.lm.joint_lm import JointLM
from umt.lm.scoring import SequenceScorer
from umt.text.token_shards import TokenShards, write_shards
from umt.text.tokenizer import Tokenizer
from umt.training.loop import fit
from umt.training.objective import Loss, Objective
from umt.training.optimiser import OptimiserConfig
from umt.training.schedule import Schedule
from umt.translation.bitext import Bitext
from umt.translation.dual_learning import DualLearning, DualLearningConfig, advantages, row_nll
from umt.translation.objectives import Supervised, TranslationTask, make_batch
from umt.translation.quality.filters import Filters
from umt.types import Lang


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def made(
    tokenizer: Tokenizer,
    texts: tuple[TokenShards, TokenShards],
    start: JointLM,
    trips: DualLearningConfig,
    filters: Filters = NOTHING,
    kind: type[DualLearning] = DualLearning,
) -> DualLearning:
    task = TranslationTask(tokenizer, steps=10, tokens=500, max_tokens=60, seed=1)
    return kind(task, texts, source_writer(tokenizer, texts, filters), start, trips)


@pytest.mark.parametrize("samples", [2, 3])
def test_the_gradient_is_that_of_the_expected_reward(samples: int) -> None:
    """Over every tuple of draws of four outputs, weighted by its probability."""
    scores = torch.randn(4, generator=generator(1), dtype=torch.float64).requires_grad_()
    rewards = torch.tensor([1.0, -2.0, 0.5, 40.0], dtype=torch.float64)
    likely = scores.log_softmax(0)
    [exact] = torch.autograd.grad((likely.exp() * rewards).sum(), scores, retain_graph=True)
    estimate = torch.zeros_like(exact)
    for tuple_ in product(range(4), repeat=samples):
        draws = torch.tensor(tuple_)
        surrogate = (advantages(rewards[draws][None])[0] * likely[draws]).mean()
        [gradient] = torch.autograd.grad(surrogate, scores, retain_graph=True)
        estimate += likely[draws].sum().exp().detach() * gradient
    assert torch.allclose(estimate, exact)


def test_the_model_moves_along_the_gradient_of_the_expected_reward(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Draws of at most three subwords out of two are fifteen: the sampled loss falls along the exact
    gradient."""
    tokenizer, texts, _ = cipher(tmp_path, 40)
    model, source = network(tokenizer), texts[0].ids(0)
    cycle = made(tokenizer, texts, model, DualLearningConfig(Schedule(), samples=4))
    pair = np.unique(texts[1].tokens)[[3, 7]].tolist()
    cycle.source_writer.generation = replace(cycle.source_writer.generation, length_ratio=0, length_offset=3)
    cycle.source_writer.directions = [Direction.between(tokenizer, EN, ZH, pair)] * 2
    closed = torch.full((len(tokenizer),), -torch.inf)
    closed[[*pair, tokenizer.end]] = 0

    def nll(hidden: torch.Tensor, targets: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        return -(model.logits(hidden) + closed).log_softmax(1).gather(1, targets[:, None])[:, 0]

    monkeypatch.setattr(model, "nll", nll)
    outputs = [each for length in range(4) for each in product(pair, repeat=length)]
    worth = {each: float(number % 7) for number, each in enumerate(outputs)}
    batch = cycle._rows([source] * 15, [np.array(each, tokenizer.dtype) for each in outputs], 0)
    for number, each in enumerate(outputs):
        batch.is_target[number, len(source) + 1 + len(each)] = len(each) < 3
    chances = (-row_nll(model, batch)).exp()
    assert float(chances.detach().sum()) == pytest.approx(1, abs=1e-4)
    [exact] = torch.autograd.grad((chances * torch.tensor(list(worth.values()))).sum(), model.embeddings)

    draws = cycle.source_writer.write(model, 0, [source] * 4000, generator(2))
    rewards = torch.tensor([worth[tuple(ids.tolist())] for ids in draws.ids])
    every = draws._replace(accepted=np.ones(4000, dtype=bool))
    loss = cycle._policy_loss(model, 0, [source] * 4000, every, rewards, torch.float32)
    [sampled] = torch.autograd.grad(loss, model.embeddings)
    assert float(torch.cosine_similarity(-sampled.flatten(), exact.flatten(), 0)) > 0.97


def test_a_row_costs_what_the_judge_says(tmp_path: Path) -> None:
    tokenizer, (forward, _), truth = cipher(tmp_path, 40)
    model = network(tokenizer)
    inputs, asked = [forward.ids(n) for n in range(6)], [truth.ids(n) for n in range(6)]
    tags = [(tokenizer.tag(EN), tokenizer.tag(ZH))] * 6
    results = row_nll(model, make_batch(inputs, asked, tags, tokenizer.end, tokenizer.pad))
    judged = SequenceScorer(model, tokenizer).conditional_nll(inputs, asked, EN, ZH)
    assert results.tolist() == pytest.approx(judged.tolist(), rel=1e-4)


def test_an_unfit_draw_is_worth_no_more_than_the_worst(tmp_path: Path) -> None:
    tokenizer, texts, _ = cipher(tmp_path, 40)
    cycle = made(tokenizer, texts, network(tokenizer), DualLearningConfig(Schedule(), samples=3))
    rewards = torch.tensor([9.0, 1.0, 2.0, 3.0, 3.0, 3.0])
    better = cycle._normalised_advantages(rewards, torch.tensor([False, True, True, True, True, True]))
    assert better.tolist() == pytest.approx([-1, -1, 2, 0, 0, 0])


def test_round_trips_go_on_where_they_stood(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = (
        made(tokenizer, texts, network(tokenizer), DualLearningConfig(Schedule(((0.0, 0.7),))))
        for tokenizer, texts, _ in (cipher(tmp_path / "a", 100), cipher(tmp_path / "b", 100))
    )
    model = network(one.task.tokenizer)

    def losses(cycle: DualLearning, steps: range) -> list[float]:
        results = [cycle.loss(model, step, generator(step)) for step in steps]
        return [float("nan") if each is None else float(each.nll_sum.detach()) for each in results]

    losses(one, range(3))
    other.restore(json.loads(json.dumps(one.state())))
    assert losses(one, range(3, 7)) == pytest.approx(losses(other, range(3, 7)), nan_ok=True, abs=0)
    assert one.state() == other.state()


class OneWay(DualLearning):
    """From the first language and back only."""

    def loss(
        self,
        model: JointLM,
        step: int,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> Loss | None:
        self.turn = 0
        return super().loss(model, step, generator, dtype)


def test_the_way_back_teaches_the_way_there(tmp_path: Path) -> None:
    """One way is known, the other half guessed: the reward makes the truth likelier, where learning the way
    back from guesses alone makes it less likely."""
    tokenizer, _, _ = cipher(tmp_path, 40)
    pairs = [words[:2] for words in sentences(400, 5)]
    random = np.random.default_rng(0)
    guesses = [np.where(random.random(2) < 0.5, random.integers(16, size=2), pair) for pair in pairs]

    def written(name: str, lines: list[str], lang: Lang) -> TokenShards:
        (tmp_path / "words" / name).mkdir(parents=True)
        write_shards(lines, lang, tokenizer, tmp_path / "words" / name)
        return TokenShards(tmp_path / "words" / name, lang)

    forward = written("there", [english(pair) for pair in pairs], EN)
    truth = written("truth", [chinese(pair) for pair in pairs], ZH)
    guessed = written("guessed", [chinese(pair) for pair in guesses], ZH)
    task = TranslationTask(tokenizer, steps=80, tokens=500, max_tokens=60, seed=1)
    back = Supervised(task, [Bitext(truth, forward)])

    def learn(model: JointLM, other: Objective, steps: int, peak: float) -> float:
        """Nats of the true translations, afterwards."""
        optimisation = OptimiserConfig(
            steps, learning_rate=peak, adamw_learning_rate=peak / 2, method="muon", weight_decay=0.0
        )
        place = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        fit(model, {"back": back, "other": other}, optimisation, place, 1, lambda what, done, total: None)
        sources, targets = ([text.ids(n) for n in range(100)] for text in (forward, truth))
        return float(SequenceScorer(model, tokenizer).conditional_nll(sources, targets, EN, ZH).mean())

    start = network(tokenizer)
    poor = learn(start, Supervised(task, [Bitext(forward, guessed)]), 80, 2e-2)
    after = {}
    for pull in (1.0, 0.0):
        model, trips = (
            copy.deepcopy(start),
            DualLearningConfig(Schedule(), samples=4, fluency=0.0, forward_weight=pull),
        )
        cycle = made(tokenizer, (forward, truth), model, trips, Filters(), OneWay)
        after[pull] = learn(model, cycle, 70, 5e-3)
    assert after[1.0] < 0.8 * poor
    assert after[0.0] > poor

"""Back-translation: what is learned from, in rounds or not, and that it learns."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tests.small_translation import EN, ZH, cipher, network, source_writer
from umt.lm.generation import Direction, Generation
from umt.lm.joint_lm import JointLM
from umt.lm.t5gemma2 import Division
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Tokenizer
from umt.training.loop import fit
from umt.training.optimiser import OptimiserConfig
from umt.training.schedule import Schedule
from umt.translation.back_translation import BackTranslation, FrozenWriter
from umt.translation.bitext import Bitext
from umt.translation.dual_learning import row_nll
from umt.translation.objectives import Supervised, Synthetic, TranslationTask, make_batch
from umt.translation.quality.filters import Filters, SubwordUsage, reconstruction_f1
from umt.types import Lang


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_what_comes_back_is_counted() -> None:
    sentences = [np.array(each, np.uint16) for each in ([1, 2, 2, 3], [4], [5, 6])]
    again = [np.array(each, np.uint16) for each in ([2, 1, 7], [], [6, 5])]
    assert reconstruction_f1(sentences, again, 10).tolist() == pytest.approx([2 * 2 / 7, 0.0, 1.0])


@pytest.fixture(scope="module")
def half_taught(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Tokenizer, tuple[TokenShards, TokenShards], JointLM]:
    """A translator that knows little more than where sentences end."""
    place = tmp_path_factory.mktemp("half")
    tokenizer, texts, truth = cipher(place, 200)
    model = network(tokenizer)
    pairs = [Bitext(texts[0], truth), Bitext(truth, texts[0])]
    known = Supervised(TranslationTask(tokenizer, 40, 400, 60, seed=1), pairs)
    optimisation = OptimiserConfig(
        40, learning_rate=2e-2, adamw_learning_rate=1e-2, method="muon", weight_decay=0.0
    )
    fit(model, {"known": known}, optimisation, place / "fit", 1, lambda what, done, total: None)
    return tokenizer, texts, model


def test_a_rendering_from_which_the_sentence_does_not_follow_is_left_out(
    half_taught: tuple[Tokenizer, tuple[TokenShards, TokenShards], JointLM],
) -> None:
    tokenizer, texts, model = half_taught
    sentences = [texts[0].ids(line) for line in range(60)]
    plain = source_writer(tokenizer, texts).write(model, 0, sentences, generator(0))
    tags = [(tokenizer.tag(ZH), tokenizer.tag(EN))] * 60
    results = (
        row_nll(model, make_batch(plain.ids, sentences, tags, tokenizer.end, tokenizer.pad)).detach().numpy()
    )
    costs = results / [len(each) + 1 for each in sentences]
    assert plain.accepted.sum() > 30
    middle = float(np.median(costs[plain.accepted]))
    strict = source_writer(tokenizer, texts, Filters(None, None, None, None, max_reconstruction_nll=middle))
    fit_ = strict.write(model, 0, sentences, generator(0)).accepted
    near = np.abs(costs - middle) < 1e-4
    assert (fit_ == (plain.accepted & (costs <= middle)))[~near].all()
    assert 0.3 * plain.accepted.sum() < fit_.sum() < 0.7 * plain.accepted.sum()


@pytest.mark.parametrize("side", [0, 1])
def test_a_rendering_that_does_not_lead_back_is_left_out(
    side: int,
    half_taught: tuple[Tokenizer, tuple[TokenShards, TokenShards], JointLM],
) -> None:
    tokenizer, texts, model = half_taught
    sentences = [texts[side].ids(line) for line in range(60)]
    plain = source_writer(tokenizer, texts)
    written = plain.write(model, side, sentences, generator(0))
    outputs = plain.generation.generate(model, written.ids, plain.directions[1 - side])
    share = reconstruction_f1(sentences, [each[0].ids.astype(np.uint16) for each in outputs], len(tokenizer))
    assert written.accepted.sum() > 20
    least = float(np.quantile(share[written.accepted], 0.7))
    assert least > 0
    strict = source_writer(tokenizer, texts, Filters(None, None, None, None, reconstruction_f1=least))
    assert (
        strict.write(model, side, sentences, generator(0)).accepted.tolist()
        == (written.accepted & (share >= least)).tolist()
    )
    assert (strict.accepted, strict.written) == (int((written.accepted & (share >= least)).sum()), 60)


def in_rounds(directory: Path) -> BackTranslation:
    directory.mkdir(exist_ok=True)
    tokenizer, texts, _ = cipher(directory, 100)
    task = TranslationTask(tokenizer, steps=10, tokens=120, max_tokens=60, seed=1)
    return BackTranslation(
        task,
        texts,
        source_writer(tokenizer, texts),
        batches_per_generation=1,
        rounds=FrozenWriter(2, directory),
    )


def test_a_round_is_written_with_the_weights_of_its_beginning(tmp_path: Path) -> None:
    one = in_rounds(tmp_path)
    model = network(one.task.tokenizer)
    first = model.embeddings.detach().clone()
    writers = []
    for step in range(10):
        one.loss(model, step, generator(step))
        assert one.frozen_model is not None
        writers.append(one.frozen_model.embeddings.detach().clone())
        with torch.no_grad():
            model.embeddings.add_(0.01)
    assert all(torch.equal(each, first) for each in writers[:5])
    assert all(torch.equal(each, first + 0.05) or torch.allclose(each, first + 0.05) for each in writers[5:])


def test_sources_are_written_by_the_average_of_the_weights(
    half_taught: tuple[Tokenizer, tuple[TokenShards, TokenShards], JointLM], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first update on; before it there is no average."""
    tokenizer, texts, model = half_taught
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))  # type: ignore[no-untyped-call]
    task = TranslationTask(tokenizer, steps=10, tokens=120, max_tokens=60, seed=1)
    one = BackTranslation(
        task, texts, source_writer(tokenizer, texts), batches_per_generation=1, average=average
    )
    write, writers = one.source_writer.write, list[object]()
    monkeypatch.setattr(
        one.source_writer, "write", lambda model, *rest: writers.append(model) or write(model, *rest)
    )
    one.loss(model, 0, generator(0))
    average.update_parameters(model)
    one.loss(model, 1, generator(1))
    assert writers[0] is model
    assert writers[1] is average.module


def test_a_round_goes_on_where_it_stood(tmp_path: Path) -> None:
    one = in_rounds(tmp_path)
    model = network(one.task.tokenizer)

    def losses(objective: BackTranslation, steps: range) -> list[float]:
        results = []
        for step in steps:
            loss = objective.loss(model, step, generator(step))
            results.append(float("nan") if loss is None else float(loss.nll_sum.detach()))
            with torch.no_grad():
                model.embeddings.add_(0.01 * (step + 1))
        return results

    losses(one, range(3))
    weights = model.embeddings.detach().clone()
    retained = json.loads(json.dumps(one.state()))
    whole = losses(one, range(3, 9))
    with torch.no_grad():
        model.embeddings.copy_(weights)
    other = BackTranslation(
        one.task,
        one.texts,
        source_writer(one.task.tokenizer, one.texts),
        batches_per_generation=1,
        rounds=one.rounds,
    )
    other.restore(retained)
    assert losses(other, range(3, 9)) == pytest.approx(whole, nan_ok=True, abs=0)


def test_renderings_in_the_wrong_language_are_not_learned_from(tmp_path: Path) -> None:
    tokenizer, texts, _ = cipher(tmp_path, 100)
    task = TranslationTask(tokenizer, steps=10, tokens=120, max_tokens=60, seed=1)
    usage = SubwordUsage.count(tokenizer, texts)
    everything = SubwordUsage(
        {lang: np.zeros(len(tokenizer), dtype=bool) for lang in (EN, ZH)}, usage.lettered
    )
    strict = source_writer(tokenizer, texts, Filters(length_ratio=None, wrong_language=0.0))
    objective = BackTranslation(task, texts, strict)
    strict.directions = [
        Direction.between(tokenizer, *pair, everything.allowed(ZH)) for pair in ((EN, ZH), (ZH, EN))
    ]
    for step in range(8):  # a random network writes anything
        objective.loss(network(tokenizer), step, generator(step))
    assert strict.accepted < 0.3 * strict.written


@pytest.mark.parametrize("architecture", ["joint", "t5gemma2"])
def test_back_translation_mends_a_poor_bootstrap(architecture: Division, tmp_path: Path) -> None:
    """Three in ten words of the bootstrap are wrong; learning from it, then from itself, mends most."""
    tokenizer, texts, truth = cipher(tmp_path)
    english, chinese = texts
    random = np.random.default_rng(0)
    pairs = [(english.ids(line), truth.ids(line)) for line in range(len(truth))]
    into_english = {int(b): int(a) for x, y in pairs if len(x) == len(y) for a, b in zip(x, y, strict=True)}
    renderings = {
        ZH: [y for _, y in pairs],
        EN: [np.array([into_english[int(b)] for b in chinese.ids(line)]) for line in range(len(chinese))],
    }

    def garbled(lang: Lang) -> TokenShards:
        words = np.unique((english if lang == EN else chinese).tokens)
        lines = [
            np.where(random.random(len(y)) < 0.3, random.choice(words, len(y)), y) for y in renderings[lang]
        ]
        place = tmp_path / f"garbled-{lang}"
        place.mkdir()
        np.concatenate(lines).astype(np.uint16).tofile(place / f"{lang}.bin")
        np.cumsum([0, *map(len, lines)]).tofile(place / f"{lang}.offsets")
        return TokenShards(place, lang)

    poor = [Bitext(garbled(ZH), english), Bitext(garbled(EN), chinese)]
    task = TranslationTask(tokenizer, steps=220, tokens=800, max_tokens=60, seed=1)
    usage = SubwordUsage.count(tokenizer, (english, chinese))
    ours = Schedule(((0, 0), (0.4, 0), (0.5, 1)))
    model = network(tokenizer, 64)
    with torch.no_grad():  # roughly as aligned vectors do
        for forward, here in into_english.items():
            model.embeddings[forward] = model.embeddings[here] + 0.5 * model.embeddings[forward]
    model = model.divided(architecture)
    parts = {
        "synthetic": Synthetic(task, poor, Schedule(((0, 1), (0.4, 1), (0.5, 0)))),
        "back": BackTranslation(task, texts, source_writer(tokenizer, texts, Filters()), ours),
    }
    optimisation = OptimiserConfig(
        220, learning_rate=2e-2, adamw_learning_rate=1e-2, method="muon", weight_decay=0.0
    )
    fit(model, parts, optimisation, tmp_path / "fit", 1, lambda what, done, total: None)
    direction = Direction.between(tokenizer, EN, ZH, usage.allowed(ZH))
    outputs = Generation().generate(model, [x for x, _ in pairs[:200]], direction)
    written = [each[0].ids for each in outputs]
    right = [np.mean(a == b) if len(a) == len(b) else 0.0 for a, (_, b) in zip(written, pairs, strict=False)]
    assert np.mean(right) > 0.8  # the bootstrap: 0.7


def test_a_batch_holds_targets_and_sources_of_like_length_within_its_budget(tmp_path: Path) -> None:
    tokenizer, texts, _ = cipher(tmp_path, 100)
    task = TranslationTask(tokenizer, steps=10, tokens=200, max_tokens=60, seed=1)
    objective = BackTranslation(task, texts, source_writer(tokenizer, texts))
    for text, batches in zip(texts, objective.batches, strict=True):
        for _ in range(20):
            lengths = [2 * len(text.ids(line)) + 3 for line in batches.draw()]  # two tags and an end
            assert len(lengths) * max(lengths) <= 200

"""What the translator minimises: known losses on known batches, exact resume, and learning that can fail."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.small_translation import cipher, network, source_writer
from umt.lm.joint_lm import JointLM
from umt.training.optimiser import OptimiserConfig
from umt.training.schedule import Schedule
from umt.translation import objectives as translation_objectives
from umt.translation.back_translation import BackTranslation
from umt.translation.bitext import Bitext
from umt.translation.language_adversary import Adversary
from umt.translation.noise import Noise
from umt.translation.objectives import Denoising, Supervised, Synthetic, TranslationTask, make_batch
from umt.translation.settings import Batching, ObjectiveSchedules, ValidationConfig
from umt.translation.training import TranslationData, TranslatorTraining
from umt.types import BadInput


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_row_asks_for_the_target_and_its_end() -> None:
    ids, asked = make_batch([np.array([10, 11]), np.array([12])], [np.array([20]), np.array([21, 22, 23])],
                      [(3, 4), (4, 3)], end=1, pad_id=0)  # fmt: skip
    assert ids.tolist() == [[3, 10, 11, 4, 20, 1, 0], [4, 12, 3, 21, 22, 23, 1]]
    assert asked.tolist() == [
        [False, False, False, True, True, False],
        [False, False, True, True, True, True],
    ]


def test_the_loss_is_that_of_the_asked_subwords_one_by_one(tmp_path: Path) -> None:
    tokenizer, (english, _), truth = cipher(tmp_path, 40)
    model = network(tokenizer).eval()
    task = TranslationTask(tokenizer, steps=10, tokens=120, max_tokens=60, seed=1)
    objective = Supervised(task, [Bitext(english, truth), Bitext(truth, english)])
    ids, asked = objective.draw(generator())
    loss = task.loss(model, type(objective.draw(generator()))(ids, asked), generator())
    by_hand = 0.0
    for row, costs in zip(ids, asked, strict=True):
        chances = model.network(row[None, :-1]).logits[0].detach().log_softmax(1)
        by_hand -= float(chances[torch.arange(len(costs)), row[1:]][costs].sum())
    assert loss.tokens == int(asked.sum())
    assert loss.nll_sum.item() == pytest.approx(by_hand, rel=1e-4)
    assert loss.bytes == sum(int(tokenizer.byte_lengths[row[1:][costs].numpy()].sum())
                             for row, costs in zip(ids, asked, strict=True))  # fmt: skip


@pytest.mark.parametrize("forgotten", [0.0, 0.4])
def test_word_dropout_hides_of_what_is_asked_for_alone(
    forgotten: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer, (english, _), truth = cipher(tmp_path, 200)
    shown: list[tuple[torch.Tensor, ...]] = []

    def record(_: JointLM, *inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        shown.append(inputs)
        return torch.zeros(())

    monkeypatch.setattr(translation_objectives, "sum_nll", record)
    task = TranslationTask(tokenizer, 10, 400, 60, 1, forgotten)
    objective, model, drawn = Supervised(task, [Bitext(english, truth)]), network(tokenizer), generator()
    hidden = of = 0
    for _ in range(20):
        batch = objective.draw(drawn)
        before = batch.ids.clone()
        loss = task.loss(model, batch, drawn)
        seen, wanted, asked = shown.pop()
        torch.testing.assert_close(batch.ids, before)
        torch.testing.assert_close(wanted, before[:, 1:])
        torch.testing.assert_close(asked, batch.is_target)
        assert loss.tokens == int(asked.sum()), "what is hidden is asked for as before"
        changed = seen != before[:, :-1]
        assert (seen[changed] == tokenizer.mask).all()
        results = torch.zeros_like(asked)
        results[:, 1:] = asked[:, :-1]  # what it has been asked for, it goes on after
        assert not (changed & ~results).any(), "never what is given, nor a tag, nor padding"
        hidden, of = hidden + int(changed.sum()), of + int(results.sum())
    assert hidden / of == pytest.approx(forgotten, abs=0.05)


def test_a_course_decides_how_often_an_objective_takes_part(tmp_path: Path) -> None:
    tokenizer, _, _ = cipher(tmp_path, 40)
    schedule = Schedule(((0.0, 1.0), (0.5, 0.2), (1.0, 0.0)))
    assert [schedule.at(share) for share in (0, 0.25, 0.5, 0.75, 1)] == pytest.approx([1, 0.6, 0.2, 0.1, 0])
    task = TranslationTask(tokenizer, steps=1000, tokens=120, max_tokens=60, seed=1)
    drawn = generator()
    part = [
        sum(task.is_active(schedule, step, drawn) for step in range(at, at + 100)) for at in (0, 450, 900)
    ]
    assert part[0] > 85
    assert 10 < part[1] < 40
    assert part[2] < 12


def test_denoising_asks_for_the_sentence_itself(tmp_path: Path) -> None:
    tokenizer, (english, chinese), _ = cipher(tmp_path, 40)
    task = TranslationTask(tokenizer, steps=10, tokens=120, max_tokens=60, seed=1)
    objective = Denoising(task, [Bitext(english, english), Bitext(chinese, chinese)], noise=Noise(0, 0, 0))
    for row in objective.draw(generator()).ids.tolist():
        sequence = [each for each in row if each != tokenizer.pad]
        half = (len(sequence) - 1) // 2
        assert sequence[:half] == sequence[half:-1]
        assert sequence[-1] == tokenizer.end
    with pytest.raises(ValueError, match="noise"):
        Denoising(task, [Bitext(english, english)])


def objectives(directory: Path) -> dict[str, BackTranslation | Adversary | Synthetic]:
    tokenizer, texts, truth = cipher(directory, 100)
    task = TranslationTask(tokenizer, steps=10, tokens=120, max_tokens=60, seed=1, word_dropout=0.1)
    ruined = Noise(1, 0.1, 0.1)
    return {
        "back": BackTranslation(task, texts, source_writer(tokenizer, texts), noise=ruined),
        "adversary": Adversary(task, texts, Schedule(), 32, generator(5)),
        "synthetic": Synthetic(task, [Bitext(texts[0], truth)], noise=ruined),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["back", "adversary", "synthetic"])
def test_an_objective_goes_on_where_it_stood(name: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = objectives(tmp_path / "a")[name], objectives(tmp_path / "b")[name]
    model = network(one.task.tokenizer)

    def losses(objective: BackTranslation | Adversary | Synthetic, steps: range) -> list[float]:
        results = [objective.loss(model, step, generator(step)) for step in steps]
        return [float("nan") if each is None else float(each.nll_sum.detach()) for each in results]

    losses(one, range(3))
    other.restore(json.loads(json.dumps(one.state())))
    assert losses(one, range(3, 7)) == pytest.approx(losses(other, range(3, 7)), nan_ok=True, abs=0)


def test_what_has_an_encoder_keeps_it(tmp_path: Path) -> None:
    """Learning goes on from an encoder-decoder; only a language model is divided."""
    tokenizer, (english, chinese), truth = cipher(tmp_path)
    start = network(tokenizer).divided("t5gemma2")
    assert start.encoder is not None
    with torch.no_grad():
        for weight in start.encoder.layers.parameters():
            weight.add_(0.1)
    strategy = TranslatorTraining(
        OptimiserConfig(1, learning_rate=1e-9, adamw_learning_rate=1e-9, method="muon", weight_decay=0.0),
        ObjectiveSchedules(supervised=Schedule()),
        parallel_pairs=1,
        batching=Batching(tokens=800, max_tokens=60),
        validation=ValidationConfig(count=1, sentences=4),
    )
    pairs = [Bitext(english, truth), Bitext(truth, english)]
    before = copy.deepcopy(start.encoder.state_dict())
    data = TranslationData(tokenizer, (english, chinese), parallel=pairs)
    learned = strategy.learn(start, data, tmp_path / "fit", 1, lambda *_: None)
    assert learned.model.encoder is not None
    for name, weight in learned.model.encoder.state_dict().items():
        torch.testing.assert_close(weight, before[name], rtol=1e-4, atol=1e-4)


def test_progress_carries_the_last_validation(tmp_path: Path) -> None:
    tokenizer, texts, truth = cipher(tmp_path, 60)
    strategy = TranslatorTraining(
        OptimiserConfig(30, learning_rate=1e-3),
        ObjectiveSchedules(supervised=Schedule()),
        parallel_pairs=1,
        architecture="joint",
        batching=Batching(tokens=200, max_tokens=60),
        validation=ValidationConfig(count=2, sentences=4),
    )
    data = TranslationData(tokenizer, texts, parallel=[Bitext(texts[0], truth)])
    lines: dict[int, str] = {}
    strategy.learn(
        network(tokenizer), data, tmp_path / "fit", 1, lambda what, done, _: lines.update({done: what})
    )
    assert re.fullmatch(r"supervised [\d.]+ bits/byte, [\d,]+ tokens/s", lines[10]), "none yet"
    for step in (20, 30):
        line = r"supervised [\d.]+ bits/byte, [\d,]+ tokens/s, round trip \d+\.\d(, collapsed)? at step "
        assert re.fullmatch(line + ("15" if step == 20 else "30"), lines[step])


def test_order_is_no_criterion_where_text_has_none(tmp_path: Path) -> None:
    tokenizer, texts, truth = cipher(tmp_path, 60)
    strategy = TranslatorTraining(
        OptimiserConfig(1),
        ObjectiveSchedules(supervised=Schedule()),
        parallel_pairs=1,
        validation=ValidationConfig(count=1, sentences=30, criterion="order"),
    )
    data = TranslationData(tokenizer, texts, parallel=[Bitext(texts[0], truth)])
    with pytest.raises(BadInput, match="criterion=order needs consecutive sentences"):
        strategy.learn(network(tokenizer), data, tmp_path / "fit", 1, lambda *_: None)


def test_the_model_learns_to_deceive_the_discriminator(tmp_path: Path) -> None:
    tokenizer, texts, _ = cipher(tmp_path, 60)
    adversary = Adversary(
        TranslationTask(tokenizer, 100, 400, 64, 1), texts, Schedule(), 32, generator(5), rate=0.5
    )
    model = network(tokenizer)
    for step in range(60):
        adversary.loss(model, step, generator(step))
    assert adversary.discriminator_accuracy > 0.9, "two languages are easily told apart"
    adversary.optimiser.param_groups[0]["lr"] = 0.0
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    for step in range(60):
        loss = adversary.loss(model, step, generator(step))
        assert loss is not None
        optimiser.zero_grad()
        (loss.nll_sum / loss.tokens).backward()
        optimiser.step()
    assert adversary.discriminator_accuracy < 0.5

"""The moving average of the weights: what callbacks get, and that a stopped run loses nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.resume import EN, ZH, texts
from umt.lm.joint_lm import Architecture, JointLM
from umt.text.token_shards import TokenShards, write_shards
from umt.text.tokenizer import Tokenizer
from umt.training.lm_objectives import CausalLM
from umt.training.loop import LoopOptions, fit
from umt.training.optimiser import OptimiserConfig

DECAY = 0.8
Train = Callable[[Path, "Watch"], AveragedModel]


class Watch:
    """Remembers the weights that a callback gets; stops once, after ``stop`` updates."""

    def __init__(self, stop: int = 0) -> None:
        self.stop, self.embeddings = stop, dict[int, torch.Tensor]()

    def __call__(self, model: JointLM, step: int, record: object) -> None:
        self.embeddings[step] = model.embeddings.detach().clone()
        if step == self.stop:
            raise KeyboardInterrupt

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: object) -> None: ...


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Train:
    place = tmp_path_factory.mktemp("data")
    tokenizer = Tokenizer.train(texts(), 280)
    for lang, lines in texts().items():
        write_shards(lines, lang, tokenizer, place)
    shards = {lang: TokenShards(place, lang) for lang in (EN, ZH)}

    def trained(directory: Path, watch: Watch) -> AveragedModel:
        model = JointLM.create(Architecture(32, 2, 2, 64, 64), len(tokenizer), Generator().manual_seed(1))
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(DECAY))  # type: ignore[no-untyped-call]
        objective = CausalLM(shards, tokenizer, 32, 256, seed=1)
        pace = LoopOptions(every=1, checkpoint=0)
        arguments = (model, {"causal": objective}, OptimiserConfig(8, learning_rate=1e-2), directory, 1)
        fit(*arguments, lambda *_: None, [watch], pace, average=average)
        watch.embeddings[-1] = model.embeddings.detach().clone()
        return average

    return trained


def test_callbacks_get_the_average_and_not_the_weights(train: Train, tmp_path: Path) -> None:
    watch = Watch()
    average = train(tmp_path, watch)
    assert int(average.n_averaged) == 8
    assert torch.equal(watch.embeddings[8], average.module.embeddings)
    assert not torch.equal(watch.embeddings[8], watch.embeddings[-1])


def test_a_stopped_run_has_the_same_average(train: Train, tmp_path: Path) -> None:
    whole, broken = Watch(), Watch(stop=5)
    expected = train(tmp_path / "whole", whole)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", broken)
    resumed = train(tmp_path / "broken", Watch())
    for one, other in zip(expected.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)
    assert int(resumed.n_averaged) == 8

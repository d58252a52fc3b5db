"""``runtime.kernels=false`` reaches every model and changes numbers by rounding only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Generator

from tests.test_architecture import ROOT
from umt.lm.generation import Direction, Generation
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.search import Greedy
from umt.pipeline.artefact import settings_of
from umt.training.loop import LoopOptions, fit
from umt.training.objective import Loss
from umt.training.optimiser import OptimiserConfig

PLACES = ["lm", "translator", "bootstrap", "words", "bits.code"]
GROUPS = ["bootstrap=fewshot", "words=language_model", "bits=prequential"]


class NextNumber:
    """Rows in which every number follows from the last."""

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss:
        starts = torch.randint(40, (16, 1), generator=generator)
        rows = 10 + (starts + 3 * torch.arange(13)) % 40
        everywhere = torch.ones(16, 12, dtype=torch.bool)
        nll = model(rows[:, :-1], rows[:, 1:], everywhere, dtype=dtype)
        return Loss(nll, everywhere.numel(), everywhere.numel())

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Any) -> None: ...


@pytest.mark.parametrize("place", PLACES)
def test_runtime_kernels_reach_every_strategy_and_no_fingerprint(place: str) -> None:
    settings = []
    for kernels in (True, False):
        with initialize_config_dir(str(ROOT / "conf"), version_base=None):
            config = compose("config", overrides=[f"runtime.kernels={kernels}", *GROUPS])
        node = OmegaConf.select(config, place)
        assert instantiate(node).kernels is kernels
        settings.append(settings_of(node))
    assert settings[0] == settings[1]


def test_training_and_greedy_decoding_are_alike_without_kernels(tmp_path: Path) -> None:
    losses, outputs = [], []
    for kernels in (True, False):
        generator = Generator().manual_seed(1)
        model = JointLM.create(Architecture(32, 2, 2, 48, 64), 60, generator, kernels=kernels)
        records = fit(
            model, {"next": NextNumber()}, OptimiserConfig(60, 1e-2), tmp_path / str(kernels), 1,
            lambda *_: None, options=LoopOptions(every=1, exact=True),
        )  # fmt: skip
        losses.append([record["next/nats"] for record in records])
        sources = [10 + (start + 3 * torch.arange(6)).numpy() % 40 for start in range(20)]
        way = Direction(2, 10, 1, torch.arange(60))
        outputs.append(Generation(Greedy()).generate(model, sources, way))
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0][-1] < 0.5 * losses[0][0]
    for with_kernels, without in zip(*outputs, strict=True):
        assert with_kernels[0].ids.tolist() == without[0].ids.tolist()
        assert with_kernels[0].nll == pytest.approx(without[0].nll, rel=1e-2, abs=1e-2)

"""Random seeds: they follow from names, the seed of the run and inputs, and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from tests.pipeline.test_store import Diary
from umt.pipeline.artefact import Artefact, settings_of
from umt.pipeline.store import StageContext, Store
from umt.runtime.seeds import child_seed


def test_child_seed_depends_on_every_name() -> None:
    seeds = [child_seed(1), child_seed(2), child_seed(1, "a"), child_seed(1, "a", "b"), child_seed(1, "ab")]
    assert len(set(seeds)) == len(seeds)
    assert child_seed(1, "a", 2) == child_seed(1, "a", 2)
    assert all(0 <= seed < 1 << 60 for seed in seeds)


def drawn(config: DictConfig | None, context: StageContext, *inputs: Artefact) -> Mapping[str, Any]:
    """A stage that reports its seed."""
    return {"drawn": context.seed}


def below(config: DictConfig | None, context: StageContext, *inputs: Artefact) -> Mapping[str, Any]:
    """Another one."""
    return {"drawn": context.seed}


def test_stage_seed_ignores_settings_and_class_paths(tmp_path: Path) -> None:
    store = Store(tmp_path, Diary())
    configs = [OmegaConf.create({"_target_": path, "rate": rate}) for path, rate in (("a.B", 1), ("c.D", 2))]
    first = [store.build(drawn, config, seed=3) for config in configs]
    assert len({artefact.path for artefact in first}) == 2
    assert len({artefact.report["drawn"] for artefact in first}) == 1
    assert store.build(drawn, configs[0], seed=4).report["drawn"] != first[0].report["drawn"]


def test_stage_seed_depends_on_its_name_and_its_inputs(tmp_path: Path) -> None:
    store = Store(tmp_path, Diary())
    inputs = [store.build(drawn, None, seed=seed) for seed in (1, 2)]
    seeds = [store.build(below, None, artefact, seed=1).report["drawn"] for artefact in inputs]
    assert len({*seeds, inputs[0].report["drawn"]}) == 3


def test_machine_facts_are_in_no_fingerprint(tmp_path: Path) -> None:
    def settings(threads: int, beam: int) -> DictConfig:
        return OmegaConf.create(
            {
                "runtime": {"threads": threads},
                "words": {"size": 5},
                "search": {
                    "beam": beam,
                    "threads": "${runtime.threads}",
                    "parts": [{"a": 1}],
                    "words": "${words}",
                },
            }
        )

    assert settings_of(settings(1, 4).search) == {"beam": 4, "parts": [{"a": 1}], "words": {"size": 5}}
    store = Store(tmp_path, Diary())
    paths = [
        store.build(drawn, settings(threads, beam).search).path for threads, beam in ((1, 4), (8, 4), (1, 5))
    ]
    assert paths[0] == paths[1] != paths[2]

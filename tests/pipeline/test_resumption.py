"""resume=RUN: the options of a run again, facts of the machine included, and nothing else beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from umt.pipeline.composition import configuration
from umt.pipeline.inputs import drop_unselected, run_identity
from umt.pipeline.resumption import resumed
from umt.types import BadInput


def saved_run(store: Path, *overrides: str) -> tuple[Path, Any]:
    """The folder that a run with ``overrides`` would leave, and what it was configured with."""
    config, run = drop_unselected(configuration(overrides)), store / "run-1"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(OmegaConf.to_yaml(run_identity(config), resolve=True), encoding="utf-8")
    return run, config


@pytest.mark.parametrize(
    "overrides",
    [
        ["seed=3", "words.dim=77", "runtime.workers=2", "runtime.kernels=false"],
        ["experiment=bits", "runtime.threads=3"],
        ["aligner=self_learning", "lm=none", "translator=none", "bootstrap=none"],
        ["bootstrap=fewshot", "translator=dual_learning", "runtime.cache_positions=9"],
    ],
)
def test_the_options_of_the_run_come_back(tmp_path: Path, overrides: list[str]) -> None:
    run, config = saved_run(tmp_path / "store", *overrides)
    now = [f"resume={run}", *(each for each in overrides if each.startswith("runtime"))]
    again = resumed(configuration(now), now)
    assert run_identity(again) == run_identity(config)
    both: list[Any] = [OmegaConf.to_container(each, resolve=True) for each in (config, again)]
    for each in both:
        del each["store"], each["resume"]
    assert both[0] == both[1]
    assert again.store == str(tmp_path / "store")


def test_without_it_nothing_changes() -> None:
    config = configuration(["seed=2"])
    assert resumed(config, ["seed=2"]) is config


def test_what_is_no_part_of_a_run_may_be_given(tmp_path: Path) -> None:
    run, _ = saved_run(tmp_path, "lm=none", "translator=none")
    now = [f"resume={run}", "rebuild=[align]", "evaluation.split=test", "+evaluation.external.x=y"]
    again = resumed(configuration(now), now)
    assert (again.rebuild, again.evaluation.split, again.evaluation.external) == (
        ["align"],
        "test",
        {"x": "y"},
    )


@pytest.mark.parametrize(
    "override", ["seed=2", "aligner=cooccurrence", "store=x", "evaluation.metrics=[chrf]"]
)
def test_an_option_of_the_run_beside_it_is_refused(tmp_path: Path, override: str) -> None:
    run, _ = saved_run(tmp_path)
    now = [f"resume={run}", override]
    with pytest.raises(BadInput, match=r"leave .* out"):
        resumed(configuration(now), now)
    with pytest.raises(BadInput, match="there is no folder"):
        resumed(configuration([f"resume={tmp_path / 'nosuch'}"]), [])
    with pytest.raises(BadInput, match="is no run"):
        resumed(configuration([f"resume={tmp_path}"]), [])


@pytest.mark.parametrize("group", ["words", "evaluation.generation", "aligner.refinement"])
def test_a_class_that_no_option_names_is_refused(tmp_path: Path, group: str) -> None:
    run, _ = saved_run(tmp_path)
    saved = OmegaConf.load(run / "config.yaml")
    OmegaConf.update(saved, f"{group}._target_", "os.system")
    (run / "config.yaml").write_text(OmegaConf.to_yaml(saved), encoding="utf-8")
    with pytest.raises(
        BadInput, match=r"config\.yaml names os\.system, which no option of this program does"
    ):
        resumed(configuration([f"resume={run}"]), [f"resume={run}"])

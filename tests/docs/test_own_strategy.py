"""The code of docs/own-strategy.md works as it stands there."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from tests.two_languages import two_languages
from umt.types import Lang

ROOT = Path(__file__).resolve().parents[2]
CONF = next(folder for folder in (ROOT / "conf", ROOT / "umt" / "conf") if folder.is_dir())


def blocks() -> dict[str, str]:
    """Path in the first line of each block of code -> the block."""
    page = (ROOT / "docs" / "own-strategy.md").read_text(encoding="utf-8")
    code = re.findall(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return dict(code)


def commands() -> list[list[str]]:
    """The overrides of the commands that run the worked example: alone, and inside the restarts."""
    page = (ROOT / "docs" / "own-strategy.md").read_text(encoding="utf-8")
    lines = re.findall(r"^    python train\.py (.*degree_profile.*)$", page, re.MULTILINE)
    return [line.split() for line in lines]


def module_name(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


@pytest.fixture
def strategies(tmp_path: Path) -> Iterator[Path]:
    """Every block in a folder of its own, its modules importable under the names that the page gives them."""
    for path, text in blocks().items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    modules = [path for path in blocks() if path.startswith("umt/")]
    for path in modules:
        spec = importlib.util.spec_from_file_location(module_name(path), tmp_path / path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name(path)] = module
        spec.loader.exec_module(module)
    yield tmp_path
    for path in modules:
        del sys.modules[module_name(path)]


def test_worked_example_is_about_forty_lines() -> None:
    aligner = blocks()["umt/align/strategies/degree_profile.py"]
    assert len([line for line in aligner.splitlines() if line.strip()]) <= 45


def test_worked_example_names_no_module_that_exists() -> None:
    assert not [path for path in blocks() if (ROOT / path).exists()]


def test_worked_example_passes_its_own_test(strategies: Path) -> None:
    path = strategies / "tests/align/strategies/test_degree_profile.py"
    spec = importlib.util.spec_from_file_location("test_degree_profile", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for seed in (0, 1, 2):
        module.test_degree_profile_recovers_hidden_meanings(seed)


def test_worked_example_composes_and_aligns(strategies: Path, tmp_path: Path) -> None:
    conf = tmp_path / "all"
    shutil.copytree(CONF, conf)
    shutil.copytree(strategies / "conf", conf, dirs_exist_ok=True)
    with initialize_config_dir(str(conf), version_base=None):
        alone, inside = (compose("config", overrides=words) for words in commands())
    source, target = two_languages(100, 0)
    alignment = instantiate(alone.aligner).align(source, target, torch.Generator().manual_seed(0))
    assert alignment.verdict.label == "not judged"  # a single run
    assert type(instantiate(inside.aligner).aligner).__name__ == "DegreeProfile"


def test_example_metric_scores_with_an_interval(strategies: Path) -> None:
    metric = sys.modules["umt.evaluation.length_ratio"].LengthRatio(resamples=200, seed=1)
    metric.check(Lang("en"))
    score = metric.score(["ab", "abcd", "ab"], [["abcd"], ["abcd"], ["ab"]], Lang("en"))
    assert score.value == pytest.approx(0.8)
    assert 0.5 <= score.low <= score.value <= score.high <= 1.0

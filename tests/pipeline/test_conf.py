"""Every option composes and instantiates; every field stands in its YAML; errors name the option."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from umt.pipeline import inputs
from umt.pipeline.checks import validate
from umt.types import BadInput

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
OPTIONS = sorted(
    str(path.relative_to(CONF).with_suffix(""))
    for path in CONF.glob("*/*.yaml")
    if path.parent.name != "experiment"
)
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
FILES = ["corpus.root=/nowhere"]


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base=None):
        return compose("config", overrides=list(overrides))


def targets(node: object) -> Iterator[DictConfig]:
    if isinstance(node, DictConfig):
        if "_target_" in node:
            yield node
        for key in node:
            yield from targets(node._get_node(key))
    elif isinstance(node, ListConfig):
        for index in range(len(node)):
            yield from targets(node._get_node(index))


@cache
def of_group(option: str) -> DictConfig:
    """What ``option`` puts into the configuration."""
    group, name = option.split("/")
    places = {
        "search": "search@translator.synthesis.generation.search",
        "test_set": "+test_set@evaluation.sets.it",
    }
    place = places.get(group, group)
    config = composed(f"{place}={name}", *(FILES if option == "corpus/files" else []))
    node: DictConfig = OmegaConf.select(config, place.rpartition("@")[2])
    return node


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_composes_and_instantiates(option: str) -> None:
    group, name = option.split("/")
    node = of_group(option)
    if "_target_" in node and not (group == "corpus" and name == "files"):
        name_of_set = {"name": "it"} if group == "test_set" else {}
        try:
            made = instantiate(node, **name_of_set)
        except InstantiationException as error:
            if group == "tracking" and "is not installed" in str(error):
                pytest.skip(f"{name} is not installed")
            raise
        assert dataclasses.is_dataclass(made)
        assert made.__dataclass_params__.frozen  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_group_left_out_is_out_whatever_an_experiment_says_of_it(name: str) -> None:
    text = (CONF / "experiment" / f"{name}.yaml").read_text(encoding="utf-8")
    files = FILES if "/corpus: files" in text else []
    for group in ("translator", "lm", "bits", "bootstrap"):
        assert not inputs.drop_unselected(composed(f"experiment={name}", f"{group}=none", *files))[group]


def test_without_a_text_nothing_that_needs_one_is_left() -> None:
    for corpus, left in (("world", True), ("none", False)):
        config = inputs.drop_unselected(composed(f"corpus={corpus}", "bits=prequential"))
        assert {bool(config[group]) for group in ("bootstrap", "lm", "translator", "bits")} == {left}


@pytest.mark.parametrize("option", OPTIONS)
def test_yaml_lists_every_field(option: str) -> None:
    for node in targets(of_group(option)):
        kind = get_class(node._target_)
        fields = {field.name for field in dataclasses.fields(kind) if field.init}
        arguments = {str(key) for key in node if not str(key).startswith("_")}
        assert arguments <= fields, f"{option}: {kind.__name__} has no field {sorted(arguments - fields)}"
        assert fields <= arguments | {"name"}, (
            f"{option}: {sorted(fields - arguments)} cannot be overridden by name"
        )


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_composes(name: str) -> None:
    text = (CONF / "experiment" / f"{name}.yaml").read_text(encoding="utf-8")
    config = composed(f"experiment={name}", *(FILES if "/corpus: files" in text else []))
    OmegaConf.to_container(config, resolve=True)
    first = text.splitlines()
    assert first[0] == "# @package _global_"
    assert first[1].startswith("# python train.py"), "says the command and what it shows"


@pytest.mark.parametrize("part", ["self_learning aligner.init", "restarts aligner.aligner"])
def test_the_aligner_inside_another_is_one_word(part: str) -> None:
    outer, inner = part.split()
    node = composed(f"aligner={outer}", f"aligner@{inner}=gromov_wasserstein").aligner[inner.split(".")[1]]
    assert node._target_ == "umt.align.strategies.gromov_wasserstein.GromovWasserstein"


def test_the_strategies_of_mixed_are_strategies() -> None:
    made = instantiate(composed("aligner=ensemble").aligner)
    assert all(dataclasses.is_dataclass(each) for each in made.aligner.strategies.values())


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ("bits=prequential bits.vocabulary=10", "bits.vocabulary must be at least 256"),
        ("bits=prequential bits.limit=-5", "bits.limit must be positive, got -5"),
        ("bits=prequential bits.limit=0", "bits.limit must be positive, got 0"),
        ("bits=prequential bits.resamples=0", "bits.resamples must be positive, got 0"),
        ("lm=pretrained lm.name=null", "lm.name must name a folder or a model of the hub"),
        ("words.windows=7", "words.windows must be a list, got 7"),
        ("words.size=abc", "words.size must be a whole number, got 'abc'"),
        (
            "lm.optimisation.learning_rate=abc",
            "lm.optimisation.learning_rate must be a .* number, got 'abc'",
        ),
        (
            "lm.optimisation.learning_rate=nan",
            "lm.optimisation.learning_rate must be a .* number, got nan",
        ),
        ("lm.sharded=perhaps", "lm.sharded must be true or false, got 'perhaps'"),
        ("tokenizer.sample=1.5", "tokenizer.sample must be a whole number, got 1.5"),
    ],
)
def test_a_wrong_value_is_told_before_anything_is_built(overrides: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        validate(composed(*overrides.split()), [], [])


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("aligner=nosuch", "restarts"),
        ("corpus=nosuch", "world"),
        ("sedd=1", "sedd"),
        ("corpus.sizee=10", "sizee"),
        ("corpus.size=-1", "size"),
        ("rebuild=[nosuch]", "nosuch"),
    ],
)
def test_a_wrong_option_is_named(override: str, named: str, tmp_path: Path) -> None:
    command = [sys.executable, "train.py", override, f"store={tmp_path}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def spelled(option: str) -> set[str]:
    """Paths of the classes that the file of ``option`` names itself, not by way of another option."""
    text = (CONF / f"{option}.yaml").read_text(encoding="utf-8")
    return set(re.findall(r"_target_: ([\w.]+)", text))


def plain(value: object) -> object:
    """As a dataclass would hold it: lists as tuples, nodes as what they make."""
    if isinstance(value, ListConfig):
        return tuple(plain(each) for each in value)
    return instantiate(value) if isinstance(value, DictConfig) and "_target_" in value else value


def test_no_default_in_python_differs_from_the_yaml() -> None:
    """A strategy inside another, or a mapping, may be left out where the YAML has one."""
    values: dict[tuple[str, str], list[object]] = {}
    for option in OPTIONS:
        for node in targets(of_group(option)):
            if node._target_ in spelled(option):
                for name in (str(key) for key in node if not str(key).startswith("_")):
                    if f"corpus.{name}=" not in FILES[0]:
                        values.setdefault((node._target_, name), []).append(plain(node[name]))
    wrong = {}
    for (kind, name), arguments in values.items():
        field = get_class(kind).__dataclass_fields__[name]  # type: ignore[attr-defined]
        makes = field.default_factory
        default = field.default if makes is dataclasses.MISSING else makes()
        optional = any(dataclasses.is_dataclass(each) or isinstance(each, DictConfig) for each in arguments)
        if default is dataclasses.MISSING or (optional and default in (None, {})):
            continue
        if default not in arguments:
            wrong[f"{kind}.{name}={default!r}"] = arguments
    assert not wrong

"""Checks of a configuration before anything is built, so that a bad value costs no minute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from umt.corpus import HeldOut
from umt.corpus.dictionary import Dictionary
from umt.lm.loading import undivided_kind
from umt.lm.t5gemma2 import Division
from umt.pipeline import inputs
from umt.pipeline.errors import about_strategy
from umt.pipeline.renamed import PLACES
from umt.pipeline.stages import Supervised
from umt.runtime.distributed import init_process_group
from umt.runtime.validate import typed
from umt.training.fsdp import NEEDS_PROCESSES
from umt.types import BadInput, Lang

GROUPS = (
    *("corpus", "other_domain", "preparation", "words", "aligner", "control", "bootstrap", "tokenizer", "lm"),
    *("translator", "bits", "evaluation", "tracking"),
)
"""The places in the configuration that a choice of a group fills."""


def validate(config: DictConfig, languages: tuple[Lang, Lang], sets: Sequence[HeldOut]) -> None:
    """Instantiate every strategy once.

    Raises BadInput when one lacks another, or what it needs of this machine, or refuses its values.
    """
    always = ("preparation", "words", "aligner", "control")
    for group in (*always, "bootstrap", "tokenizer", "lm", "translator", "bits", "tracking"):
        made = _instantiate(group, config[group]) if config[group] else None
        if group == "control" and not isinstance(made, Supervised):
            raise BadInput(
                "aligner@control must be supervised, procrustes or cross_validated_map, "
                f"got {type(made).__name__ if made else None}"
            )
    for part, node in (("generation", config.evaluation.generation), ("order", config.evaluation.order)):
        if isinstance(node, DictConfig) and "_target_" in node:
            _instantiate(f"evaluation.{part}", node)
        elif part == "generation" or node is not None:
            raise BadInput(f"evaluation.{part} must have options of its own, got {node}")
    if config.lm and config.translator and config.translator.schedules.synthetic and not config.bootstrap:
        raise BadInput(
            "translator.schedules.synthetic learns from pairs of a bootstrap: choose one, or give null"
        )
    for part in ("train", "test"):
        path = inputs.dictionary_file(config, part)
        if path and not path.is_file():
            raise BadInput(
                f"evaluation.dictionary.{part}={path} is no file: give one with 'word word' a line"
            )
        if path:
            Dictionary.read(path, languages)
    if config.lm and config.lm.sharded and init_process_group().size < 2:
        raise BadInput(NEEDS_PROCESSES)
    if config.lm and config.lm.name and config.translator:
        _check_network(config.lm.name, config.translator.architecture)
    if any(test.name not in config.evaluation.left_out for test in sets):
        _check_metrics(config, languages)


def check_options(config: DictConfig) -> None:
    """The options of the configuration itself; those of a strategy are checked where it is made.

    Raises BadInput that names the option; a reference to nothing raises an error of OmegaConf's.
    """
    kinds = {
        "seed": int,
        "audit": Literal["report", "strict"],
        "on_failed": Literal["stop", "continue"],
        "store": str,
        "evaluation.split": Literal["dev", "test"],
        **{f"runtime.{name}": int for name in ("threads", "workers", "cache_positions")},
        **{f"runtime.{name}": bool for name in ("compile", "sharded", "kernels")},
    }
    for option, value in _values(config):
        if isinstance(value, str) and not value.strip():
            raise BadInput(f"{option} is empty: give a value, or leave the option out")
        if option in kinds:
            try:
                typed(option, value, kinds[option])
            except ValueError as error:
                raise BadInput(str(error)) from None
            if option.startswith("runtime.") and value < 0:
                raise BadInput(f"{option} must not be negative, got {value}")
    for option in kinds:
        if OmegaConf.is_config(value := OmegaConf.select(config, option)):
            raise BadInput(f"{option} must be one value, got {value}")
    languages = config.languages
    if not isinstance(languages, ListConfig) or len({*languages}) != 2 or len(languages) != 2:
        raise BadInput(f"languages must be two different codes such as [en, zh], got {languages}")
    lists = {
        "rebuild": "stages such as [align]",
        "evaluation.metrics": "metrics such as [bleu]",
        "evaluation.left_out": "names of test sets, [] for none",
    }
    for option, content in lists.items():
        value = OmegaConf.select(config, option)
        if not isinstance(value, ListConfig):
            raise BadInput(f"{option} must be a list of {content}, got {value}")
    for option, content in (("sets", "test sets"), ("external", "systems"), ("dictionary", "train and test")):
        value = config.evaluation[option]
        if not isinstance(value, DictConfig):
            raise BadInput(f"evaluation.{option} must name {content}, {{}} for none, got {value}")
    for group in GROUPS:
        if config[group] is not None and not isinstance(config[group], DictConfig):
            place = f"{PLACES[group]}@{group}" if group in PLACES else group
            raise BadInput(
                f"{place} must be one of its choices (python train.py --help), got {config[group]}"
            )


def _values(node: DictConfig | ListConfig, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every dotted option with its value, references resolved."""
    keys = list(node) if isinstance(node, DictConfig) else range(len(node))
    for key in keys:
        value, option = node[key], f"{above}{key}"
        if isinstance(value, (DictConfig, ListConfig)):
            yield from _values(value, f"{option}.")
        else:
            yield option, value


def _instantiate(option: str, node: DictConfig) -> Any:
    with _named(option):
        return instantiate(node)


@contextmanager
def _named(option: str) -> Iterator[None]:
    """Errors of what is made of ``option`` name it."""
    try:
        yield
    except (InstantiationException, BadInput) as error:
        sentence = about_strategy(error) if isinstance(error, InstantiationException) else str(error)
        if sentence is None:
            raise
        raise BadInput(sentence if sentence.startswith(option) else f"{option}: {sentence}") from None


def _check_network(name: str, architecture: Division) -> None:
    """A pretrained network must divide into encoder and decoder where the architecture demands it."""
    if kind := undivided_kind(name, architecture):
        raise BadInput(
            f"translator.architecture={architecture} divides a Gemma 3 without sliding windows, "
            f"and lm.name={name} is a {kind}: choose translator.architecture=joint"
        )


def _check_metrics(config: DictConfig, languages: Sequence[Lang]) -> None:
    """Every metric must work into both languages: some are packages of their own."""
    with _named("evaluation.metrics"):
        metrics = inputs.metrics(config)
    compare = (
        [_instantiate("evaluation.compare", config.evaluation.compare)] if config.evaluation.compare else []
    )
    for metric in (*metrics, *compare):
        if not hasattr(metric, "check"):
            raise BadInput(
                f"evaluation.metrics and evaluation.compare hold metrics such as bleu, got {metric}"
            )
        for lang in languages:
            metric.check(lang)

"""What can be told of a configuration before anything is built, so that a bad value costs no minute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig

from umt.corpus import HeldOut
from umt.lm.loading import unknown_kind
from umt.runtime.distributed import init_process_group
from umt.training.fsdp import NEEDS_PROCESSES
from umt.types import BadInput, Lang


def validate(config: DictConfig, languages: Sequence[Lang], sets: Sequence[HeldOut]) -> None:
    """Every strategy is made once.

    Raises BadInput when one lacks another or what it needs of this machine, or whatever a strategy says
    against its values.
    """
    always = ("preparation", "words", "aligner", "control")
    for group in (*always, "bootstrap", "tokenizer", "lm", "translator", "bits"):
        if config[group]:
            _instantiate(group, config[group])
    if config.lm and config.translator and config.translator.synthetic and not config.bootstrap:
        raise BadInput("translator.synthetic learns from pairs of a bootstrap: choose one, or give null")
    if config.lm and config.lm.sharded and init_process_group().size < 2:
        raise BadInput(NEEDS_PROCESSES)
    if config.lm and config.lm.name and config.translator:
        _check_network(config.lm.name, config.translator.architecture)
    if any(each.name not in config.evaluation.left_out for each in sets):
        _check_metrics(config, languages)


def _instantiate(option: str, node: DictConfig) -> Any:
    try:
        return instantiate(node)
    except InstantiationException as error:
        cause = error.__cause__
        raise BadInput(f"{option}: {cause if isinstance(cause, (ValueError, BadInput)) else error}") from None


def _check_network(name: str, architecture: str) -> None:
    """A network from elsewhere must be one that can be divided, where that is asked for."""
    if architecture == "encoder_decoder" and (kind := unknown_kind(name)):
        raise BadInput(
            f"translator.architecture=encoder_decoder divides a Llama, a Qwen 3 or a Gemma 3 without sliding "
            f"windows, and lm.name={name} is a {kind}: choose translator.architecture=joint"
        )


def _check_metrics(config: DictConfig, languages: Sequence[Lang]) -> None:
    """What scores both ways must be there: some metrics are packages of their own."""
    metrics = [_instantiate("evaluation.metrics", each) for each in config.evaluation.metrics]
    compare = (
        [_instantiate("evaluation.compare", config.evaluation.compare)] if config.evaluation.compare else []
    )
    for metric in (*metrics, *compare):
        for lang in languages:
            metric.check(lang)

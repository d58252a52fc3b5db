"""The configuration of ``train.py`` for commands that have arguments of their own."""

from __future__ import annotations

from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from umt.pipeline import CONF


def configuration(overrides: Sequence[str]) -> DictConfig:
    """What ``python train.py`` with these overrides would be configured with.

    Raises what Hydra raises for an override that does not fit (`umt.pipeline.errors.option_errors`).
    """
    with initialize_config_dir(str(CONF.resolve()), version_base=None):
        return compose("config", list(overrides))

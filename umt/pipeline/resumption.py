"""``resume=RUN``: every option of a finished run taken up again, to go on building, or to score it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from umt.pipeline import CONF
from umt.pipeline.artefact import RUNTIME
from umt.pipeline.inputs import NOT_OF_A_RUN, NOT_OF_ITS_EVALUATION
from umt.pipeline.saved import run_directory
from umt.types import BadInput

_FREE = (*NOT_OF_A_RUN, *(f"evaluation.{key}" for key in NOT_OF_ITS_EVALUATION), "hydra")


def resumed(config: DictConfig, overrides: Sequence[str] | None = None) -> DictConfig:
    """``config``, or where that says ``resume=RUN``, the options of the run and the store where it lies.

    What is no part of a run, such as ``runtime`` and ``evaluation.split``, is that of ``config``.
    overrides: what was asked for; None: what the command line says. Raises BadInput when RUN is no run, when
    one of them is an option of the run itself, or when the run names a class that ``conf/`` does not.
    """
    if not config.resume:
        return config
    if overrides is None:
        overrides = HydraConfig.get().overrides.task if HydraConfig.initialized() else ()
    for override in overrides:
        name = override.partition("=")[0].lstrip("+~")
        if name == "store" or (
            name.split("@")[0] not in _FREE and not name.startswith(tuple(f"{each}." for each in _FREE))
        ):
            raise BadInput(f"resume={config.resume} takes every option from that run: leave {override} out")
    run = run_directory(Path(str(config.resume)))
    saved: Any = OmegaConf.to_container(OmegaConf.load(run / "config.yaml"))
    for node in _strategies(saved):
        if node["_target_"] not in _machine_options():
            raise BadInput(
                f"{run / 'config.yaml'} names {node['_target_']}, which no option of this program does: "
                f"a file chooses no code, so give the options of that run instead of resume"
            )
        node.update(_machine_options()[node["_target_"]])
    result = config.copy()
    OmegaConf.set_struct(result, False)
    for key, value in saved.items():
        if key == "evaluation":
            value |= {name: config.evaluation.get(name) for name in NOT_OF_ITS_EVALUATION}
        result[key] = value
    result.store = str(run.parent)
    return result


@cache
def _machine_options() -> dict[str, dict[str, str]]:
    """Strategy -> its options that are facts of the machine, as references to the group ``runtime``."""
    options: dict[str, dict[str, str]] = {}
    for path in sorted(CONF.rglob("*.yaml")):
        for node in _strategies(OmegaConf.to_container(OmegaConf.load(path))):
            own = {key: value for key, value in node.items() if str(value).startswith(RUNTIME)}
            options.setdefault(node["_target_"], {}).update(own)
    return options


def _strategies(tree: Any) -> Iterator[dict[str, Any]]:
    """Every node of a configuration that names a class, at any depth."""
    if isinstance(tree, dict):
        if "_target_" in tree:
            yield tree
        tree = list(tree.values())
    for value in tree if isinstance(tree, list) else ():
        yield from _strategies(value)

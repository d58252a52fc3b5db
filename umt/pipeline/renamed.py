"""Options and choices that have a new name, and options that the group ``runtime`` sets."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from omegaconf import OmegaConf

from umt.pipeline import CONF
from umt.types import BadInput

_TABLES = cast(
    Mapping[str, Mapping[str, str]],
    OmegaConf.to_container(OmegaConf.load(Path(__file__).with_suffix(".yaml"))),
)
OPTIONS, CHOICES, STAGES, FROM_RUNTIME = (
    _TABLES[name] for name in ("options", "choices", "stages", "runtime")
)

PLACES = {"control": "aligner", "other_domain": "corpus"}
"""Place in the configuration -> the group that is chosen for it."""


def check_overrides(overrides: Sequence[str] | None = None) -> None:
    """Raises BadInput for the first override that has a new name, that ``runtime`` sets, or without a value.

    overrides: as on the command line, which they are by default.
    """
    for override in sys.argv[1:] if overrides is None else overrides:
        name, equals, value = override.lstrip("+~").partition("=")
        if not equals or name.startswith(("-", "hydra")):
            continue
        if name == "corpus@elsewhere" or name.startswith("elsewhere."):
            raise BadInput(f"{name} is now called {name.replace('elsewhere', 'other_domain', 1)}")
        _check_choice(name, value)
        if new := new_name(name):
            raise BadInput(f"{name} is now called {new}")
        if machine := _lookup(FROM_RUNTIME, name):
            raise BadInput(f"{name} is set by {machine}: give {machine}={value}")
        if not value.strip():
            raise BadInput(f"{name} has no value: give one after the =, or leave the option out")


def new_name(option: str) -> str | None:
    """The new dotted name of ``option``; None where it has none."""
    return _lookup(OPTIONS, option)


def check_stages(names: Iterable[str]) -> None:
    """Raises BadInput for a stage of ``rebuild`` that has a new name."""
    for name in names:
        if name in STAGES:
            raise BadInput(f"rebuild=[{name}]: the stage {name} is now called {STAGES[name]}")


def _check_choice(name: str, value: str) -> None:
    group = name.partition("@")[0]
    if "." not in group and (CONF / group).is_dir() and value.lstrip("-").replace(".", "", 1).isdigit():
        raise BadInput(f"there is no {name}={value}: the choices of {group} are listed by --help")
    if new := CHOICES.get(f"{PLACES.get(group, group)}={value}"):
        raise BadInput(f"{name}={value} is now called {name}={new.partition('=')[2]}")


def _lookup(table: Mapping[str, str], option: str) -> str | None:
    """What ``table`` says of ``option`` or of the longest name above it, with the place of ``option``."""
    place, _, rest = option.partition(".")
    group = PLACES.get(place, place)
    while rest:
        parts = rest.split(".")
        for count in range(len(parts), 0, -1):
            if new := table.get(".".join((group, *parts[:count]))):
                above = option.removesuffix(rest).rstrip(".")
                new = new.replace(group, above, 1) if new.startswith(f"{group}.") else new
                return ".".join((new, *parts[count:]))
        if group != "aligner" or not rest.startswith(("aligner.", "strategies.")):
            return None  # only an aligner holds other aligners
        rest = rest.removeprefix("aligner.")
        rest = rest.split(".", 2)[2] if rest.startswith("strategies.") and rest.count(".") > 1 else rest
    return None

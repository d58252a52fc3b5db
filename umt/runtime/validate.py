"""Settings are checked where they are born: types from the annotations, ranges from one line of `require`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import pairwise
from numbers import Integral, Real
from types import MappingProxyType, NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_DEMANDS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "text"}


def require(
    settings: DataclassInstance,
    *,
    positive: str = "",
    at_least_zero: str = "",
    share: str = "",
    at_least: Mapping[str, float] = _NOTHING,
    within: Mapping[str, str] = _NOTHING,
    choice: Mapping[str, Iterable[str]] = _NOTHING,
    ascending: str = "",
) -> None:
    """Check the fields of a dataclass in its ``__post_init__``; raises ValueError that names field and value.

    What is annotated as a number, bool, text, literal or tuple of them must be one; a list becomes the tuple.
    A mapping, or what has options of its own, is no plain value.
    None passes all checks where the annotation allows it. A range holds for each member of a tuple, which
    must have one.

    Names of fields are separated by spaces. share: in [0, 1]. at_least: field to its least value.
    within: fields to an interval such as ``(0, 1]``. choice: field to its values, where its annotation does
    not list them. ascending: fields that must not fall, such as ``low high, first second third``.
    """
    for name, kind in _annotations(type(settings)).items():
        setting = getattr(settings, name)
        if (value := typed(name, setting, kind)) is not setting:
            object.__setattr__(settings, name, value)
    _check_range(settings, positive, "(0, inf)", "be positive")
    _check_range(settings, at_least_zero, "[0, inf)", "not be negative")
    _check_range(settings, share, "[0, 1]", "lie in [0, 1]")
    for names, least in at_least.items():
        _check_range(settings, names, f"[{least}, inf)", f"be at least {least}")
    for names, interval in within.items():
        _check_range(settings, names, interval, f"lie in {interval}")
    for name, allowed in choice.items():
        _choose(name, getattr(settings, name), tuple(allowed))
    for names in ascending.split(",") if ascending else ():
        for lower, upper in pairwise(names.split()):
            low, high = getattr(settings, lower), getattr(settings, upper)
            if low > high:
                raise ValueError(f"{lower} must be at most {upper}, got {lower}={low} and {upper}={high}")


def typed(name: str, value: Any, kind: Any) -> Any:
    """``value``, checked to be what the annotation ``kind`` says; a list as the tuple that it says.

    Raises ValueError that begins with ``name``. Of another ``kind`` it is only checked that no plain value
    stands for a mapping, a dataclass or a protocol.
    """
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    if value is None and NoneType in kinds:
        return None
    kinds = tuple(each for each in kinds if each is not NoneType)
    if len(kinds) > 1:
        return value
    [kind] = kinds
    if isinstance(kind, NewType):
        kind = kind.__supertype__
    if get_origin(kind) is Literal:
        _choose(name, value, get_args(kind))
    elif get_origin(kind) is tuple:
        return _as_tuple(name, value, get_args(kind))
    elif kind in _DEMANDS and not _is(value, kind):
        raise ValueError(f"{name} must be {_DEMANDS[kind]}, got {value!r}")
    elif get_origin(kind) is Mapping and not isinstance(value, Mapping):
        raise ValueError(f"{name} must be a mapping such as {{name: value}}, got {value!r}")
    elif _has_options(kind) and isinstance(value, (str, Real, list, tuple, NoneType)):
        raise ValueError(f"{name} must have options of its own, those of {kind.__name__}, got {value!r}")
    return value


@cache
def _annotations(kind: type[DataclassInstance]) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind) if field.init}


def _has_options(kind: Any) -> bool:
    return is_dataclass(kind) or getattr(kind, "_is_protocol", False)


def _is(value: Any, kind: type) -> bool:
    if kind in (bool, str) or isinstance(value, bool):
        return isinstance(value, kind) and kind is not int
    return isinstance(value, Integral) if kind is int else isinstance(value, Real) and math.isfinite(value)


def _as_tuple(name: str, value: Any, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"{name} must be a list, got {value!r}")
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise ValueError(f"{name} must be a list of {len(kinds)}, got {[*value]}")
    members = tuple(typed(name, each, kind) for each, kind in zip(value, kinds, strict=True))
    return value if isinstance(value, tuple) and members == value else members


def _choose(name: str, value: Any, allowed: Sequence[Any]) -> None:
    """Every member of a tuple, or the one value, must be allowed."""
    for member in value if isinstance(value, tuple) else (value,):
        if member not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(map(str, allowed))}, got {member!r}")


def _check_range(settings: DataclassInstance, names: str, interval: str, demand: str) -> None:
    low, high = map(float, interval[1:-1].split(","))
    for name in names.split():
        value = getattr(settings, name)
        members = value if isinstance(value, tuple) else (value,)
        inside = [
            member is None or low < member < high
            or (member == low and interval[0] == "[") or (member == high and interval[-1] == "]")
            for member in members
        ]  # fmt: skip
        if not inside or not all(inside):
            shown = [*value] if isinstance(value, tuple) else value
            raise ValueError(f"{name} must {demand}, got {shown}")

"""Damage to saved files, for tests that loading ends in a sentence or in an equal result."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from umt.types import BadInput


def refusal(load: Callable[[], object]) -> str:
    """The message of the BadInput that ``load`` raises; empty where it loads."""
    try:
        load()
    except BadInput as error:
        return str(error)
    return ""


def flipped(content: bytes, seed: int) -> bytes:
    """``content`` with one to eight bytes changed, or cut short, or both."""
    random = np.random.default_rng(seed)
    damaged = bytearray(content)
    for place in random.integers(0, len(damaged), random.integers(1, 9)):
        damaged[place] ^= int(random.integers(1, 256))
    return bytes(damaged[: int(random.integers(0, len(damaged)))] if seed % 4 == 0 else damaged)


def impossible_arrays(path: Path) -> Iterator[str]:
    """Write ``path`` again and again with one array that is impossible; the description of each.

    A missing array, another type, another shape, extreme numbers at the first, a middle and the last place.
    """
    content = path.read_bytes()
    arrays = load_file(path)
    for name, array in arrays.items():
        for what, other in _variants(array):
            changed = {key: value for key, value in arrays.items() if key != name}
            if other is not None:
                changed[name] = np.ascontiguousarray(other)
            save_file(changed, path)
            yield f"{name}: {what}"
    path.write_bytes(content)


def _variants(array: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any] | None]]:
    yield "missing", None
    yield "other type", array.astype(np.int8 if array.dtype == np.bool_ else np.bool_)
    yield "one axis more", array[None]
    yield "first half", array[: len(array) // 2]
    yield "twice", np.concatenate([array, array])
    yield "empty", array[:0]
    if array.dtype.kind == "f":
        extremes: list[float] = [np.nan, np.inf, -np.inf]
    elif array.dtype.kind == "i":
        limits = np.iinfo(array.dtype)
        extremes = [limits.min, limits.max, -2, len(array) * 1000]
    else:
        extremes = [255]
    for place in (0, array.size // 2, array.size - 1):
        for value in extremes:
            other = array.copy()
            other.reshape(-1)[place] = value
            yield f"{value} at {place}", other


def impossible_json(path: Path) -> Iterator[str]:
    """Write the JSON object ``path`` again and again with one value replaced; the description of each."""
    text = path.read_text(encoding="utf-8")
    content = json.loads(text)
    for name in content:
        for value in (None, [], {}, "x", -1, 1e300, True, [[["deep"]]], {"a": {"b": None}}, ["\ud800"]):
            path.write_text(json.dumps(content | {name: value}), encoding="utf-8")
            yield f"{name} = {value!r}"
    for broken in ("", "[", "[]", "null", "[" * 100_000, text[: len(text) // 2], '{"format": 1}'):
        path.write_text(broken, encoding="utf-8")
        yield broken[:20]
    path.write_text(text, encoding="utf-8")

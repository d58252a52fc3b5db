"""Reading of saved arrays and JSON: what a file holds is checked once, before compiled loops index with it.

Nothing in these files names a class or a function. Every fault of a file is BadInput with one sentence that
names the file; each kind of file has a format number, and another number is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from umt.types import BadInput

_ADVICE = "remove what it belongs to and run the same command again, or restore it from a backup"


@dataclass(frozen=True)
class SavedArrays:
    """The arrays of one safetensors file."""

    path: Path
    arrays: Mapping[str, NDArray[Any]]

    @classmethod
    def read(cls, path: Path) -> SavedArrays:
        """Raises BadInput when the file is missing, cut short or no safetensors file."""
        try:
            return cls(path, load_file(path))
        except FileNotFoundError as error:
            raise BadInput(f"{path} is missing: {_ADVICE}") from error
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
        except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise damaged(path, "it holds no arrays in the safetensors format") from error

    def array(
        self,
        name: str,
        dtype: type[np.generic],
        shape: Sequence[int | None],
        *,
        low: float | None = None,
        high: float | None = None,
    ) -> NDArray[Any]:
        """The array ``name``; shape: a size an axis, None for any size.

        low, high: least and greatest value. Numbers must be finite. Raises BadInput.
        """
        if name not in self.arrays:
            raise damaged(self.path, f"the array {name} is missing")
        array = self.arrays[name]
        if array.dtype != np.dtype(dtype):
            raise damaged(self.path, f"{name} is {array.dtype}, not {np.dtype(dtype)}")
        if len(shape) != array.ndim or any(
            size is not None and size != actual for size, actual in zip(shape, array.shape, strict=True)
        ):
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            raise damaged(self.path, f"{name} has the shape {array.shape}, not ({wanted})")
        if array.size and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise damaged(self.path, f"{name} holds numbers that are not finite")
        if array.size and low is not None and array.min() < low:
            raise damaged(self.path, f"{name} holds {array.min()}, less than {low}")
        if array.size and high is not None and array.max() > high:
            raise damaged(self.path, f"{name} holds {array.max()}, more than {high}")
        return array

    def offsets(self, name: str, dtype: type[np.generic], parts: int, total: int) -> NDArray[Any]:
        """(parts + 1,) offsets that rise from 0 to ``total``. Raises BadInput."""
        array = self.array(name, dtype, (parts + 1,), low=0)
        if array[0] != 0 or array[-1] != total or (np.diff(array) < 0).any():
            raise damaged(self.path, f"{name} does not rise from 0 to {total}")
        return array

    def hash_table(self, keys: str, nodes: str, entries: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """(H,) int64 keys, -1 where a slot is free, and (H,) int32 values in 0..entries - 1 of the others.

        H must be a power of two and a slot must be free, else a search would not end. Raises BadInput.
        """
        slots = self.array(keys, np.int64, (None,), low=-1)
        values = self.array(nodes, np.int32, (len(slots),))
        used = values[slots != -1]
        if not len(slots) or len(slots) & (len(slots) - 1) or len(used) == len(slots):
            raise damaged(self.path, f"{keys} is no hash table with a free slot")
        if len(used) and (used.min() < 0 or used.max() >= entries):
            raise damaged(self.path, f"{nodes} points beyond the {entries} entries")
        return slots, values


@dataclass(frozen=True)
class SavedJson:
    """The JSON object of one file."""

    path: Path
    content: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path, version: int | None = None) -> SavedJson:
        """Raises BadInput when the file is missing, no JSON object, or of another format than ``version``.

        version: None where the file has no number of its own, but the one that is read beside it.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise BadInput(f"{path} is missing: {_ADVICE}") from error
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            raise damaged(path, "it is no JSON") from error
        if not isinstance(content, dict):
            raise damaged(path, "it holds no JSON object")
        if version is not None:
            check_version(path, content.get("format"), version)
        return cls(path, content)

    def get(self, name: str, kind: type) -> Any:
        """The value ``name``, of this kind. Raises BadInput."""
        value = self.content.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise damaged(self.path, f"{name} is missing or no {kind.__name__}")
        return value

    def strings(self, name: str) -> tuple[str, ...]:
        """The list of texts ``name``, none of them twice. Raises BadInput."""
        return strings(self.path, name, self.content.get(name))

    def number(self, name: str, low: int, high: int) -> int:
        """The integer ``name`` from ``low`` to ``high``. Raises BadInput."""
        value: int = self.get(name, int)
        if not low <= value <= high:
            raise damaged(self.path, f"{name} is {value}, not from {low} to {high}")
        return value

    def integers(self, name: str, values: object, high: int) -> list[int]:
        """``values`` as a list of integers from 0 to ``high``. Raises BadInput."""
        if not isinstance(values, list) or not all(
            type(value) is int and 0 <= value <= high for value in values
        ):
            raise damaged(self.path, f"{name} is missing or no list of numbers up to {high}")
        return values


def strings(path: Path, name: str, values: object) -> tuple[str, ...]:
    """``values`` as a tuple of different texts. Raises BadInput."""
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise damaged(path, f"{name} is missing or no list of texts")
    try:
        "".join(values).encode()
    except UnicodeEncodeError as error:
        raise damaged(path, f"{name} holds a character that does not exist") from error
    if len(set(values)) < len(values):
        raise damaged(path, f"{name} holds a word twice")
    return tuple(cast("list[str]", values))


def check_version(path: Path, version: object, expected: int) -> None:
    """Raises BadInput when a file is of another format."""
    if version != expected or isinstance(version, bool):
        shown = "without a number" if version is None else repr(version)
        raise BadInput(
            f"{path} has the format {shown}, and this program reads format {expected}: "
            "remove what it belongs to and run the same command again"
        )


def damaged(path: Path, fault: str) -> BadInput:
    """The error of a file whose content is impossible."""
    return BadInput(f"{path} is damaged: {fault}; {_ADVICE}")

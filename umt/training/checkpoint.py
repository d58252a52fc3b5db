"""Checkpoints: tensors and JSON, checked by digest, in place by one rename, the newest two kept."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from umt.runtime.files import atomic_directory, disk_full_as_bad_input, remove_unfinished
from umt.types import BadInput

_TENSORS, _TOLD = "tensors.safetensors", "state.json"


@dataclass(frozen=True)
class Checkpoints:
    """``{step}/`` under ``directory``, each complete or absent."""

    directory: Path

    def save(self, step: int, tensors: Mapping[str, Tensor], told: Mapping[str, Any]) -> None:
        """Keep a state; raises BadInput when the disk is full."""
        final = self.directory / str(step)
        advice = (
            f"no space is left for the checkpoint {final}: free some and run the same command again, "
            f"training goes on from step {max(self.steps(), default=0)}"
        )
        with disk_full_as_bad_input(advice), atomic_directory(final) as directory:
            _written(directory / _TENSORS, tensors)
            text = json.dumps({"digest": _digest(directory / _TENSORS), **told}, ensure_ascii=False)
            (directory / _TOLD).write_text(text, encoding="utf-8")
        for old in self.steps()[:-2]:
            shutil.rmtree(self.directory / str(old), ignore_errors=True)

    def newest(self) -> tuple[int, dict[str, Tensor], dict[str, Any]] | None:
        """The newest state that is whole: its step, tensors and JSON; None when nothing was kept.

        Raises BadInput when something was kept and all of it is damaged.
        """
        remove_unfinished(self.directory, exclusive=True)
        for step in reversed(self.steps()):
            place = self.directory / str(step)
            try:
                told = json.loads((place / _TOLD).read_text(encoding="utf-8"))
                if _digest(place / _TENSORS) == told.pop("digest"):
                    return step, load_file(place / _TENSORS), told
            except (OSError, ValueError, KeyError, SafetensorError):
                continue
        if self.steps():
            raise BadInput(
                f"every checkpoint in {self.directory} is damaged: remove that folder to start again"
            )
        return None

    def steps(self) -> list[int]:
        """Of every checkpoint, oldest first."""
        return sorted(int(each.name) for each in self.directory.glob("[0-9]*"))

    def clear(self) -> None:
        """Remove all of them."""
        for step in self.steps():
            shutil.rmtree(self.directory / str(step), ignore_errors=True)


def _written(path: Path, tensors: Mapping[str, Tensor]) -> None:
    try:
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, path)
    except SafetensorError as error:
        full = "No space left" in str(error) or "os error 28" in str(error)
        raise OSError(errno.ENOSPC if full else errno.EIO, str(error), str(path)) from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()

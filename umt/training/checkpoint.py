"""Checkpoints: tensors and JSON, checked by digest, put in place by one rename; the newest two stay."""

from __future__ import annotations

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

_TENSORS, _STATE = "tensors.safetensors", "state.json"


@dataclass(frozen=True)
class Checkpoints:
    """``{step}/`` under ``directory``, each complete or absent."""

    directory: Path

    def save(self, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Write ``tensors`` and the JSON ``state`` of ``step``; raises BadInput when the disk is full."""
        final = self.directory / str(step)
        advice = (
            f"no space is left for the checkpoint {final}: free some and run the same command again, "
            f"training goes on from step {max(self.steps(), default=0)}"
        )
        with disk_full_as_bad_input(advice), atomic_directory(final) as directory:
            whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
            save_file(whole, directory / _TENSORS)
            text = json.dumps({"digest": _digest(directory / _TENSORS), **state}, ensure_ascii=False)
            (directory / _STATE).write_text(text, encoding="utf-8")
        for old in self.steps()[:-2]:
            shutil.rmtree(self.directory / str(old), ignore_errors=True)

    def newest(self) -> tuple[int, dict[str, Tensor], dict[str, Any]] | None:
        """Step, tensors and JSON of the newest undamaged checkpoint; None when there is no checkpoint.

        Raises BadInput when all checkpoints are damaged.
        """
        remove_unfinished(self.directory, exclusive=True)
        for step in reversed(self.steps()):
            place = self.directory / str(step)
            try:
                state = json.loads((place / _STATE).read_text(encoding="utf-8"))
                if _digest(place / _TENSORS) == state.pop("digest"):
                    return step, load_file(place / _TENSORS), state
            except (OSError, ValueError, KeyError, SafetensorError):
                continue
        if self.steps():
            raise BadInput(
                f"every checkpoint in {self.directory} is damaged: remove that folder to start again"
            )
        return None

    def steps(self) -> list[int]:
        """Of every checkpoint, oldest first."""
        return sorted(int(folder.name) for folder in self.directory.glob("[0-9]*"))

    def clear(self) -> None:
        """Remove all of them."""
        for step in self.steps():
            shutil.rmtree(self.directory / str(step), ignore_errors=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()

"""Artefacts: finished directories, their manifests, and what they are known by."""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, ListConfig, OmegaConf

from umt.runtime.files import MANIFEST, digest_of, file_digest
from umt.types import BadInput


@dataclass(frozen=True)
class Artefact:
    """A finished directory and what its manifest says."""

    path: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, directory: Path) -> Artefact:
        """Read the manifest; raises BadInput when it is damaged."""
        try:
            manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
            inputs, report = {**manifest["inputs"]}, {**manifest["report"]}
            files = {**manifest.get("files", {})}
            names = ("stage", "made", "fingerprint")
            texts = (*(manifest[name] for name in names), *files.values(), *inputs.values())
            if not all(isinstance(text, str) for text in (*texts, report.get("content", ""))):
                raise TypeError
            if type(manifest["seed"]) is not int:
                raise TypeError
            return cls(directory, {**manifest, "inputs": inputs, "files": files, "report": report})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise BadInput(
                f"{directory / MANIFEST} is damaged: remove {directory}, it is built again"
            ) from None

    def verify(self) -> None:
        """Raises BadInput when a file is not as it was written."""
        for name, digest in self.manifest["files"].items():
            file = self.path / name
            if not file.is_file() or file_digest(file) != digest:
                raise BadInput(
                    f"{file} is not as it was written: the disk or somebody has changed it; "
                    f"rebuild=[{self.manifest['stage']}] makes it again"
                )

    def digest(self) -> str:
        """The ``content`` that its stage reports, else the fingerprint of everything that went into it."""
        return cast(str, self.report.get("content", self.manifest["fingerprint"]))

    @property
    def version(self) -> str:
        """Changes when what is built on it has to be built again: its content, else when it was made."""
        return cast(str, self.report.get("content", self.manifest["made"]))

    @property
    def seed(self) -> int:
        """Of the randomness that went into it."""
        return cast(int, self.manifest["seed"])

    @property
    def report(self) -> Mapping[str, Any]:
        """The report of the stage: counts, a summary, warnings."""
        return cast(Mapping[str, Any], self.manifest["report"])


RUNTIME = "${runtime."


def settings_of(node: Any) -> Any:
    """``node`` of a configuration as plain dictionaries, resolved, without what the machine decides: options
    whose value is an interpolation of the group ``runtime``.
    """
    if isinstance(node, DictConfig) and node:
        raw = cast(dict[str, Any], OmegaConf.to_container(node, resolve=False))
        return {
            str(key): settings_of(node[key]) for key in node if not str(raw[str(key)]).startswith(RUNTIME)
        }
    if isinstance(node, (DictConfig, ListConfig)):
        return OmegaConf.to_container(node, resolve=True, throw_on_missing=True)
    return node


def code_digest(settings: Any) -> str:
    """Of the source files of the strategies that ``settings`` name, wherever they live, and of the modules
    beside a strategy outside this package that it imports.
    """
    pending = sorted({target.rpartition(".")[0] for target in _targets(settings)}, reverse=True)
    sources: dict[Path, str] = {}
    while pending:
        module = pending.pop()
        with suppress(ImportError, AttributeError, ValueError, SyntaxError):
            spec = find_spec(module)
            if spec is None or not spec.origin or (path := Path(spec.origin)) in sources:
                continue
            sources[path] = file_digest(path)
            if not module.startswith("umt."):
                beside = {other.stem for other in path.parent.glob("*.py")}
                above = f"{spec.parent}." if spec.parent else ""
                names = sorted(_imported(path) & beside, reverse=True)
                pending += [f"{above}{name}" for name in names]
    return digest_of([*sources.values()])


def _imported(path: Path) -> set[str]:
    """The last words of the names of the modules that a source file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {getattr(node, "module", None) or "", *(alias.name for alias in node.names)}
    return {name.rpartition(".")[2] for name in names}


def _targets(settings: Any) -> Iterator[str]:
    if isinstance(settings, Mapping):
        if isinstance(target := settings.get("_target_"), str):
            yield target
        for value in settings.values():
            yield from _targets(value)
    elif isinstance(settings, list):
        for value in settings:
            yield from _targets(value)


@cache
def commit() -> str | None:
    """The commit of this program's code, with a plus where files differ from it; None outside a checkout."""
    home = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "-C", str(home), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip() or None

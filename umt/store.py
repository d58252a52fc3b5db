"""Artefacts on disk: run a stage once, remember it by what made it, resume after a kill.

An artefact is a directory named after the fingerprint of its stage, configuration, seed and inputs. An input
that reports its content counts by that: what was asked for otherwise and came out the same is not rebuilt.
Options that come from the group ``runtime`` are facts of the machine and in no fingerprint. The seed of a
stage follows from its name, the seed of the run and the seeds of its inputs alone: settings of one
hyper-parameter share their random numbers, and renaming a class or an option changes no figure.
It is made in a temporary directory beside its final place and appears there by one rename, ``manifest.json``
written last: what exists is complete.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from omegaconf import DictConfig, ListConfig, OmegaConf

import umt
from umt.lock import alone
from umt.runtime.files import MANIFEST as MANIFEST
from umt.runtime.files import digest_of as digest_of
from umt.runtime.files import write_json as write_json
from umt.runtime.seeds import child_seed
from umt.team import SOLO, Team
from umt.types import BadInput, Progress

_HOST = socket.gethostname()


class Digestible(Protocol):
    """An input that is no artefact, known by its content: a corpus, a held-out set."""

    def digest(self) -> str:
        """Changes when the content does."""
        ...


@dataclass(frozen=True)
class Artefact:
    """A finished directory and what its manifest says."""

    path: Path
    manifest: Mapping[str, Any]

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
        """What the stage said about its own work."""
        return cast(Mapping[str, Any], self.manifest["report"])


@dataclass(frozen=True)
class Bench:
    """What a stage works with: where to write, where its randomness comes from, whom to tell how far it is.

    The seed follows from the stage's name, the seed of the run and the seeds of its inputs.
    """

    directory: Path
    seed: int
    progress: Progress
    unfinished: Path

    @property
    def scratch(self) -> Path:
        """A directory that outlives a kill and is gone when the stage is done: for checkpoints."""
        self.unfinished.mkdir(parents=True, exist_ok=True)
        return self.unfinished

    def generator(self) -> torch.Generator:
        """A fresh generator."""
        return torch.Generator().manual_seed(self.seed)


Stage = Callable[..., Mapping[str, Any]]
"""``stage(config, bench, *inputs)`` writes into ``bench.directory`` and returns its report."""


class Observer(Protocol):
    """Who is told what the store does: the console."""

    def progress(self, what: str, done: int, total: int | None) -> None:
        """``done`` of ``total`` steps of ``what``; None: nobody knows how many."""
        ...

    def reused(self, stage: str, artefact: Artefact) -> None:
        """It was there."""
        ...

    def started(self, stage: str) -> None:
        """It has to be made."""
        ...

    def finished(self, stage: str, artefact: Artefact) -> None:
        """It is made."""
        ...


@dataclass(frozen=True)
class Store:
    """Where artefacts live.

    rebuild: names of stages to run again even if their artefact exists.
    only: names of the stages that may be built; a missing artefact of any other is `BadInput`. None: all may.
    team: processes that run one program; the first builds, the others wait and find what it built.
    together: names of stages that all of them run, of which the first keeps its outcome.
    """

    root: Path
    observer: Observer
    rebuild: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    team: Team = SOLO
    together: tuple[str, ...] = ()

    def build(
        self,
        stage: Stage,
        config: DictConfig | None,
        *inputs: Artefact | Digestible | None,
        seed: int = 0,
    ) -> Artefact:
        """The artefact of ``stage`` on ``config``, ``inputs`` and ``seed``: found, or made now.

        An input that is optional and not there is None.

        Raises BadInput when it is missing and may not be built.
        """
        name = stage.__name__
        plain = settings_of(config)
        seed = child_seed(seed, name, *(each.seed for each in inputs if isinstance(each, Artefact)))
        fingerprint = digest_of([name, plain, seed, [each.digest() if each else None for each in inputs]])
        final = self.root / f"{name}-{fingerprint[:12]}"
        made = {each.path.name: each.version for each in inputs if isinstance(each, Artefact)}
        found_only = self.only is not None and name not in self.only
        anew = name in self.rebuild and not found_only
        self.team.wait()
        artefact = None if anew else self._found(final, made)
        self.team.wait()  # until all have looked, since the first may begin now
        if artefact is not None:
            self.observer.reused(name, artefact)
            return artefact
        if found_only:
            raise BadInput(
                f"nothing built for stage '{name}' with these overrides under {self.root}: "
                "run python train.py with the same overrides first"
            )
        self.observer.started(name)
        recipe = {"stage": name, "fingerprint": fingerprint, "config": plain, "seed": seed, "inputs": made}
        with self._lock(final):
            if self.team.rank == 0 and not anew:
                artefact = self._found(final, made)  # another process may have built it meanwhile
            if not self.team.agreed(artefact is not None):
                unfinished = self.root / f".unfinished-{final.name}-{digest_of([*made.values()])[:8]}"
                if self.team.rank == 0 or name in self.together:
                    artefact = self._run(stage, config, inputs, final, recipe, unfinished)
                self.team.wait()
                shutil.rmtree(unfinished, ignore_errors=True)
        if artefact is None or self.team.rank:
            artefact = _opened(final)
        self.observer.finished(name, artefact)
        return artefact

    def _found(self, final: Path, made: Mapping[str, str]) -> Artefact | None:
        """What lies at ``final``, unless an input was rebuilt since."""
        if not (final / MANIFEST).exists():
            return None
        artefact = _opened(final)
        same = [*artefact.manifest["inputs"].values()] == [*made.values()]
        return artefact if same else None

    def _lock(self, final: Path) -> AbstractContextManager[None]:
        """Cells of a sweep that run at once build what they share one after the other."""
        if self.team.rank:
            return nullcontext()
        told = partial(self.observer.progress, "waiting for another process that builds it", 0, None)
        return alone(self.root / f".lock-{final.name}", told)

    def _run(
        self,
        stage: Stage,
        config: DictConfig | None,
        inputs: Iterable[Artefact | Digestible | None],
        final: Path,
        recipe: Mapping[str, Any],
        unfinished: Path,
    ) -> Artefact:
        self.root.mkdir(parents=True, exist_ok=True)
        if self.team.rank == 0:
            _sweep(self.root)
        building = self.root / f".building-{final.name}-{_HOST}-{os.getpid()}"
        building.mkdir()
        start = time.perf_counter()
        try:
            bench = Bench(building, int(recipe["seed"]), self.observer.progress, unfinished)
            report = stage(config, bench, *inputs)
            manifest = {
                **recipe,
                "report": report,
                "seconds": round(time.perf_counter() - start, 3),
                "made": datetime.now(UTC).isoformat(timespec="microseconds"),
                "umt": umt.__version__,
                "torch": torch.__version__,
            }
            if self.team.rank:
                return Artefact(final, manifest)
            write_json(building / MANIFEST, manifest)
            if final.exists():
                shutil.rmtree(final)
            building.rename(final)
        finally:
            shutil.rmtree(building, ignore_errors=True)
            with suppress(OSError):
                unfinished.rmdir()  # nothing was begun that could be gone on with
        return Artefact(final, manifest)


def _opened(directory: Path) -> Artefact:
    return Artefact(directory, json.loads((directory / MANIFEST).read_text(encoding="utf-8")))


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


def _sweep(root: Path) -> None:
    """Remove what killed runs of this machine left behind."""
    for directory in root.glob(f".building-*-{_HOST}-*"):
        process = int(directory.name.rpartition("-")[2])
        if process != os.getpid() and not Path(f"/proc/{process}").exists():
            shutil.rmtree(directory, ignore_errors=True)

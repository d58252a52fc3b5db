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

import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from omegaconf import DictConfig

import umt
from umt.pipeline.artefact import Artefact, code_digest, commit, settings_of
from umt.runtime.distributed import SINGLE, ProcessGroup
from umt.runtime.files import (
    MANIFEST,
    atomic_directory,
    digest_of,
    disk_full_as_bad_input,
    file_digests,
    remove_unfinished,
    temporary_directory,
    unfinished,
    write_json,
)
from umt.runtime.lock import exclusive_lock
from umt.runtime.seeds import child_seed
from umt.types import BadInput, ProgressCallback


class HasDigest(Protocol):
    """An input that is no artefact, known by its content: a corpus, a held-out set."""

    def digest(self) -> str:
        """Changes when the content does."""
        ...


@dataclass(frozen=True)
class StageContext:
    """What a stage works with: where to write, where its randomness comes from, whom to tell how far it is.

    The seed follows from the stage's name, the seed of the run and the seeds of its inputs.
    """

    directory: Path
    seed: int
    progress: ProgressCallback
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

    def reused(self, stage: str, artefact: Artefact, stale: bool) -> None:
        """It was there; stale: the code of its strategies has changed since it was built."""
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
    check_files: whether the files of what is used again are compared with their digests.
    """

    root: Path
    observer: Observer
    rebuild: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    team: ProcessGroup = SINGLE
    together: tuple[str, ...] = ()
    check_files: bool = True

    def build(
        self,
        stage: Stage,
        config: DictConfig | None,
        *inputs: Artefact | HasDigest | None,
        seed: int = 0,
    ) -> Artefact:
        """The artefact of ``stage`` on ``config``, ``inputs`` and ``seed``: found, or made now.

        An input that is optional and not there is None.

        Raises BadInput when it is missing and may not be built.
        """
        name, settings = stage.__name__, settings_of(config)
        seed = child_seed(seed, name, *(each.seed for each in inputs if isinstance(each, Artefact)))
        fingerprint = digest_of([name, settings, seed, [each.digest() if each else None for each in inputs]])
        versions = {each.path.name: each.version for each in inputs if isinstance(each, Artefact)}
        recipe = {
            "stage": name,
            "fingerprint": fingerprint,
            "config": settings,
            "seed": seed,
            "inputs": versions,
            "code": code_digest(settings),
        }
        final = self.root / f"{name}-{fingerprint[:12]}"
        may_build = self.only is None or name in self.only
        rebuild = name in self.rebuild and may_build
        self.team.barrier()
        artefact = None if rebuild else self._finished(final, versions)
        self.team.barrier()  # until all have looked, since the first may begin now
        if artefact is not None:
            if self.check_files:
                artefact.verify()
            self._clear(final.name)
            self.observer.reused(name, artefact, artefact.manifest.get("code") not in (None, recipe["code"]))
            return artefact
        if not may_build:
            raise BadInput(
                f"nothing built for stage '{name}' with these overrides under {self.root}: "
                "run python train.py with the same overrides first, or name a run: resume=RUN"
            )
        self.observer.started(name)
        with self._lock(final):
            if self.team.rank == 0 and not rebuild:
                artefact = self._finished(final, versions)  # another process may have built it meanwhile
            if not self.team.broadcast_bool(artefact is not None):
                scratch = self.root / f".unfinished-{final.name}-{digest_of([*versions.values()])[:8]}"
                if self.team.rank == 0 or name in self.together:
                    self._run(partial(stage, config), inputs, final, recipe, scratch)
                self.team.barrier()
                if self.team.rank == 0:
                    self._remove_scratch(final.name)
                artefact = Artefact.open(final)
        artefact = artefact or Artefact.open(final)
        self.observer.finished(name, artefact)
        return artefact

    def _finished(self, final: Path, versions: Mapping[str, str]) -> Artefact | None:
        """What lies at ``final``, unless an input was rebuilt since."""
        if not (final / MANIFEST).exists():
            return None
        artefact = Artefact.open(final)
        same = [*artefact.manifest["inputs"].values()] == [*versions.values()]
        return artefact if same else None

    def _lock(self, final: Path) -> AbstractContextManager[None]:
        """Jobs of a sweep that run at once build what they share one after the other."""
        if self.team.rank:
            return nullcontext()
        waiting = partial(self.observer.progress, "waiting for another process that builds it", 0, None)
        return exclusive_lock(self._lock_file(final.name), waiting)

    def _lock_file(self, name: str) -> Path:
        return self.root / f".lock-{name}"

    def _run(
        self,
        stage: Callable[..., Mapping[str, Any]],
        inputs: Iterable[Artefact | HasDigest | None],
        final: Path,
        recipe: Mapping[str, Any],
        scratch: Path,
    ) -> None:
        """Let ``stage`` fill ``final``, all or nothing; the first process of a team keeps its outcome."""
        self.root.mkdir(parents=True, exist_ok=True)
        if self.team.rank == 0:
            self._remove_left_over(final.name)
        start = time.perf_counter()
        place = atomic_directory(final) if self.team.rank == 0 else temporary_directory(self.root)
        advice = (
            f"no space is left on the disk of {self.root}: free some and run the same command again, or take "
            "another disk with store=DIR"
        )
        with disk_full_as_bad_input(advice), place as directory:
            try:
                bench = StageContext(directory, int(recipe["seed"]), self.observer.progress, scratch)
                report = stage(bench, *inputs)
                manifest = {
                    **recipe,
                    "report": report,
                    "seconds": round(time.perf_counter() - start, 3),
                    "made": datetime.now(UTC).isoformat(timespec="microseconds"),
                    "umt": umt.__version__,
                    "commit": commit(),
                    "torch": torch.__version__,
                    "files": file_digests(directory),
                }
                write_json(directory / MANIFEST, manifest)
            finally:
                with suppress(OSError):
                    scratch.rmdir()  # nothing was begun that could be gone on with

    def _remove_scratch(self, name: str) -> None:
        for left in self.root.glob(f".unfinished-{name}-*"):
            shutil.rmtree(left, ignore_errors=True)

    def _clear(self, name: str) -> None:
        """Remove what a build left that was killed after its artefact had appeared."""
        if self.team.rank == 0 and any(self.root.glob(f".*{name}*")):
            with suppress(OSError), exclusive_lock(self._lock_file(name)):  # held: another is building it
                remove_unfinished(self.root, name, exclusive=True)
                self._remove_scratch(name)

    def _remove_left_over(self, name: str) -> None:
        """Remove what killed builds left, where this process holds the lock of ``name``.

        A build that still runs, in whatever container, holds the lock of its own.
        """
        remove_unfinished(self.root, name, exclusive=True)
        for other in unfinished(self.root) - {name}:
            with suppress(BlockingIOError), exclusive_lock(self._lock_file(other)):
                remove_unfinished(self.root, other, exclusive=True)

"""What a person sees: live progress of a stage, one line when it is done, one sentence when it fails."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NoReturn

from rich.console import Console as Terminal
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from umt.pipeline.artefact import Artefact
from umt.types import BadInput

FAILED = 2
"""The exit status of what the user can mend."""


class Command(ArgumentParser):
    """The command line of the module ``name``; its help tells what the module says ``about`` itself."""

    def __init__(self, name: str, about: str | None) -> None:
        summary, _, rest = (about or "").partition("\n\n")
        super().__init__(
            f"python -m {name}", None, summary, rest, formatter_class=RawDescriptionHelpFormatter
        )

    def error(self, message: str) -> NoReturn:
        """One sentence, as everywhere."""
        print(f"error: {message}; see {self.prog} --help", file=sys.stderr)
        sys.exit(FAILED)


def _terminal() -> Terminal:
    terminal = Terminal(highlight=False, soft_wrap=True)
    return terminal if terminal.is_terminal else Terminal(highlight=False, soft_wrap=True, width=160)


@dataclass
class Console:
    """Follows a store (see `umt.store.Observer`) on a terminal or in a log file."""

    terminal: Terminal = field(default_factory=_terminal)
    _live: Progress | None = None
    _tasks: dict[str, TaskID] = field(default_factory=dict)

    def started(self, stage: str) -> None:
        """A stage begins."""
        self._tasks.clear()
        self._live = Progress(
            SpinnerColumn(),
            TextColumn(f"[bold]{stage}[/]  {{task.description}}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.terminal,
            transient=True,
            disable=not self.terminal.is_terminal,
        )
        self._live.start()

    def progress(self, what: str, done: int, total: int | None) -> None:
        """``done`` of ``total`` steps of ``what``; each ``what`` has a bar of its own.

        What goes on where the last one stood, towards the same total, is that one under a name that tells
        more, such as today's loss.
        """
        if self._live is None:
            return
        if what not in self._tasks:
            last = next(reversed(self._tasks), "")
            before = self._live.tasks[self._tasks[last]] if last else None
            if before is not None and before.total == total and 0 < before.completed <= done:
                self._tasks[what] = self._tasks.pop(last)
            else:
                self._tasks[what] = self._live.add_task(what, total=total)
        self._live.update(self._tasks[what], description=what, completed=done, total=total)

    def stopped(self) -> None:
        """Clear the bars, whatever happened."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def finished(self, stage: str, artefact: Artefact) -> None:
        """A stage ended well."""
        self.stopped()
        self._line(stage, f"{artefact.manifest['seconds']:7.1f} s", artefact)

    def reused(self, stage: str, artefact: Artefact, stale: bool) -> None:
        """A stage was already done."""
        self._line(stage, "   kept  ", artefact)
        if stale:
            self.terminal.print(f"{'':<22}  [yellow]built by other code: rebuild=\\[{stage}] runs it anew[/]")

    def _line(self, stage: str, took: str, artefact: Artefact) -> None:
        self.terminal.print(f"[bold]{stage:<10}[/] {took}  {artefact.report.get('summary', '')}")
        for sentence in artefact.report.get("warnings", ()):
            self.terminal.print(f"{'':<22}  [yellow]{sentence}[/]")


GO_ON = "interrupted; finished stages are kept, run the same command to go on"


@contextmanager
def plain_errors(console: Console, interrupted: str = GO_ON) -> Iterator[None]:
    """Turn what the user can mend into one sentence on stderr and exit status 2.

    Covers bad input, impossible options, a full disk and numbers that stopped being finite; anything else is
    our mistake and keeps its traceback. interrupted: what is said after Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt:
        _leave(console, interrupted, 130)
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, (BadInput, OSError, FloatingPointError)):
            if type(cause) in (ValueError, TypeError) and type(error).__module__.startswith("hydra"):
                break  # a dataclass refused an option
            cause = cause.__cause__
        if cause is None:
            console.stopped()
            raise
        # a value of the wrong kind: only the message around it says which option
        _leave(console, str(error if isinstance(cause, TypeError) else cause), FAILED)


@contextmanager
def plain_options() -> Iterator[None]:
    """Turn an override that does not fit the configuration into one sentence and exit status 2.

    Goes around the entry point as a whole, for options are read before any of our code runs.
    """
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # or its own report of many lines comes first
    try:
        yield
    except CellFailed as error:
        _leave(Console(), f"at least one cell of the sweep failed: {error}", FAILED)
    except Exception as error:
        if not type(error).__module__.startswith("hydra"):
            raise
        _leave(Console(), _about_option(error), FAILED)


def _about_option(error: Exception) -> str:
    """What is wrong with an override, and what would be right."""
    cause = error.__cause__
    group, _, name = (getattr(error, "missing_cfg_file", None) or "").rpartition("/")
    if name:
        known = sorted(set(getattr(error, "options", None) or ()))
        said, wrong = f"there is no {group}={name}", name
    elif (parent := getattr(cause, "parent_node", None)) is not None:
        known = sorted(key for key in map(str, parent) if not key.startswith("_"))
        said, wrong = f"there is no option {getattr(cause, 'full_key', '')}", str(getattr(cause, "key", ""))
    else:
        return f"the options could not be read: {error}"
    if not known:
        return f"{said}: nothing can be set there (+{getattr(cause, 'full_key', wrong)}=... adds it)"
    near = [f", did you mean {each}" for each in get_close_matches(wrong, known, 1)]
    return f"{said}{''.join(near)}? The options are {', '.join(known)}"


class CellFailed(Exception):
    """One cell of a sweep ended with an error that it has told; the others go on."""


def _leave(console: Console, sentence: str, status: int) -> None:
    console.stopped()
    print(f"error: {' '.join(sentence.split())}", file=sys.stderr)
    sys.exit(status)

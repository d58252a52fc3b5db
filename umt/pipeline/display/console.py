"""Progress of the stages: live bars on a terminal, a plain line every half minute in a log file."""

from __future__ import annotations

import io
import re
import sys
import threading
import time
from dataclasses import dataclass, field

from rich.console import Console as Terminal
from rich.markup import escape
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
from rich.table import Column

from umt.pipeline.artefact import Artefact

INTERVAL = 30.0
"""Seconds between two lines of a stage in a log file."""


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """``text`` for a terminal: control characters, which could command it, become U+FFFD."""
    return _CONTROL.sub("\ufffd", text)


def literal(text: object) -> str:
    """``text`` as it stands within markup of ``rich``."""
    return escape(printable(str(text)))


def _terminal() -> Terminal:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a name that the locale cannot write ends no run
    terminal = Terminal(highlight=False, soft_wrap=True)
    return terminal if terminal.is_terminal else Terminal(highlight=False, soft_wrap=True, width=160)


@dataclass
class Console:
    """Follows a store (see `umt.pipeline.store.Observer`) on a terminal or in a log file.

    interval: seconds between plain lines where the output is no terminal. list_reused: whether a stage that
    was built before has a line of its own; its warnings are shown anyway.
    """

    terminal: Terminal = field(default_factory=_terminal)
    interval: float = INTERVAL
    list_reused: bool = True
    _live: Progress | None = None
    _tasks: dict[str, TaskID] = field(default_factory=dict)
    _log: _LogLines | None = None

    def started(self, stage: str) -> None:
        """A stage begins."""
        self.stopped()
        self._tasks.clear()
        if not self.terminal.is_terminal:
            self._log = _LogLines(stage, self.terminal, self.interval)
        self._live = Progress(
            SpinnerColumn(),
            TextColumn(
                f"[bold]{stage}[/]  {{task.description}}",
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            BarColumn(bar_width=None if self.terminal.width >= 110 else 10),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.terminal,
            expand=True,
            transient=True,
            disable=not self.terminal.is_terminal,
        )
        self._live.start()

    def progress(self, what: str, done: int, total: int | None) -> None:
        """``done`` of ``total`` steps of ``what``; each ``what`` has a bar of its own.

        What goes on where the last one stood, towards the same total, is that one under a new description,
        such as the current loss.
        """
        if self._live is None:
            return
        if self._log is not None:
            self._log.state(what, done, total)
        if what not in self._tasks:
            last = next(reversed(self._tasks), "")
            before = self._live.tasks[self._tasks[last]] if last else None
            if before is not None and before.total == total and 0 < before.completed <= done:
                self._tasks[what] = self._tasks.pop(last)
            else:
                self._tasks[what] = self._live.add_task(what, total=total)
        self._live.update(self._tasks[what], description=what, completed=done, total=total)

    def stopped(self) -> None:
        """Remove the bars and end the plain lines, however the stage ended."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._log is not None:
            self._log.stop()
            self._log = None

    def finished(self, stage: str, artefact: Artefact) -> None:
        """A stage ended well."""
        self.stopped()
        self._line(stage, f"{artefact.manifest['seconds']:7.1f} s", artefact)

    def reused(self, stage: str, artefact: Artefact, stale: bool) -> None:
        """A stage was already done."""
        if self.list_reused:
            self._line(stage, "   kept  ", artefact)
        if stale:
            self.terminal.print(
                f"{stage:<22}  [yellow]built by other code: rebuild=\\[{stage}] runs it anew[/]"
            )

    def _line(self, stage: str, took: str, artefact: Artefact) -> None:
        self.terminal.print(f"[bold]{stage:<10}[/] {took}  {literal(artefact.report.get('summary', ''))}")
        for sentence in artefact.report.get("warnings", ()):
            self.terminal.print(f"{'':<22}  [yellow]{literal(sentence)}[/]")


class _LogLines:
    """A plain line of the current stage every ``interval`` seconds, whether or not it reports progress."""

    def __init__(self, stage: str, terminal: Terminal, interval: float) -> None:
        self._stage, self._terminal, self._interval = stage, terminal, interval
        self._start = self._first_time = time.monotonic()
        self._what, self._done, self._first_done = "", 0, 0
        self._total: int | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._print, name="log lines", daemon=True).start()

    def state(self, what: str, done: int, total: int | None) -> None:
        """The newest state of the stage; the rate is counted from where ``done`` began to grow."""
        if total != self._total or done < self._done:
            self._first_time, self._first_done = time.monotonic(), done
        self._what, self._done, self._total = what, done, total

    def stop(self) -> None:
        """No further line."""
        self._ended.set()

    def _print(self) -> None:
        while not self._ended.wait(self._interval):
            self._terminal.print(self.line(time.monotonic()), markup=False)

    def line(self, now: float) -> str:
        """Stage, seconds, what is done, steps, rate and time left."""
        parts = [f"{self._stage:<10} {now - self._start:7.0f} s  {self._what or 'at work'}"]
        if self._total:
            parts.append(f"{self._done:,} of {self._total:,}")
            steps, seconds = self._done - self._first_done, now - self._first_time
            if steps > 0 and seconds > 0:
                parts.append(f"{steps / seconds:,.3g} a second")
                parts.append(f"{_duration((self._total - self._done) * seconds / steps)} left")
        return ", ".join(parts)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes else f"{seconds:.0f} s"

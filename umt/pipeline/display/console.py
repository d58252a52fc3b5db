"""Progress of the stages: a live display on a terminal, a plain line every half minute in a log file."""

from __future__ import annotations

import io
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.console import Console as Terminal
from rich.console import Group
from rich.live import Live
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
from rich.text import Text

from umt.pipeline.artefact import Artefact

INTERVAL = 30.0
"""Seconds between two lines of a stage in a log file."""

_RATE_LINES = 10
"""Lines over which the rate is the mean: the machine, or what a step costs, changes in a long stage."""


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
    was built before has a line of its own; its warnings are shown anyway. label: leads every line, to tell
    the runs of a sweep apart.
    """

    terminal: Terminal = field(default_factory=_terminal)
    interval: float = INTERVAL
    list_reused: bool = True
    label: str = ""
    _plan: list[tuple[str, float | None]] = field(default_factory=list)
    _display: _Display | None = None
    _log: _LogLines | None = None

    def expect(self, stages: Iterable[tuple[str, float | None]]) -> None:
        """The stages to come, in order, each with the seconds that it took last, None: not known."""
        self._plan = [*stages]

    def started(self, stage: str) -> None:
        """A stage begins."""
        self.stopped()
        last = self._reached(stage)
        if self.terminal.is_terminal:
            self._display = _Display(stage, last, self._plan, self.terminal)
        elif not self.terminal.quiet:
            self._log = _LogLines(f"{self.label}{stage}", last, self.terminal, self.interval)

    def _reached(self, stage: str) -> float | None:
        """Strike ``stage``, and what was expected before it, off the plan; the seconds that it took last."""
        for place, (name, seconds) in enumerate(self._plan):
            if name == stage:
                self._plan = self._plan[place + 1 :]
                return seconds
        return None

    def progress(self, what: str, done: int, total: int | None) -> None:
        """``done`` of ``total`` steps of ``what``; each ``what`` has a bar of its own."""
        for shown in (self._display, self._log):
            if shown is not None:
                shown.state(what, done, total)

    def stopped(self) -> None:
        """Remove the display and end the plain lines, however the stage ended."""
        for shown in (self._display, self._log):
            if shown is not None:
                shown.stop()
        self._display = self._log = None

    def finished(self, stage: str, artefact: Artefact) -> None:
        """A stage ended well."""
        self.stopped()
        self._line(stage, f"{artefact.manifest['seconds']:7.1f} s", artefact)

    def reused(self, stage: str, artefact: Artefact, stale: bool) -> None:
        """A stage was already done."""
        self._reached(stage)
        if self.list_reused:
            self._line(stage, "   kept  ", artefact)
        if stale and stage != "run":  # which names the other stages and runs no strategy
            self.terminal.print(
                f"{stage:<22}  [yellow]built by other code: rebuild=\\[{stage}] runs it anew[/]"
            )

    def _line(self, stage: str, took: str, artefact: Artefact) -> None:
        summary = literal(artefact.report.get("summary", ""))
        line = f"{escape(self.label)}[bold]{stage:<10}[/] {took}  {summary}"
        self.terminal.print(line, soft_wrap=not self.terminal.is_terminal)  # there between words
        for sentence in artefact.report.get("warnings", ()):
            self.terminal.print(f"{'':<22}  [yellow]{literal(sentence)}[/]")


class _Display:
    """What happens now, with bars, above what is to come: one area at the foot of the terminal."""

    def __init__(
        self, stage: str, last: float | None, plan: Sequence[tuple[str, float | None]], terminal: Terminal
    ) -> None:
        self._stage, self._last, self._plan = stage, last, [*plan]
        self._start = time.monotonic()
        self.bars = Progress(
            SpinnerColumn(),
            TextColumn(
                f"[bold]{stage}[/]  {{task.description}}",
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            BarColumn(bar_width=None if terminal.width >= 110 else 10),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=terminal,
            expand=True,
        )
        self._tasks: dict[str, TaskID] = {"": self.bars.add_task("at work", total=None)}
        self.live = Live(console=terminal, transient=True, get_renderable=self._picture)
        self.live.start()

    def state(self, what: str, done: int, total: int | None) -> None:
        """The newest state of the stage.

        What goes on where the last one stood, towards the same total, is that one under a new description,
        such as the current loss.
        """
        if what not in self._tasks:
            last = next(reversed(self._tasks))
            before = self.bars.tasks[-1]
            if not last or (before.total == total and 0 < before.completed <= done):
                self._tasks[what] = self._tasks.pop(last)
            else:
                self._tasks[what] = self.bars.add_task(what, total=total)
        self.bars.update(self._tasks[what], description=escape(what), completed=done, total=total)

    def stop(self) -> None:
        """Remove it."""
        self.live.stop()

    def _picture(self) -> Group:
        gone = time.monotonic() - self._start
        now = "" if self._last is None else f"; {self._stage} took {duration(self._last)} last time"
        known = [max(0.0, (self._last or 0.0) - gone), *(seconds or 0.0 for _, seconds in self._plan)]
        least = "more than" if None in (self._last, *(seconds for _, seconds in self._plan)) else "about"
        left = f"{least} {duration(sum(known))} left" if sum(known) else "time left: not known yet"
        coming = ", ".join(
            stage if seconds is None else f"{stage} {duration(seconds)}" for stage, seconds in self._plan
        )
        lines = f"{left}{now}\n{f'to come: {coming}' if coming else 'the last stage'}"
        return Group(self.bars, Text(lines, no_wrap=False, overflow="fold"))


class _LogLines:
    """A plain line of the current stage every ``interval`` seconds, whether or not it reports progress."""

    def __init__(self, stage: str, last: float | None, terminal: Terminal, interval: float) -> None:
        self._stage, self._last, self._terminal, self._interval = stage, last, terminal, interval
        self._start = time.monotonic()
        self._what, self._done = "", 0
        self._total: int | None = None
        self._marks = deque([(self._start, 0)], _RATE_LINES)  # seconds and steps at the last lines
        self._ended = threading.Event()
        threading.Thread(target=self._print, name="log lines", daemon=True).start()

    def state(self, what: str, done: int, total: int | None) -> None:
        """The newest state of the stage; the rate is counted anew where ``done`` begins to grow anew."""
        if total != self._total or done < self._done:
            self._marks = deque([(time.monotonic(), done)], _RATE_LINES)
        self._what, self._done, self._total = what, done, total

    def stop(self) -> None:
        """No further line."""
        self._ended.set()

    def _print(self) -> None:
        while not self._ended.wait(self._interval):
            self._terminal.print(self.line(time.monotonic()), markup=False)

    def line(self, now: float) -> str:
        """Stage, seconds, what is done, steps, rate of the last lines and time left, or what it took last."""
        parts = [f"{self._stage:<10} {now - self._start:7.0f} s  {self._what or 'at work'}"]
        begin, first = self._marks[0]
        self._marks.append((now, self._done))
        steps, seconds = self._done - first, now - begin
        if self._total:
            parts.append(f"{self._done:,} of {self._total:,}")
        elif self._done:
            parts.append(f"{self._done:,}")
        growing = steps > 0 and seconds > 0
        if growing:
            rate, pause = steps / seconds, seconds / steps
            parts.append(f"{_rounded(rate)} a second" if rate >= 1 else f"{_rounded(pause)} s each")
        if growing and self._total:
            parts.append(f"{duration((self._total - self._done) * seconds / steps)} left")
        elif self._last is not None:
            parts.append(f"{duration(self._last)} last time")
        return ", ".join(parts)


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """In seconds up to a hundred, else in minutes."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"

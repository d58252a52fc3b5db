"""What a person sees: live progress of a stage, one line when it is done, one sentence when it fails."""

from __future__ import annotations

from dataclasses import dataclass, field

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


def _terminal() -> Terminal:
    terminal = Terminal(highlight=False, soft_wrap=True)
    return terminal if terminal.is_terminal else Terminal(highlight=False, soft_wrap=True, width=160)


@dataclass
class Console:
    """Follows a store (see `umt.pipeline.store.Observer`) on a terminal or in a log file."""

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

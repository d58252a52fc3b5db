"""Ctrl-C and SIGTERM end a program in one sentence, and its worker processes with it.

Import it before anything that takes long: an interrupt of the imports is one sentence, too;
`umt.pipeline.errors.user_errors` covers the time after.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
from types import FrameType, TracebackType


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM, as batch systems and containers do."""


def raise_on_sigterm() -> None:
    """Let SIGTERM raise `Terminated` in the main thread, where Ctrl-C raises KeyboardInterrupt.

    Workers that are forked from here on die with this process.
    """
    import umt.runtime.worker  # noqa: F401  (what it registers is for programs that have workers)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminated)


def _terminated(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the second one would interrupt the clearing up
    stop_workers()
    raise Terminated


def stop_workers() -> None:
    """Kill the worker processes, so that executors end at once instead of finishing what is in progress."""
    for worker in multiprocessing.active_children():
        worker.kill()


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("error: interrupted before anything was begun", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _excepthook

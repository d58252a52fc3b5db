"""Ctrl-C and SIGTERM end a program in one sentence, and its worker processes with it.

Import it before anything that takes long: an interrupt of the imports is one sentence, too;
`umt.pipeline.errors.user_errors` covers the time after.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from contextlib import suppress
from functools import cache
from multiprocessing import forkserver
from types import FrameType, TracebackType

INTERRUPTED, TERMINATED = 130, 143
"""The exit statuses after Ctrl-C and after SIGTERM: 128 and the number of the signal."""

GRACE = 10.0
"""Seconds to clear up in: an executor waits for the rest of a result whose sender was killed."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_parent = 0


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM, as batch systems and containers do."""


def handle_signals() -> None:
    """Let SIGTERM raise `Terminated` and Ctrl-C KeyboardInterrupt in the main thread, workers stopped before.

    Workers that are forked from here on die with this process, however it ends.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminated)
        signal.signal(signal.SIGINT, _interrupted)
    tie_workers()


def _terminated(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would interrupt the clearing up
    stop_workers()
    _end_within_grace(TERMINATED)
    raise Terminated


def _interrupted(number: int, frame: FrameType | None) -> None:
    stop_workers()
    _end_within_grace(INTERRUPTED)
    raise KeyboardInterrupt


def _end_within_grace(status: int) -> None:
    """End the process with ``status`` after `GRACE`, whatever it waits for; what is stored is whole."""

    def end() -> None:
        try:
            print("error: stopped before everything was cleared up", file=sys.stderr, flush=True)
        finally:
            os._exit(status)

    timer = threading.Timer(GRACE, end)
    timer.daemon = True
    timer.start()


@cache
def tie_workers() -> None:
    """Let every process that is forked from now on die with this one, and leave Ctrl-C to it."""
    os.register_at_fork(before=_note_parent, after_in_child=_tie)


def _note_parent() -> None:
    global _parent
    _parent = os.getpid()


def _tie() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to every process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent()
    if os.getppid() != _parent:  # it ended between the fork and the call
        os._exit(1)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread ends that started it; Linux alone can."""
    prctl = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def stop_workers() -> None:
    """Kill the worker processes, so that executors end at once instead of finishing what is in progress.

    And the server that forks them, which may just be starting one that nobody waits for any more.
    """
    for worker in multiprocessing.active_children():
        worker.kill()
    server: int | None = getattr(forkserver._forkserver, "_forkserver_pid", None)
    if server:
        with suppress(ProcessLookupError):
            os.kill(server, signal.SIGKILL)


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("error: interrupted before anything was begun", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _excepthook
for stream in (sys.stdin, sys.stdout, sys.stderr):
    if stream is None:  # closed by the caller: the next file to be opened would get its number, and messages
        os.open(os.devnull, os.O_RDWR)

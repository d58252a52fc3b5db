"""Worker processes die with the process that forked them: imported where workers are forked.

That is the program itself, or the server of `umt.runtime.processes.forkserver_context`, which ends when the
program does, however that ends. Ctrl-C in a terminal goes to every process: workers leave it to the program.
"""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PARENT = os.getpid()


def _die_with_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prctl = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != _PARENT:  # it ended between the fork and the call
            os._exit(1)


os.register_at_fork(after_in_child=_die_with_parent)

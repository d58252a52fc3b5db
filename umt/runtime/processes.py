"""Worker processes that start clean, and quickly."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerContext


def forkserver_context() -> ForkServerContext:
    """For executors: processes forked from a server that has no threads and has imported `umt` once.

    A fork of this process could leave its threads (progress bars, torch) half alive; a spawned one imports
    the main module first, which takes train.py four seconds for each.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(sorted(name for name in sys.modules if name.startswith("umt.")))
    return context


def cores(wanted: int = 0) -> int:
    """``wanted``, or where that is 0 the number of cores that this process may use."""
    return wanted or len(os.sched_getaffinity(0))

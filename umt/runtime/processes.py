"""Worker processes that start clean, and quickly."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerContext

_WORKER = "umt.runtime.worker"
"""Imported by the server alone: what its children do when they begin."""


def forkserver_context() -> ForkServerContext:
    """For executors: processes forked from a server that has no threads and has imported `umt` once.

    A fork of this process could leave its threads (progress bars, torch) half alive; a spawned one imports
    the main module first, which takes train.py four seconds for each.  The workers die with this process.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [_WORKER, *sorted(name for name in sys.modules if name.startswith("umt."))]
    )
    return context


def cores(count: int = 0) -> int:
    """``count``, or where that is 0 the number of cores that this process may use."""
    return count or len(os.sched_getaffinity(0))

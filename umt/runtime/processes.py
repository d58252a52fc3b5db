"""Worker processes that start clean, and quickly."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.context import ForkServerContext

_PRELOADED = (
    "umt.runtime.worker",  # what children do when they begin
    *("hydra", "omegaconf"),  # which the main module imports
    *("umt.corpus.preparation.cleaning", "umt.corpus.synthetic.realisation"),
)


def forkserver_context() -> ForkServerContext:
    """For executors: processes forked from a server that has no threads and has imported what they need once.

    A fork of this process could leave its threads (progress bars, torch) half alive; a spawned one imports
    everything anew.  The server imports what the workers of preparation call and nothing that loads torch,
    which takes seconds; modules of other functions are imported in each worker.  They die with this process.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_PRELOADED])
    return context


def cores(count: int = 0) -> int:
    """``count``, or where that is 0 the number of cores that this process may use."""
    return count or len(os.sched_getaffinity(0))

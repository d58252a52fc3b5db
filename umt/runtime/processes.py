"""Worker processes that start clean, and quickly."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerContext

_WORKER = "umt.runtime.worker"
"""Imported by the server alone: what its children do when they begin."""
_LIGHT = (
    "hydra", "omegaconf", "umt.corpus.preparation.cleaning", "umt.corpus.synthetic.realisation",
)  # fmt: skip
"""What workers use, their main module included."""


def forkserver_context() -> ForkServerContext:
    """For executors: processes forked from a server that has no threads and has imported what they need once.

    A fork of this process could leave its threads (progress bars, torch) half alive; a spawned one imports
    everything anew.  Whoever submits a function imports its module before, and no module that imports torch
    is loaded in advance, which takes seconds.  The workers die with this process.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_WORKER, *(name for name in _LIGHT if name in sys.modules)])
    return context


def cores(count: int = 0) -> int:
    """``count``, or where that is 0 the number of cores that this process may use."""
    return count or len(os.sched_getaffinity(0))

"""Progress of long work, told to whoever follows it, so that a strategy needs no console."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from umt.types import ProgressCallback

_follower: ContextVar[ProgressCallback | None] = ContextVar("follower", default=None)


@contextmanager
def followed(progress: ProgressCallback | None) -> Iterator[None]:
    """Within, ``progress`` receives what `report` is told; None: nobody does."""
    before = _follower.set(progress)
    try:
        yield
    finally:
        _follower.reset(before)


def report(what: str, done: int, total: int | None = None) -> None:
    """``done`` of ``total`` steps of ``what``, None: nobody knows how many."""
    progress = _follower.get()
    if progress is not None:
        progress(what, done, total)

"""One process at a time: a lock that the kernel lets go of when its holder is killed.

It is the process's own (POSIX): a worker that was forked from it and outlives it does not keep it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive_lock(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the file ``path``, which is there only meanwhile.

    waiting: called where another process holds it, before waiting for it; None: BlockingIOError instead.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = _acquire(path, waiting)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(file)


def _acquire(path: Path, waiting: Callable[[], None] | None) -> int:
    while True:
        file = os.open(path, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if waiting is None:
                os.close(file)
                raise BlockingIOError(f"{path} is held by another process") from None
            waiting()
            fcntl.lockf(file, fcntl.LOCK_EX)
        try:
            if os.path.samestat(os.fstat(file), os.stat(path)):
                return file
        except FileNotFoundError:
            pass
        os.close(file)  # who held it has removed it since

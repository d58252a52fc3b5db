"""The lock of a store: held by one process, and by nobody once that is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from umt.runtime.lock import exclusive_lock

ROOT = Path(__file__).parents[2]
FORKS = """
import os, sys, time
from pathlib import Path
from umt.runtime.lock import exclusive_lock

with exclusive_lock(Path(sys.argv[1]), lambda: None):
    if child := os.fork():
        print(child, flush=True)
    time.sleep(60)
"""
WAITS = """
import sys
from pathlib import Path
from umt.runtime.lock import exclusive_lock

lock = Path(sys.argv[1])
with exclusive_lock(lock, lambda: print("waits", flush=True)):
    print(lock.exists())
"""


def test_a_worker_that_outlives_who_held_it_does_not_keep_it(tmp_path: Path) -> None:
    line = [sys.executable, "-c", FORKS, str(tmp_path / "lock")]
    with subprocess.Popen(line, cwd=ROOT, text=True, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        worker = int(holder.stdout.readline())
        holder.kill()
        holder.wait()
        try:
            with exclusive_lock(tmp_path / "lock", lambda: pytest.fail("nobody holds it")):
                assert (tmp_path / "lock").exists()
        finally:
            os.kill(worker, signal.SIGKILL)
    assert not (tmp_path / "lock").exists()


def test_who_waited_holds_the_file_that_is_there(tmp_path: Path) -> None:
    """Not the one that the holder removed: a third process would make it anew and not wait."""
    lock = tmp_path / "lock"
    with exclusive_lock(lock, lambda: None):
        line = [sys.executable, "-c", WAITS, str(lock)]
        waiter = subprocess.Popen(line, cwd=ROOT, text=True, stdout=subprocess.PIPE)
        assert waiter.stdout is not None
        assert waiter.stdout.readline() == "waits\n"
    assert waiter.communicate(timeout=60)[0] == "True\n"

"""The short form of `tests.faults.kills`: one kill in each stage and in evaluation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_kills_in_every_stage_change_no_byte() -> None:
    command = [sys.executable, "-m", "tests.faults.kills", "--kills", "10", "--each", "1"]
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every file as in the unbroken run" in done.stdout
    assert int(done.stdout.split()[0]) >= 10

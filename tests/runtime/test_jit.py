"""Machine code of an installation that nobody may write to, for a user without a home."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import umt

WITHOUT_PRIVILEGES = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


@pytest.mark.skipif(os.getuid() == 0 and not shutil.which("setpriv"), reason="root may write anywhere")
def test_a_read_only_installation_without_a_home_runs(tmp_path: Path) -> None:
    shutil.copytree(
        Path(umt.__file__).parent,
        tmp_path / "umt",
        ignore=shutil.ignore_patterns("__pycache__", "conf", "cli"),
    )
    for folder, _, _ in os.walk(tmp_path):
        Path(folder).chmod(0o555)
    script = "import umt, umt.embeddings.topk_scan; print(umt.__file__)"  # which has loops of its own
    command = [*(WITHOUT_PRIVILEGES if os.getuid() == 0 else []), sys.executable, "-c", script]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"HOME": "/proc/none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))
    for folder, _, _ in os.walk(tmp_path):
        Path(folder).chmod(0o755)

"""What is typed and read by a person answers at once: help and shell completion load no network library."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from tests.test_architecture import ROOT

COMPLETION = {"COMP_LINE": "python train.py align", "COMP_POINT": "21"}


@pytest.mark.parametrize(
    ("command", "bar"),
    [
        (["-c", "import umt"], 1.0),
        (["train.py", "--help"], 3.0),
        (["evaluate.py", "--help"], 3.0),
        (["train.py", "-sc", "query=bash"], 2.0),
        (["-c", "import umt.corpus.preparation.cleaning, umt.corpus.synthetic.realisation"], 2.5),
    ],
    ids=["import", "train-help", "evaluate-help", "completion", "workers"],
)
def test_start_up_loads_no_torch(command: list[str], bar: float) -> None:
    """bar: seconds of processor time, about three times what an idle machine takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | COMPLETION
    line = [sys.executable, "-X", "importtime", *command]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    loaded = {entry.rpartition("|")[2].strip() for entry in done.stderr.splitlines()}
    assert not loaded & {"torch", "transformers", "numba", "sklearn", "scipy"}
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < bar

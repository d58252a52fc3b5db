"""Several processes at one store, and processes that die there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.test_store import Diary, first, numbered
from umt.pipeline.display.console import Console
from umt.pipeline.errors import user_errors
from umt.pipeline.store import StageContext, Store

ROOT = Path(__file__).parents[2]


def test_a_worker_that_dies_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def dies(config: None, context: StageContext) -> Mapping[str, Any]:
        with ProcessPoolExecutor(1, get_context("fork")) as pool:
            pool.submit(os._exit, 9).result()
        return {}

    with pytest.raises(SystemExit) as end, user_errors(Console()):
        Store(tmp_path, Diary()).build(dies, None)
    assert end.value.code == 2
    assert "error: a worker process was killed" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_store_leaves_what_another_process_is_building(tmp_path: Path) -> None:
    """Host names and process numbers say nothing between containers: the lock does."""
    place = tmp_path / ".other-1.vm-999999999.partial"
    place.mkdir()
    script = (
        "import sys, time; from pathlib import Path; from umt.runtime.lock import exclusive_lock\n"
        "with exclusive_lock(Path(sys.argv[1])):\n print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / ".lock-other-1")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        Store(tmp_path, Diary()).build(first, numbered(3))
        assert place.exists()
        other.kill()
    Store(tmp_path, Diary()).build(first, numbered(4))
    assert not place.exists()


def test_store_removes_what_another_machine_left_of_the_artefact_that_it_builds(tmp_path: Path) -> None:
    built = Store(tmp_path, Diary()).build(first, numbered(3)).path
    shutil.rmtree(built)
    place = tmp_path / f".{built.name}.elsewhere-1.partial"
    place.mkdir()
    assert Store(tmp_path, Diary()).build(first, numbered(3)).path == built
    assert not place.exists()


def test_store_says_that_an_artefact_was_built_by_other_code(tmp_path: Path) -> None:
    place = tmp_path / "plugin"
    place.mkdir()
    (place / "my_strategy.py").write_text("RATE = 1\n")
    script = f"""
import sys; sys.path.insert(0, {str(place)!r})
from pathlib import Path
from omegaconf import OmegaConf
from tests.pipeline.test_store import Diary, first
from umt.pipeline.display.console import Console
from umt.pipeline.errors import user_errors
from umt.pipeline.store import Store
diary = Diary()
config = OmegaConf.create({{"number": 1, "_target_": "my_strategy.Rate"}})
Store(Path({str(tmp_path / "store")!r}), diary).build(first, config)
print(diary.entries[0])
"""
    outputs = []
    for text in ("RATE = 1\n", "RATE = 1\n", "RATE = 2\n"):
        (place / "my_strategy.py").write_text(text)
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
        )
        outputs.append(done.stdout.strip())
    assert outputs == ["started first", "reused first", "reused first of other code"]


SHARED = """
import sys, time
from pathlib import Path
from umt.pipeline.display.console import Console
from umt.pipeline.errors import user_errors
from umt.pipeline.store import Store
from tests.pipeline.test_store import Diary

def slow(config, context):
    with (Path(sys.argv[1]) / "built").open("a") as file:
        file.write("once ")
    time.sleep(0.5)
    (context.directory / "done").touch()
    return {}

diary = Diary()
made = Store(Path(sys.argv[1]) / "store", diary).build(slow, None)
assert (made.path / "done").exists()
print(diary.entries)
"""


def test_four_processes_build_what_they_share_once(tmp_path: Path) -> None:
    line = [sys.executable, "-c", SHARED, str(tmp_path)]
    running = [subprocess.Popen(line, cwd=ROOT, text=True, stdout=subprocess.PIPE) for _ in range(4)]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0, 0]
    assert (tmp_path / "built").read_text() == "once "
    # Who comes last can wait several times: for the builder, then for those that look at the result.
    assert sum("waiting for another process" in output or "reused slow" in output for output in outputs) == 3
    assert not list((tmp_path / "store").glob(".*"))

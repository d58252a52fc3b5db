"""The store: built once, rebuilt only when something differs, never half-written."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from umt.store import Artefact, Bench, Store
from umt.types import BadInput

ROOT = Path(__file__).parent.parent


@dataclass
class Diary:
    """An observer that remembers."""

    entries: list[str] = field(default_factory=list)

    def progress(self, what: str, done: int, total: int | None) -> None:
        self.entries.append(f"{what} {done}/{total}")

    def reused(self, stage: str, artefact: Artefact) -> None:
        self.entries.append(f"reused {stage}")

    def started(self, stage: str) -> None:
        self.entries.append(f"started {stage}")

    def finished(self, stage: str, artefact: Artefact) -> None:
        self.entries.append(f"finished {stage}")


def first(config: DictConfig, bench: Bench) -> Mapping[str, Any]:
    (bench.directory / "number").write_text(str(config.number))
    bench.progress("counting", 1, 1)
    return {"seed": bench.seed}


def second(config: None, bench: Bench, before: Artefact) -> Mapping[str, Any]:
    (bench.directory / "double").write_text(str(2 * int((before.path / "number").read_text())))
    return {}


def broken(config: None, bench: Bench) -> Mapping[str, Any]:
    (bench.directory / "half").write_text("half")
    raise OSError(28, "No space left on device")


def numbered(number: int) -> DictConfig:
    return OmegaConf.create({"number": number})


def test_a_stage_runs_once(tmp_path: Path) -> None:
    diary = Diary()
    store = Store(tmp_path, diary)
    made = store.build(first, numbered(3))
    again = store.build(first, numbered(3))
    assert diary.entries == ["started first", "counting 1/1", "finished first", "reused first"]
    assert made == again
    manifest = json.loads((made.path / "manifest.json").read_text())
    assert manifest["config"] == {"number": 3}
    assert manifest["report"]["seed"] >= 0


def test_only_what_differs_is_built(tmp_path: Path) -> None:
    store = Store(tmp_path, Diary())
    three, four = store.build(first, numbered(3)), store.build(first, numbered(4))
    assert three.path != four.path
    assert store.build(first, numbered(3), seed=1).path != three.path
    assert (store.build(second, None, three).path / "double").read_text() == "6"
    assert (store.build(second, None, four).path / "double").read_text() == "8"


def test_rebuilding_reaches_what_depends_on_it(tmp_path: Path) -> None:
    store = Store(tmp_path, Diary())
    store.build(second, None, store.build(first, numbered(3)))
    diary = Diary()
    store = Store(tmp_path, diary, rebuild=("first",))
    store.build(second, None, store.build(first, numbered(3)))
    assert "finished first" in diary.entries
    assert "finished second" in diary.entries


def tenth(config: DictConfig, bench: Bench) -> Mapping[str, Any]:
    (bench.directory / "tens").write_text(str(config.number // 10))
    return {"content": str(config.number // 10)}


def counting(config: None, bench: Bench, before: Artefact) -> Mapping[str, Any]:
    return {"seed": bench.seed, "tens": (before.path / "tens").read_text()}


def test_what_comes_out_the_same_builds_nothing_anew(tmp_path: Path) -> None:
    diary = Diary()
    store = Store(tmp_path, diary)
    one, other, far = (store.build(tenth, numbered(number)) for number in (31, 32, 40))
    made = store.build(counting, None, one)
    diary.entries.clear()
    assert store.build(counting, None, other) == made
    assert diary.entries == ["reused counting"]
    assert store.build(counting, None, far).report["tens"] == "4"
    again = Store(tmp_path, diary, rebuild=("tenth",)).build(tenth, numbered(31))
    assert again.manifest["made"] != one.manifest["made"]
    assert store.build(counting, None, again) == made


def test_a_failed_stage_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        Store(tmp_path, Diary()).build(broken, None)
    assert list(tmp_path.iterdir()) == []


def test_nothing_begun_is_nothing_left(tmp_path: Path) -> None:
    def fails(config: None, bench: Bench) -> Mapping[str, Any]:
        raise OSError(28, str(bench.scratch))

    with pytest.raises(OSError, match="unfinished-fails"):
        Store(tmp_path, Diary()).build(fails, None)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / f".building-first-0123-{socket.gethostname()}-999999999").mkdir()
    (tmp_path / ".building-first-0123-elsewhere-999999999").mkdir()
    Store(tmp_path, Diary()).build(first, numbered(3))
    assert [each.name.split("-")[3] for each in tmp_path.glob(".building-*")] == ["elsewhere"]


def test_a_store_builds_only_what_it_may(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"run python train\.py"):
        Store(tmp_path, Diary(), only=("second",)).build(first, numbered(3))
    assert list(tmp_path.iterdir()) == []
    made = Store(tmp_path, Diary(), only=("first",)).build(first, numbered(3))
    assert Store(tmp_path, Diary(), rebuild=("first",), only=()).build(first, numbered(3)) == made


def interrupted(config: None, bench: Bench, *_: Artefact) -> Mapping[str, Any]:
    seen = (bench.scratch / "checkpoint").exists()
    (bench.scratch / "checkpoint").touch()
    if not seen:
        raise OSError(28, "killed")
    return {"resumed": seen}


def test_scratch_outlives_a_kill_and_no_more(tmp_path: Path) -> None:
    store = Store(tmp_path, Diary())
    with pytest.raises(OSError, match="killed"):
        store.build(interrupted, None)
    assert store.build(interrupted, None).report == {"resumed": True}
    assert [each.name.startswith("interrupted-") for each in tmp_path.iterdir()] == [True]


def test_scratch_is_not_gone_on_with_when_an_input_was_rebuilt(tmp_path: Path) -> None:
    store = Store(tmp_path, Diary())
    with pytest.raises(OSError, match="killed"):
        store.build(interrupted, None, store.build(first, numbered(1)))
    again = Store(tmp_path, Diary(), rebuild=("first",)).build(first, numbered(1))
    with pytest.raises(OSError, match="killed"):
        store.build(interrupted, None, again)


SHARED = """
import sys, time
from pathlib import Path
sys.path.insert(0, "tests")
from umt.store import Store
from test_store import Diary

def slow(config, bench):
    with (Path(sys.argv[1]) / "built").open("a") as file:
        file.write("once ")
    time.sleep(0.5)
    (bench.directory / "done").touch()
    return {}

diary = Diary()
made = Store(Path(sys.argv[1]) / "store", diary).build(slow, None)
assert (made.path / "done").exists()
print(diary.entries)
"""


def test_two_processes_build_what_they_share_once(tmp_path: Path) -> None:
    line = [sys.executable, "-c", SHARED, str(tmp_path)]
    running = [subprocess.Popen(line, cwd=ROOT, text=True, stdout=subprocess.PIPE) for _ in range(3)]
    told = "".join(each.communicate()[0] for each in running)
    assert [each.returncode for each in running] == [0, 0, 0]
    assert (tmp_path / "built").read_text() == "once "
    assert told.count("waiting for another process") + told.count("reused slow") == 2
    assert not list((tmp_path / "store").glob(".*"))

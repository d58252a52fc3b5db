"""The store: built once, rebuilt only when something differs, never half-written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf
from safetensors import SafetensorError

from umt.pipeline.artefact import Artefact, code_digest
from umt.pipeline.display.console import Console
from umt.pipeline.errors import user_errors
from umt.pipeline.store import StageContext, Store
from umt.types import BadInput

ROOT = Path(__file__).parents[2]


@dataclass
class Diary:
    """An observer that remembers."""

    entries: list[str] = field(default_factory=list)

    def progress(self, what: str, done: int, total: int | None) -> None:
        self.entries.append(f"{what} {done}/{total}")

    def reused(self, stage: str, artefact: Artefact, stale: bool) -> None:
        self.entries.append(f"reused {stage}{' of other code' if stale else ''}")

    def started(self, stage: str) -> None:
        self.entries.append(f"started {stage}")

    def finished(self, stage: str, artefact: Artefact) -> None:
        self.entries.append(f"finished {stage}")


def first(config: DictConfig, context: StageContext) -> Mapping[str, Any]:
    (context.directory / "number").write_text(str(config.number))
    context.progress("counting", 1, 1)
    return {"seed": context.seed}


def second(config: None, context: StageContext, before: Artefact) -> Mapping[str, Any]:
    (context.directory / "double").write_text(str(2 * int((before.path / "number").read_text())))
    return {}


def broken(config: None, context: StageContext) -> Mapping[str, Any]:
    (context.directory / "half").write_text("half")
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


def tenth(config: DictConfig, context: StageContext) -> Mapping[str, Any]:
    (context.directory / "tens").write_text(str(config.number // 10))
    return {"content": str(config.number // 10)}


def counting(config: None, context: StageContext, before: Artefact) -> Mapping[str, Any]:
    return {"seed": context.seed, "tens": (before.path / "tens").read_text()}


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
    with pytest.raises(BadInput, match=f"no space is left on the disk of {tmp_path}: free some"):
        Store(tmp_path, Diary()).build(broken, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_is_one_sentence_whoever_writes(tmp_path: Path) -> None:
    def arrays(config: None, context: StageContext) -> Mapping[str, Any]:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    def text(config: None, context: StageContext) -> Mapping[str, Any]:
        Path("/dev/full").write_text("words")
        return {}

    for stage in (arrays, text):
        with pytest.raises(BadInput, match="no space is left"):
            Store(tmp_path, Diary()).build(stage, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["/sys/umt", "/dev/null/umt"])
def test_a_store_that_cannot_be_written_is_one_sentence(
    place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end, user_errors(Console()):
        Store(Path(place), Diary()).build(first, numbered(1))
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_nothing_begun_is_nothing_left(tmp_path: Path) -> None:
    def fails(config: None, context: StageContext) -> Mapping[str, Any]:
        raise OSError(28, str(context.scratch))

    with pytest.raises(BadInput, match="no space is left"):
        Store(tmp_path, Diary()).build(fails, None)
    assert list(tmp_path.iterdir()) == []


def test_store_removes_what_a_killed_build_left(tmp_path: Path) -> None:
    for name in (".first-0123.vm-999999999.partial", ".second-9.elsewhere-1.partial"):
        (tmp_path / name).mkdir()
    Store(tmp_path, Diary()).build(first, numbered(3))
    assert [place.name for place in tmp_path.glob(".*")] == []


def test_reuse_removes_what_a_build_left_that_was_killed_at_its_end(tmp_path: Path) -> None:
    made = Store(tmp_path, Diary()).build(first, numbered(3))
    (tmp_path / f".lock-{made.path.name}").touch()
    for left in (f".unfinished-{made.path.name}-0123", f".{made.path.name}.elsewhere-9.partial"):
        (tmp_path / left / "checkpoints").mkdir(parents=True)
    assert Store(tmp_path, Diary()).build(first, numbered(3)) == made
    assert list(tmp_path.iterdir()) == [made.path]


def test_artefact_with_a_changed_file_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path, Diary())
    artefact = store.build(first, numbered(3))
    store.build(first, numbered(3)).verify()
    (artefact.path / "number").write_text("4")
    with pytest.raises(BadInput, match=r"number is not as it was written.*rebuild=\[first\]"):
        store.build(first, numbered(3))
    assert replace(store, check_files=False).build(first, numbered(3)).path == artefact.path
    assert (replace(store, rebuild=("first",)).build(first, numbered(3)).path / "number").read_text() == "3"


def test_the_digest_of_a_strategy_holds_what_it_imports_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "package").mkdir()
    files = {
        "my_strategy.py": "import json\nfrom my_rates import RATE\n",
        "my_rates.py": "RATE = 1\n",
        "my_plots.py": "",
        "package/__init__.py": "",
        "package/strategy.py": "from .rates import RATE\nfrom package import other\n",
        "package/rates.py": "import nowhere\nfrom package.strategy import Strategy\n",
        "package/other.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    settings = {"a": {"_target_": "my_strategy.Strategy"}, "b": [{"_target_": "package.strategy.Strategy"}]}
    digests = {code_digest(settings)}
    for name, text in files.items():
        (tmp_path / name).write_text(f"{text}# edited\n", encoding="utf-8")
        if name not in ("my_plots.py", "package/__init__.py"):
            assert code_digest(settings) not in digests, name
        digests.add(code_digest(settings))
    assert len(digests) == 6


def test_a_store_builds_only_what_it_may(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"run python train\.py"):
        Store(tmp_path, Diary(), only=("second",)).build(first, numbered(3))
    assert list(tmp_path.iterdir()) == []
    made = Store(tmp_path, Diary(), only=("first",)).build(first, numbered(3))
    assert Store(tmp_path, Diary(), rebuild=("first",), only=()).build(first, numbered(3)) == made


def interrupted(config: None, context: StageContext, *_: Artefact) -> Mapping[str, Any]:
    seen = (context.scratch / "checkpoint").exists()
    (context.scratch / "checkpoint").touch()
    if not seen:
        raise RuntimeError("killed")
    return {"resumed": seen}


def test_scratch_outlives_a_kill_and_no_more(tmp_path: Path) -> None:
    store = Store(tmp_path, Diary())
    with pytest.raises(RuntimeError, match="killed"):
        store.build(interrupted, None)
    assert store.build(interrupted, None).report == {"resumed": True}
    assert [each.name.startswith("interrupted-") for each in tmp_path.iterdir()] == [True]


def test_scratch_is_not_gone_on_with_when_an_input_was_rebuilt(tmp_path: Path) -> None:
    store = Store(tmp_path, Diary())
    with pytest.raises(RuntimeError, match="killed"):
        store.build(interrupted, None, store.build(first, numbered(1)))
    again = Store(tmp_path, Diary(), rebuild=("first",)).build(first, numbered(1))
    with pytest.raises(RuntimeError, match="killed"):
        store.build(interrupted, None, again)

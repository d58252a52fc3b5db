"""Files appear complete or not at all, whatever happens on the way."""

from __future__ import annotations

import ast
import errno
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from umt.runtime import files
from umt.runtime.files import (
    atomic_bytes,
    atomic_directory,
    atomic_text,
    disk_full_as_bad_input,
    remove_unfinished,
    write_json,
)
from umt.types import BadInput

ROOT = Path(__file__).parents[2]
OLD, NEW = b"what was there\n", b"what comes\n"


def write_text(place: Path) -> None:
    with atomic_text(place) as file:
        file.write(NEW.decode())


def write_bytes(place: Path) -> None:
    with atomic_bytes(place) as file:
        file.write(NEW[:4])
        file.write(NEW[4:])


def write_directory(place: Path) -> None:
    with atomic_directory(place) as directory:
        (directory / "deep").mkdir()
        for name in ("a", "deep/b"):
            (directory / name).write_bytes(NEW)


WRITERS = [write_text, write_bytes, write_directory]


def set_old(place: Path, write: Callable[[Path], None]) -> None:
    """What was at ``place`` before: files of the same names with other content."""
    if write is not write_directory:
        place.write_bytes(OLD)
        return
    (place / "deep").mkdir(parents=True)
    for name in ("a", "deep/b"):
        (place / name).write_bytes(OLD)


def content(place: Path) -> set[bytes]:
    """All contents below ``place``; a file that is missing in a directory counts as empty."""
    if place.is_dir():
        return {file.read_bytes() if (file := place / name).exists() else b"" for name in ("a", "deep/b")}
    return {place.read_bytes()} if place.exists() else set()


def killed_at(write: Callable[[Path], None], place: Path, event: int) -> bool:
    """Run ``write`` in a child that dies without a word at the ``event``-th look at the file system."""
    child = os.fork()
    if child == 0:
        seen = 0

        def count(name: str, arguments: tuple[object, ...]) -> None:
            nonlocal seen
            if name == "open" or name.split(".")[0] in ("os", "shutil"):
                seen += 1
                if seen == event:
                    os._exit(9)

        sys.addaudithook(count)
        write(place)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "two-renames"])
@pytest.mark.parametrize("old", [True, False], ids=["replace", "create"])
@pytest.mark.parametrize("write", WRITERS)
def test_a_kill_at_any_point_leaves_the_old_content_or_the_new(
    write: Callable[[Path], None], old: bool, exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:
        monkeypatch.setattr(files, "_exchanged", lambda *_: False)
    before = {OLD} if old else set()
    outcomes, event, killed = set(), 0, True
    while killed:
        event += 1
        folder = tmp_path / str(event)
        folder.mkdir()
        place = folder / "place"
        if old:
            set_old(place, write)
        killed = killed_at(write, place, event)
        if not exchange:
            remove_unfinished(folder)  # a kill between the two renames needs it
        assert content(place) in (before, {NEW})
        outcomes.add(frozenset(content(place)))
        remove_unfinished(folder)
        assert [each.name for each in folder.iterdir()] in ([], ["place"])
        write(place)
        assert content(place) == {NEW}
    assert event > 5
    assert outcomes == {frozenset(before), frozenset({NEW})}


CALLS = ["fsync", "replace", "rename", "mkdir"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("write", WRITERS)
def test_a_full_disk_leaves_the_old_content_and_nothing_else(
    write: Callable[[Path], None], call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    set_old(place, write)
    monkeypatch.setattr(files, "_exchanged", lambda *_: False)
    true = getattr(os, call)

    def full(*arguments: object, **options: object) -> object:
        if call == "rename" and "replaced" in str(arguments[0]):
            return true(*arguments, **options)  # the way back
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        try:
            write(place)
            failed = False
        except OSError as error:
            failed = error.errno == errno.ENOSPC
    assert content(place) == ({OLD} if failed else {NEW})
    assert [each.name for each in tmp_path.iterdir()] == ["place"]
    uses = {"mkdir": [write_directory], "rename": [write_directory], "replace": [write_text, write_bytes]}
    assert failed == (write in uses.get(call, WRITERS))


@pytest.mark.parametrize("write", [atomic_text, atomic_bytes, atomic_directory])
def test_an_error_in_the_block_leaves_nothing(write: Callable[[Path], None], tmp_path: Path) -> None:
    def failing() -> None:
        with write(tmp_path / "place"):  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        failing()
    assert list(tmp_path.iterdir()) == []


def test_unfinished_text_is_kept_on_demand(tmp_path: Path) -> None:
    def failing(text: str) -> None:
        with atomic_text(tmp_path / "place", keep_unfinished=True) as file:
            file.write(text)
            raise BadInput("no more")

    for text, names in (("", []), ("half", ["place.partial"])):
        with pytest.raises(BadInput):
            failing(text)
        assert [each.name for each in tmp_path.iterdir()] == names
    assert (tmp_path / "place.partial").read_text() == "half"


def test_a_file_does_not_replace_a_directory(tmp_path: Path) -> None:
    set_old(tmp_path / "place", write_directory)
    with pytest.raises(OSError, match="place"):
        write_text(tmp_path / "place")
    assert content(tmp_path / "place") == {OLD}
    assert [each.name for each in tmp_path.iterdir()] == ["place"]


@pytest.mark.parametrize("write", [atomic_text, atomic_bytes, atomic_directory])
def test_a_link_to_what_is_gone_is_replaced(write: Callable[[Path], Any], tmp_path: Path) -> None:
    place = tmp_path / "store"
    place.symlink_to(tmp_path / "scratch that was cleared")
    with write(place):
        pass
    assert place.exists()
    assert not place.is_symlink()
    assert list(tmp_path.iterdir()) == [place]


def test_only_what_dead_processes_of_this_machine_left_is_removed(tmp_path: Path) -> None:
    host = socket.gethostname()
    dead, alive, elsewhere = f"{host}-999999999", f"{host}-{os.getppid()}", "elsewhere-999999999"
    for writer in (dead, alive, elsewhere):
        (tmp_path / f".place.{writer}.partial").mkdir()
    (tmp_path / ".other-1.partial.txt").touch()
    remove_unfinished(tmp_path, "other")
    assert len(list(tmp_path.iterdir())) == 4
    remove_unfinished(tmp_path)
    left = {".other-1.partial.txt", f".place.{alive}.partial", f".place.{elsewhere}.partial"}
    assert {each.name for each in tmp_path.iterdir()} == left
    remove_unfinished(tmp_path, exclusive=True)
    assert {each.name for each in tmp_path.iterdir()} == {".other-1.partial.txt"}
    remove_unfinished(tmp_path / "absent")


def test_files_of_a_directory_are_readable_as_it_is(tmp_path: Path) -> None:
    for mask, mode in ((0o022, 0o644), (0o027, 0o640), (0o077, 0o600)):
        before = os.umask(mask)
        try:
            with atomic_directory(tmp_path / str(mask)) as directory:
                save_file({"weight": torch.zeros(2)}, directory / "model.safetensors")
        finally:
            os.umask(before)
        assert (tmp_path / str(mask) / "model.safetensors").stat().st_mode & 0o777 == mode


def test_json_is_readable_text(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"语": [1]})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n "语": [\n  1\n ]\n}\n'


def test_a_full_disk_becomes_advice() -> None:
    for code in (errno.ENOSPC, errno.EDQUOT):
        with pytest.raises(BadInput, match="free some"), disk_full_as_bad_input("free some"):
            raise OSError(code, "full")
    with pytest.raises(PermissionError), disk_full_as_bad_input("free some"):
        raise PermissionError("not yours")


@pytest.mark.parametrize("path", sorted((ROOT / "umt" / "runtime").glob("*.py")), ids=lambda path: path.stem)
def test_the_machine_knows_nothing_of_umt_but_its_types(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    named = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    named |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    ours = {name for name in named if name.split(".")[0] == "umt"}
    assert all(name == "umt.types" or name.startswith("umt.runtime") for name in ours), ours

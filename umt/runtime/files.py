"""Files and directories that appear under their name when they are complete, JSON, and digests.

What is being written lies beside its final place as ``.{name}.{host}-{process}.partial``, is flushed to the
disk and moved by one rename. An error leaves the old content and nothing else. A kill may leave the partial
file, which `remove_unfinished` removes, and the next write to the same place.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from umt.types import BadInput

MANIFEST = "manifest.json"
"""Of an artefact: what made it; written last."""

_HOST = socket.gethostname()
_UNFINISHED = re.compile(r"\.(?P<name>.+)\.(?P<writer>.+-\d+)\.(?P<kind>partial|replaced)", re.DOTALL)
_CURRENT_DIRECTORY, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of linux/fs.h


@contextmanager
def atomic_text(path: Path, *, keep_unfinished: bool = False) -> Iterator[TextIO]:
    """A UTF-8 file to write, at ``path`` when the block ends.

    keep_unfinished: an error leaves what was written so far, if anything, as ``{name}.partial``.
    """
    with _moved_when_complete(path, keep_unfinished) as partial:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        _sync(partial)


@contextmanager
def atomic_bytes(path: Path) -> Iterator[BinaryIO]:
    """A binary file to write, at ``path`` when the block ends."""
    with _moved_when_complete(path) as partial:
        with partial.open("wb") as file:
            yield file
        _sync(partial)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """An empty directory to fill, in place of ``path`` when the block ends; missing parents are made.

    Whoever may read the directory may read its files, also those that a library wrote for the owner alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _moved_when_complete(path) as partial:
        partial.mkdir()
        yield partial
        for directory, _, files in os.walk(partial):
            for name in files:
                file = Path(directory, name)
                if not file.is_symlink():
                    file.chmod(partial.stat().st_mode & 0o666)
                _sync(file)
            _sync(Path(directory))


def write_json(path: Path, content: object) -> None:
    """Write ``content`` to ``path`` by rename, so that a reader never sees half a file."""
    with atomic_text(path) as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def digest_of(content: object) -> str:
    """Hex digest of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """BLAKE2b of the content, 128 bits in hex: it notices damage, and takes a second a gigabyte."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def file_digests(directory: Path) -> dict[str, str]:
    """Path below ``directory`` -> digest of each file there."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): file_digest(path) for path in files}


def neighbour(directory: Path, name: object) -> Path:
    """The directory ``name`` beside ``directory``; raises BadInput when the name leads elsewhere."""
    if not isinstance(name, str) or name in ("", "..") or Path(name).name != name or "\0" in name:
        raise BadInput(f"{directory} is damaged: its manifest names {name!r}, which is no folder beside it")
    return directory.resolve().parent / name  # "." has neighbours, too


@contextmanager
def temporary_directory(place: Path) -> Iterator[Path]:
    """A directory in ``place`` that is gone when the block ends."""
    directory = _beside(place / "temporary", "partial")
    directory.mkdir()
    try:
        yield directory
    finally:
        _remove(directory)


def unfinished(directory: Path) -> set[str]:
    """Names of the files and directories that something has begun to write in ``directory``."""
    matches = (_UNFINISHED.fullmatch(place.name) for place in directory.iterdir())
    return {match["name"] for match in matches if match}


def remove_unfinished(directory: Path, name: str | None = None, *, exclusive: bool = False) -> None:
    """Remove what killed processes of this machine left in ``directory``, of the file ``name`` or of all.

    exclusive: nobody else writes there now, so that everything unfinished is left over, on whatever machine.
    """
    for place in [*directory.iterdir()] if directory.is_dir() else ():
        match = _UNFINISHED.fullmatch(place.name)
        if match is None or name not in (None, match["name"]) or not (exclusive or _is_dead(match["writer"])):
            continue
        final = directory / match["name"]
        if match["kind"] == "replaced" and not final.exists():
            place.rename(final)  # killed between the two renames of `_move`
        else:
            _remove(place)


@contextmanager
def disk_full_as_bad_input(advice: str) -> Iterator[None]:
    """Raise BadInput with ``advice`` where the block fails for want of space on the disk.

    Libraries that are not written in Python, such as safetensors, say so in errors of their own.
    """
    try:
        yield
    except Exception as error:
        codes = (errno.ENOSPC, errno.EDQUOT)
        if getattr(error, "errno", None) in codes or any(
            f"(os error {code})" in str(error) for code in codes
        ):
            raise BadInput(advice) from error
        raise


@contextmanager
def _moved_when_complete(path: Path, keep_unfinished: bool = False) -> Iterator[Path]:
    """A name beside ``path``; what the block makes there takes the place of ``path``."""
    remove_unfinished(path.parent, path.name)
    partial = _beside(path, "partial")
    _remove(partial)  # of an earlier process with this one's number, as happens in containers
    try:
        yield partial
        _move(partial, path)
        _sync(path.parent)
    except BaseException:
        if keep_unfinished and partial.is_file() and partial.stat().st_size:
            partial.replace(path.with_name(f"{path.name}.partial"))
        raise
    finally:
        _remove(partial)


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{_HOST}-{os.getpid()}.{kind}")


def _move(partial: Path, final: Path) -> None:
    """One rename, whatever lay at ``final``; a directory there is left at ``partial``."""
    if final.is_symlink() and not final.exists():
        final.unlink()  # no directory can be renamed to a link, here one to what is gone
    if not (partial.is_dir() and final.is_dir()):
        partial.replace(final)
    elif not _exchanged(partial, final):
        replaced = _beside(final, "replaced")
        _remove(replaced)
        final.rename(replaced)
        try:
            partial.rename(final)
        except OSError:
            replaced.rename(final)
            raise
        _remove(replaced)


def _exchanged(partial: Path, final: Path) -> bool:
    """Let two directories change places at once; False where the system or the file system cannot."""
    exchange = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    places = (_CURRENT_DIRECTORY, os.fsencode(partial), _CURRENT_DIRECTORY, os.fsencode(final))
    return exchange is not None and exchange(*places, _EXCHANGE) == 0


def _sync(path: Path) -> None:
    """Wait until ``path`` is on the disk; some file systems cannot promise that of a directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _is_dead(writer: str) -> bool:
    """Whether ``{host}-{process}`` was a process of this machine that has ended."""
    host, _, process = writer.rpartition("-")
    if host != _HOST:
        return False
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass
    return False

"""Lines out of text files, plain or compressed, in flat memory; what cannot be read is `BadInput`."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

from umt.runtime.decompression import CORRUPT_ERRORS, decompressed
from umt.types import BadInput

SUFFIXES = ("", ".gz", ".xz", ".zst")

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BLOCK = 1 << 20


def files_under(path: Path, option: str) -> list[Path]:
    """The file itself, or every file of a folder in sorted order; hidden ones are left out.

    Raises `BadInput` naming the option when there is nothing to read.
    """
    if path.is_dir():
        found = sorted(
            each
            for each in path.rglob("*")
            if each.is_file() and not any(part.startswith(".") for part in each.relative_to(path).parts)
        )
        if not found:
            raise BadInput(f"{option}={path} is a folder without files: put text files there")
        return found
    if not path.exists():
        raise BadInput(f"{option}={path} does not exist: give a text file or a folder of text files")
    return [path]


def file_digest(paths: list[Path]) -> str:
    """SHA-256 of the bytes of the files, one after the other."""
    total = hashlib.sha256()
    for path in paths:
        with _opened(path) as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file without their ends; compression is told by the content.

    Raises `BadInput` for a file that is empty, binary, damaged, unreadable or not UTF-8 (naming the line).
    """
    number = 0
    with _opened(path) as raw:
        file = decompressed(path, raw)
        while True:
            try:
                block = file.readlines(_BLOCK)
            except CORRUPT_ERRORS as error:
                raise BadInput(
                    f"{path} is damaged: its compressed data cannot be read after line {number:,} "
                    f"({error}); fetch it again"
                ) from error
            except OSError as error:
                raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
            if not block:
                break
            yield from _decoded(path, block, number)
            number += len(block)
    if number == 0:
        raise BadInput(f"{path} is empty: give a file with one sentence or one document per line")


def _opened(path: Path) -> io.BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise BadInput(f"{path} cannot be opened: {error.strerror}") from error


def _decoded(path: Path, block: list[bytes], before: int) -> list[str]:
    data = b"".join(block)
    if before == 0:
        if data.startswith(_UTF16):
            raise BadInput(f"{path} is UTF-16: convert it with `iconv -f utf-16 -t utf-8`")
        data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        raise BadInput(f"{path} is binary, not text: give plain UTF-8 text, or .gz, .xz, .zst of it")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        for number, line in enumerate(block, before + 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise BadInput(
                    f"{path} is not valid UTF-8 at line {number:,} "
                    f"(byte 0x{line[error.start]:02x}): convert it, for example with iconv"
                ) from error
        raise
    found = text.replace("\r\n", "\n").split("\n")
    if not found[-1]:
        found.pop()
    return found

"""Lines out of text files, plain or compressed, in flat memory; what cannot be read is `BadInput`."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from umt.runtime.decompression import CORRUPT_ERRORS, decompressed
from umt.types import BadInput

SUFFIXES = ("", ".gz", ".xz", ".zst")

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BLOCK = 1 << 20
_FORMATS = {
    r'\s*\{\s*"': "JSON",
    r"(?i)\s*<(?:\?xml|!doctype|html|tmx)\b": "XML or HTML",
    r"WARC/\d": "a web archive",
    r"\{\\rtf": "RTF",
    r"WEBVTT|\d+\n\d\d:\d\d:\d\d[,.]\d{3} -->": "subtitles",
}
"""How text begins whose lines are no sentences."""


def path_of(value: object) -> Path | None:
    """The path that an option names; None for null and for an empty value, as of an unset shell variable."""
    return None if value is None or not str(value).strip() else Path(str(value))


def maybe_compressed(path: Path) -> Path | None:
    """The path itself or with the suffix of a compression, whichever exists first."""
    candidates = (path.with_name(path.name + suffix) for suffix in SUFFIXES)
    return next((each for each in candidates if each.exists()), None)


def files_under(path: Path, option: str) -> list[Path]:
    """The file itself, or every file of a folder in sorted order, behind links too; hidden ones are left out.

    Raises `BadInput` naming the option when there is nothing to read, or a pipe, which is read only once.
    """
    if path.is_dir():
        paths = sorted(each for each in _walk(path) if each.is_file())
        if not paths:
            raise BadInput(f"{option}={path} is a folder without files: put text files there")
        return paths
    if not path.exists():
        raise BadInput(f"{option}={path} does not exist: give a text file or a folder of text files")
    if not path.is_file():
        raise BadInput(f"{option}={path} is a pipe or device, but is read several times: write it to a file")
    return [path]


def broken_links(path: Path) -> list[Path]:
    """What in a folder is or leads to no file, in sorted order; `files_under` leaves it out."""
    return sorted(each for each in _walk(path) if not each.is_file()) if path.is_dir() else []


def _walk(folder: Path) -> Iterator[Path]:
    """Every path in a folder that is no folder itself; links to folders are followed, each folder once."""

    def refuse(error: OSError) -> None:
        raise BadInput(f"{error.filename} cannot be read: {error.strerror}")

    visited = set[str]()
    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(place)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place) / name for name in names if not name.startswith("."))


def file_digest(paths: list[Path]) -> str:
    """SHA-256 of the bytes of the files, one after the other."""
    total = hashlib.sha256()
    for path in paths:
        with _opened(path) as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file without their ends (LF or CR LF); compression is known by the content.

    No other character ends a line: a carriage return, a form feed or U+2028 within one is white space.
    Raises `BadInput` for a file that is empty, binary, damaged, unreadable or not UTF-8 (naming the line).
    """
    with _opened(path) as raw:
        yield from lines_of_stream(raw, path)


def corpus_lines(path: Path) -> Iterator[str]:
    """`lines` of a corpus; raises `BadInput` also for text in a format of its own, or without line ends."""
    every = lines(path)
    head = [*islice(every, 3)]
    for pattern, name in _FORMATS.items():
        if re.match(pattern, "\n".join(head)):
            raise BadInput(f"{path} is {name}: give its text alone, one sentence or document a line")
    if len(head) == 1 and head[0].count("\r") > 1:
        raise BadInput(f"{path} ends its lines by carriage returns: convert it with `tr '\\r' '\\n'`")
    yield from chain(head, every)


def lines_of_stream(
    raw: io.BufferedReader,
    path: Path,
    at_once: int = _BLOCK,
    advice: str = "give a file with one sentence or one document per line",
) -> Iterator[str]:
    """`lines` of an open file, called ``path`` in messages; at_once: bytes read before the first line comes.

    advice: what follows "is empty".
    """
    number, file = 0, decompressed(path, raw)
    while True:
        try:
            block = file.readlines(at_once)
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
        raise BadInput(f"{path} is empty: {advice}")


def _opened(path: Path) -> io.BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise BadInput(f"{path} cannot be opened: {error.strerror}") from error


def _decoded(path: Path, block: list[bytes], before: int) -> Iterator[str]:
    """Lines of text; ``before``: how many lines of the file came earlier, to say where it is no UTF-8.

    Raises `BadInput` then, and for UTF-16 or a zero byte.
    """
    if before == 0:
        if block[0].startswith(_UTF16):
            raise BadInput(f"{path} is UTF-16: convert it with `iconv -f utf-16 -t utf-8`")
        block[0] = block[0].removeprefix(b"\xef\xbb\xbf")
    data = b"".join(block)
    if b"\0" in data:
        raise BadInput(f"{path} is binary, not text: give plain UTF-8 text, or .gz, .xz, .zst of it")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        for number, line in enumerate(block, before + 1):
            try:
                yield line.decode("utf-8").removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError as error:
                raise BadInput(
                    f"{path} is not valid UTF-8 at line {number:,} "
                    f"(byte 0x{line[error.start]:02x}): convert it, for example with iconv"
                ) from error
        raise
    decoded = text.replace("\r\n", "\n").split("\n")
    if not decoded[-1]:
        decoded.pop()
    yield from decoded

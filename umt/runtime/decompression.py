"""Decompression of files recognised by their first bytes: gzip, xz, zstd; other kinds are refused by name."""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import zstandard

from umt.types import BadInput

CORRUPT_ERRORS = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zstandard.ZstdError)
"""What reading of damaged compressed data raises."""

_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_EXPECTED = {".gz": "gzip", ".xz": "xz", ".zst": "zstd"}
_BINARY = {
    b"BZh": "a bzip2 archive",
    b"PK\x03\x04": "a zip archive",
    b"%PDF": "a PDF",
    b"PAR1": "a parquet file",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"\x7fELF": "a program",
}
_BLOCK = 1 << 20


class _Zstandard(io.RawIOBase):
    """Decompress frames; unlike the library's reader it complains about a frame that is cut short."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = zstandard.ZstdDecompressor().decompressobj()
        self._ready = memoryview(b"")
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            data = self._rest or self._file.read(_BLOCK)
            self._rest = b""
            if not data:
                if not self._decoder.eof:
                    raise EOFError("the last frame is cut short")
                return 0
            if self._decoder.eof:
                self._decoder = zstandard.ZstdDecompressor().decompressobj()
            self._ready = memoryview(self._decoder.decompress(data))
            self._rest = self._decoder.unused_data
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def decompressed(path: Path, raw: BinaryIO, wanted: str = "plain UTF-8 text") -> BinaryIO:
    """The content of ``raw``, the open file ``path``; ``wanted``: for the message about another kind of file.

    Raises BadInput when the file is of another kind or contradicts its suffix.
    """
    head = raw.read(8)
    raw.seek(0)
    kind = next((name for magic, name in _COMPRESSIONS.items() if head.startswith(magic)), None)
    expected = _EXPECTED.get(path.suffix)
    if expected and kind != expected:
        what = "is empty" if not head else f"is damaged: it does not hold {expected} data"
        raise BadInput(f"{path} {what}; fetch it again")
    for magic, name in _BINARY.items():
        if head.startswith(magic):
            raise BadInput(f"{path} is {name}, not text: give {wanted}, or .gz, .xz, .zst of it")
    if kind == "gzip":
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if kind == "xz":
        return cast(BinaryIO, lzma.LZMAFile(raw))
    if kind == "zstd":
        return cast(BinaryIO, io.BufferedReader(_Zstandard(raw), _BLOCK))
    return raw

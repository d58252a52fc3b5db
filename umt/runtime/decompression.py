"""Decompression of files recognised by their first bytes: gzip, xz, zstd; other kinds are refused by name."""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

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
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a rar archive",
    b"\x04\x22\x4d\x18": "an lz4 archive",
    b"\x1f\x9d": "a .Z archive",
    b"\x5d\x00\x00": "an lzma archive",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file",
    b"\x80\x02": "a Python pickle",
    b"\x80\x03": "a Python pickle",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"\x7fELF": "a program",
}
_SKIPPABLE = b"\x2a\x4d\x18"
"""Bytes 2 to 4 of a zstd frame that holds no data, as pzstd writes first; byte 1 is 0x50 to 0x5F."""
_BLOCK = 1 << 20


class _Decoder(Protocol):
    """A decompressor of one frame: `zstandard.ZstdDecompressionObj` or `lzma.LZMADecompressor`."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class _Frames(io.RawIOBase):
    """The content of concatenated frames; a last frame that is cut short is an EOFError.

    Frames may be skippable (zstd) or followed by padding of zero bytes (xz).
    """

    def __init__(self, file: BinaryIO, decoder: Callable[[], _Decoder], padded: bool) -> None:
        self._file = file
        self._new_decoder = decoder
        self._decoder = decoder()
        self._padded = padded
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
                data = data.lstrip(b"\0") if self._padded else data
                if not data:
                    continue
                self._decoder = self._new_decoder()
            self._ready = memoryview(self._decoder.decompress(data))
            self._rest = self._decoder.unused_data if self._decoder.eof else b""
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def decompressed(path: Path, raw: io.BufferedReader, wanted: str = "plain UTF-8 text") -> BinaryIO:
    """The content of ``raw``, the open file ``path``; ``wanted``: for the message about another kind of file.

    Raises BadInput when the file is of another kind or contradicts its suffix.
    """
    head = raw.peek(8)[:8]  # a pipe cannot be wound back
    kind = next((name for magic, name in _COMPRESSIONS.items() if head.startswith(magic)), None)
    if len(head) >= 4 and 0x50 <= head[0] <= 0x5F and head[1:4] == _SKIPPABLE:
        kind = "zstd"
    expected = _EXPECTED.get(path.suffix)
    if expected and kind != expected:
        what = "is empty" if not head else f"is damaged: it does not hold {expected} data"
        raise BadInput(f"{path} {what}; fetch it again")
    for magic, name in _BINARY.items():
        if head.startswith(magic):
            raise BadInput(f"{path} is {name}: give {wanted}, or .gz, .xz, .zst of it")
    if kind == "gzip":
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if kind == "xz":
        return cast(BinaryIO, io.BufferedReader(_Frames(raw, lzma.LZMADecompressor, True), _BLOCK))
    if kind == "zstd":
        return cast(BinaryIO, io.BufferedReader(_Frames(raw, _zstandard, False), _BLOCK))
    return raw


def _zstandard() -> _Decoder:
    """A decompressor that takes windows of any size (zstd --long)."""
    return cast(_Decoder, zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj())

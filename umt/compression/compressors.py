"""General-purpose compressors, and a context-mixing coder of bytes, for comparison."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable, Mapping

import numpy as np
import pyppmd
import zstandard

from umt.compression.mixing import context_mixing
from umt.compression.mixing.prefix_code import PrefixCode


def _gzip(data: bytes) -> int:
    return len(gzip.compress(data, 9, mtime=0))


def _bz2(data: bytes) -> int:
    return len(bz2.compress(data, 9))


def _xz(data: bytes) -> int:
    return len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))


def _zstd(data: bytes) -> int:
    return len(zstandard.ZstdCompressor(level=19).compress(data))


def _ppmd(data: bytes) -> int:
    """Order 16: longer contexts gain nothing on a megabyte of English or Chinese."""
    return len(pyppmd.compress(data, max_order=16, mem_size=256 << 20))


def context_mixing_size(data: bytes) -> int:
    """Bytes under context mixing, see `umt.compression.mixing.context_mixing`, with bytes for symbols."""
    if not data:
        return 0
    symbols = np.frombuffer(data, np.uint8).astype(np.int64)
    starts = np.array([not (chr(byte).isalpha() and byte < 128) and byte < 128 for byte in range(256)])
    return int(
        np.ceil(context_mixing.code_length(symbols, PrefixCode.canonical(np.full(256, 8)), starts).sum() / 8)
    )


COMPRESSORS: Mapping[str, Callable[[bytes], int]] = {
    "gzip -9": _gzip,
    "bz2 -9": _bz2,
    "zstd -19": _zstd,
    "xz -9e": _xz,
    "PPMd": _ppmd,
    "counts of bytes": context_mixing_size,
}


def compressed_sizes(first: bytes, second: bytes) -> dict[str, dict[str, float]]:
    """Bytes of ``first``, ``second`` and ``both`` end to end under each compressor, and their distance.

    ``ncd``: the normalised compression distance (Cilibrasi and Vitányi 2005), 0 for the same text, about 1
    for unrelated texts.
    """
    sizes = {}
    for name, size in COMPRESSORS.items():
        one, two, both = size(first), size(second), size(first + second)
        ncd = (both - min(one, two)) / max(one, two, 1)
        sizes[name] = {"first": one, "second": two, "both": both, "ncd": round(ncd, 4)}
    return sizes

"""Lines of plain and compressed files."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from umt.corpus.reading import lines
from umt.types import BadInput

ENGLISH = ["The old man reads a book.", "My sister bought three apples.", "They went home after the rain."]


COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


LONG = "".join(f"Line {number} of a longer text.\n" for number in range(5000)).encode()


SKIPPABLE_FRAME = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("skippable.zst", lambda text: SKIPPABLE_FRAME + COMPRESSED[".zst"](text)),
        (
            "between.zst",
            lambda text: COMPRESSED[".zst"](text[:9]) + SKIPPABLE_FRAME + COMPRESSED[".zst"](text[9:]),
        ),
        ("padded.xz", lambda text: lzma.compress(text) + bytes(8)),
        ("streams.xz", lambda text: lzma.compress(text[:9]) + bytes(4) + lzma.compress(text[9:])),
        ("members.gz", lambda text: gzip.compress(text[:9]) + gzip.compress(text[9:]) + bytes(5)),
    ],
)
def test_frames_and_padding_of_compressed_files(
    tmp_path: Path, name: str, data: Callable[[bytes], bytes]
) -> None:
    (tmp_path / name).write_bytes(data("".join(f"{line}\n" for line in ENGLISH).encode()))
    assert list(lines(tmp_path / name)) == ENGLISH
    (tmp_path / f"cut-{name}").write_bytes(data(LONG)[:-40])
    with pytest.raises(BadInput, match="damaged"):
        list(lines(tmp_path / f"cut-{name}"))


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("a\rb\r\nc\x0bd\u2028e\x85f\n\ng".encode())
    assert list(lines(path)) == ["a\rb", "c\x0bd\u2028e\x85f", "", "g"]

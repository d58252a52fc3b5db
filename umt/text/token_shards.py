"""Subword numbers of a corpus on disk, read through memory maps: memory does not grow with the corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from umt.text.tokenizer import Ids, Tokenizer
from umt.types import I64, BadInput, Lang

_LINES = 10_000


@dataclass(frozen=True)
class TokenShards:
    """The sentences of one language.

    ``{lang}.bin`` holds their numbers end to end, ``{lang}.offsets`` (int64) where each begins, and where the
    last ends.
    """

    directory: Path
    lang: Lang

    @cached_property
    def offsets(self) -> I64:
        """(sentences + 1,) into `tokens`; raises BadInput when the file is damaged."""
        path = self._file("offsets")
        size = path.stat().st_size
        offsets = np.asarray(np.memmap(path, dtype=np.int64, mode="r")) if size and size % 8 == 0 else None
        if offsets is None or offsets[0] != 0 or (offsets[1:] < offsets[:-1]).any():
            raise BadInput(f"{path} is damaged: build it again with rebuild=[tokenise]")
        return offsets

    @cached_property
    def tokens(self) -> Ids:
        """(tokens,) of the whole corpus, without tags; raises BadInput when the file is damaged."""
        path = self._file("bin")
        count = int(self.offsets[-1])
        dtype = np.dtype(np.uint16 if path.stat().st_size == 2 * count else np.uint32)
        if path.stat().st_size != count * dtype.itemsize:
            raise BadInput(f"{path} is damaged: build it again with rebuild=[tokenise]")
        # as a plain array, of which a slice costs a tenth
        return np.asarray(np.memmap(path, dtype=dtype, mode="r")) if count else np.empty(0, dtype)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def ids(self, number: int) -> Ids:
        """The numbers of one sentence."""
        start, end = self.offsets[number], self.offsets[number + 1]
        return self.tokens[start:end]

    def concatenate(self, numbers: I64, before: int, after: int) -> I64:
        """(tokens,) the sentences ``numbers`` end to end, each between ``before`` and ``after``."""
        starts = self.offsets[numbers]
        lengths = self.offsets[numbers + 1] - starts + 2
        ends = np.cumsum(lengths)
        firsts = ends - lengths
        joined = np.empty(ends[-1], dtype=np.int64)
        inside = np.ones(ends[-1], dtype=bool)
        inside[firsts] = inside[ends - 1] = False
        places = np.repeat(starts - firsts - 1, lengths) + np.arange(ends[-1])
        joined[inside] = self.tokens[places[inside]]
        joined[firsts], joined[ends - 1] = before, after
        return joined

    def lengths(self) -> I64:
        """(sentences,) in subwords."""
        return np.diff(self.offsets)

    def _file(self, kind: str) -> Path:
        path = self.directory / f"{self.lang}.{kind}"
        if not path.exists():
            raise BadInput(f"{path} is missing: build it again with rebuild=[tokenise]")
        return path


def write_shards(lines: Iterable[str], lang: Lang, tokenizer: Tokenizer, directory: Path) -> tuple[int, int]:
    """Encode ``lines`` into ``directory``, a stretch at a time; returns how many sentences and subwords.

    Raises BadInput when there is no line.
    """
    sentences, total = 0, 0
    with (
        (directory / f"{lang}.bin").open("wb") as tokens,
        (directory / f"{lang}.offsets").open("wb") as offsets,
    ):
        offsets.write(np.zeros(1, np.int64).tobytes())
        for stretch in _batched(lines):
            encoded = tokenizer.encode(stretch, lang)
            ends = total + np.cumsum([len(each) for each in encoded], dtype=np.int64)
            tokens.write(np.concatenate(encoded).tobytes())
            offsets.write(ends.tobytes())
            sentences, total = sentences + len(encoded), int(ends[-1])
    if not sentences:
        raise BadInput(f"there is no {lang} text to encode")
    return sentences, total


def _batched(lines: Iterable[str]) -> Iterator[list[str]]:
    stretch: list[str] = []
    for line in lines:
        stretch.append(line)
        if len(stretch) == _LINES:
            yield stretch
            stretch = []
    if stretch:
        yield stretch

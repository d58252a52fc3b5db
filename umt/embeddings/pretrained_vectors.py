"""Word vectors from files: text as fastText, word2vec and GloVe write it, and word2vec's binary format."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from umt.embeddings.counts import SENTENCE_BREAK, IndexedCorpus, count_pairs, read_counts
from umt.embeddings.wordspace import WordSpace
from umt.runtime.decompression import CORRUPT_ERRORS, decompressed
from umt.runtime.validate import require
from umt.types import F32, BadInput, Lang

_FASTTEXT = (793712314).to_bytes(4, "little")
_LONGEST = 1000
"""Bytes of the longest word."""
_MOST_WORDS, _MOST_DIMENSIONS = 100_000_000, 100_000
_NUMBER = 64
"""Bytes of the longest number in a text file."""
_LONGEST_LINE = 1 << 20
"""Bytes of the longest first line."""
_EXAMINED = 1000
"""Entries at the beginning of a binary file whose numbers are looked at, needed or not."""
_HUGE, _TINY = 1e6, 1e-15
"""No trained vector holds a larger number, and hardly one a smaller one that is not 0."""


@dataclass(frozen=True)
class PretrainedVectors:
    """Word spaces with pretrained vectors and the counts of the text.

    paths: a file for each language, by its code: fastText .vec, word2vec text or binary; also as .gz, .xz,
    .zst.
    size: the most frequent words of the text that are kept, of those that the file knows too.
    windows, contexts, minimum_count: as in `PpmiSvd`.
    """

    paths: Mapping[str, str | None]
    size: int = 25_000
    windows: tuple[int, ...] = (5, 10)
    contexts: int = 5_000
    minimum_count: int = 5

    def __post_init__(self) -> None:
        require(self, positive="size windows contexts minimum_count")

    def build(self, lang: Lang, tokens: IndexedCorpus, generator: Generator) -> WordSpace:
        """The word space of one language.

        Raises `BadInput` when no file is named for it, or it is damaged, or knows hardly a word of the text.
        """
        path = _path(self.paths, lang)
        frequent = tokens.words[: tokens.vocabulary(len(tokens.words), self.minimum_count)]
        vector_of = read_vectors(path, frozenset(frequent))
        known = [rank for rank, word in enumerate(frequent) if word in vector_of][: self.size]
        if len(known) < 20:
            raise BadInput(
                f"{path} knows {len(known)} of the {len(frequent):,} frequent {lang} words of the "
                f"text: are these vectors of {lang}, and is the text segmented alike?"
            )
        new = np.full(
            len(tokens.words), len(known), dtype=np.int32
        )  # words without a vector keep their place
        new[known] = np.arange(len(known), dtype=np.int32)
        ids = np.where(tokens.ids == SENTENCE_BREAK, np.int32(SENTENCE_BREAK), new[tokens.ids])
        counts = count_pairs(ids, len(known), min(self.contexts, len(known)), self.windows)
        words = tuple(frequent[rank] for rank in known)
        frequencies = torch.from_numpy(tokens.frequencies[known].astype(np.float64))
        vectors = torch.from_numpy(np.stack([vector_of[word] for word in words]))
        _check_spread(path, vectors)
        return WordSpace(lang, words, frequencies, counts, vectors)


@dataclass(frozen=True)
class VectorFiles:
    """Word spaces of vectors alone, without the counts of a text.

    paths: a file for each language, as in `PretrainedVectors`; GloVe's has no first line of two numbers.
    counts: a file of "word count" lines for each language; None: the order of the vectors tells how frequent
    a word is, and frequencies follow Zipf's law. size: words at the beginning of a file that are read.
    """

    paths: Mapping[str, str | None]
    counts: Mapping[str, str | None] = field(default_factory=dict)
    size: int = 200_000

    def __post_init__(self) -> None:
        require(self, positive="size")

    def files(self, lang: Lang) -> tuple[Path, ...]:
        """All that is read for a language. Raises `BadInput` when no file is named or one is not there."""
        named = [_path(self.paths, lang), *(Path(str(name)) for name in [self.counts.get(lang)] if name)]
        for path in named:
            if not path.is_file():
                raise BadInput(f"there is no file {path}: words.paths and words.counts name the {lang} files")
        return tuple(named)

    def build(self, lang: Lang, tokens: IndexedCorpus | None, generator: Generator) -> WordSpace:
        """The word space of one language; no text is read.

        Raises `BadInput` when no file is named for it, or it is damaged or nearly empty.
        """
        path, *counted = self.files(lang)
        vector_of = read_vectors(path, size=self.size)
        if len(vector_of) < 20:
            raise BadInput(f"{path} holds {len(vector_of)} words, too few: give a larger file")
        words = tuple(vector_of)
        vectors = torch.from_numpy(np.stack([vector_of.pop(word) for word in words]))
        _check_spread(path, vectors)
        frequencies = 1e6 / torch.arange(1, len(words) + 1, dtype=torch.float64)
        if counted:
            counts = read_counts(counted[0])
            frequencies = torch.tensor([counts.get(word, 1.0) for word in words], dtype=torch.float64)
        order = frequencies.argsort(descending=True, stable=True)
        ordered = tuple(words[row] for row in order.tolist())
        return WordSpace(lang, ordered, frequencies[order], {}, vectors[order])


def _path(paths: Mapping[str, str | None], lang: Lang) -> Path:
    if not paths.get(lang):
        raise BadInput(f"no file of {lang} vectors is named: set words.paths.{lang}=FILE")
    return Path(str(paths[lang]))


def _check_spread(path: Path, vectors: Tensor) -> None:
    if float((vectors - vectors.mean(0)).abs().max()) <= 1e-6 * float(vectors.abs().max()):
        raise BadInput(f"{path} gives all {len(vectors):,} words the same vector: give another file")


def read_vectors(path: Path, words: Collection[str] | None = None, size: int = 0) -> dict[str, F32]:
    """The vectors of ``words``; a lower-cased word of the file counts where the word itself is not in it.

    words None: those of the first ``size`` words of the file, in its order; of two alike the first counts.
    The format is recognised by the content. Raises `BadInput` when the file cannot be read or is damaged.
    """
    try:
        with path.open("rb") as raw:
            file = decompressed(path, raw, wanted="word vectors as text or in word2vec's binary format")
            entries = _entries(path, BufferedReader(file))  # type: ignore[arg-type]
            if words is not None:
                return _select(path, entries, words)
            vectors: dict[str, F32] = {}
            for number, (word, values) in enumerate(islice(entries.rows, size), start=1):
                vectors.setdefault(word, _vector(path, entries, number, values))
            return vectors
    except CORRUPT_ERRORS as error:
        raise BadInput(f"{path} is damaged: its compressed data cannot be read; fetch it again") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error


class _Entries(NamedTuple):
    """The words of a file with their values, not yet numbers.

    binary: of 4 ``dim`` bytes; else text.
    """

    rows: Iterator[tuple[str, bytes | memoryview]]
    dim: int
    binary: bool


def _entries(path: Path, file: BufferedReader) -> _Entries:
    if file.peek(4)[:4] == _FASTTEXT:
        raise BadInput(f"{path} is a fastText model: give its .vec file, the vectors alone")
    if file.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise BadInput(f"{path} is UTF-16: convert it with `iconv -f utf-16 -t utf-8`")
    first = file.readline(_LONGEST_LINE).removeprefix(b"\xef\xbb\xbf")
    header = first.split()
    if not header:
        raise BadInput(f"{path} is empty, or its first line is: give a file of word vectors")
    if len(header) > 2 and _numbers(b" ".join(header[1:]), len(header) - 1) is not None:
        return _Entries(_text(path, file, None, len(header) - 1, first), len(header) - 1, False)
    if len(header) != 2 or not all(part.isdigit() and len(part) < 12 for part in header):
        raise BadInput(f"{path} does not begin with a line of two numbers, words and dimensions: add it")
    words, dim = (int(part) for part in header)
    if not 0 < words <= _MOST_WORDS or not 0 < dim <= _MOST_DIMENSIONS:
        raise BadInput(f"{path} says it holds {words} words of {dim} dimensions: correct its first line")
    if _is_text(file.peek(1 << 14)[: 1 << 14]):
        return _Entries(_text(path, file, words, dim), dim, False)
    line = file.peek(1 << 14).split(b"\n", 1)[0].strip().rsplit(None, dim)
    if len(line) == dim + 1 and _numbers(b" ".join(line[1:]), dim) is not None:
        raise BadInput(f"{path} is text, but not UTF-8: convert it, for example with iconv")
    return _Entries(_binary(path, file, words, dim), dim, True)


def _select(path: Path, entries: _Entries, words: Collection[str]) -> dict[str, F32]:
    exact: dict[str, F32] = {}
    lowered: dict[str, F32] = {}
    for number, (word, values) in enumerate(entries.rows, start=1):
        vectors = exact if word in words else lowered
        key = word if word in words else word.lower()
        needed = key in words and key not in vectors
        if needed or (entries.binary and number <= _EXAMINED):
            vector = _vector(path, entries, number, values)
            if needed:
                vectors[key] = vector
    return lowered | exact


def _vector(path: Path, entries: _Entries, number: int, values: bytes | memoryview) -> F32:
    vector = _numbers(values, entries.dim)
    if vector is None:
        kind = " of 32 bits, little-endian" if entries.binary else ""
        raise BadInput(f"{path} is damaged at word {number:,}: not {entries.dim} finite numbers{kind}")
    return vector


def _is_text(head: bytes) -> bool:
    """Whether the file goes on as text: UTF-8 without control characters."""
    line = head.split(b"\n", 1)[0]
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        # a word may be cut at the end of what was read
        if len(line) < len(head) or error.start < len(line) - 3:
            return False
        text = line[: error.start].decode("utf-8")
    return not any(letter < " " and letter not in "\t\r" for letter in text)


def _text(
    path: Path, file: BufferedReader, words: int | None, dim: int, first: bytes = b""
) -> Iterator[tuple[str, bytes | memoryview]]:
    """The lines of a file that promises ``words``, or of one that ends where it ends, after its ``first``."""
    longest, number = _LONGEST + _NUMBER * dim, 0
    while words is None or number < words:
        line, first = first or file.readline(longest), b""
        if words is None and not line:
            return
        last = words is None or number + 1 == words
        if not line.endswith(b"\n") and (not line or not last) and len(line) < longest:
            raise BadInput(f"{path} is damaged: it ends after {number:,} of the {words:,} words it promises")
        parts = line.strip().rsplit(None, dim)
        number += 1
        if len(parts) != dim + 1:
            raise BadInput(f"{path} is damaged at word {number:,}: not {dim} finite numbers")
        yield parts[0].decode("utf-8", "replace"), b" ".join(parts[1:])
    _check_end(path, file, words)


def _check_end(path: Path, file: BufferedReader, words: int) -> None:
    if file.read(_LONGEST).strip():
        raise BadInput(f"{path} holds more than the {words:,} words of its first line: correct that line")


def _binary(
    path: Path, file: BufferedReader, words: int, dim: int
) -> Iterator[tuple[str, bytes | memoryview]]:
    for number in range(words):
        word = bytearray()
        while (letter := file.read(1)) not in (b" ", b""):
            if letter != b"\n":  # some writers end a vector with it
                word += letter
            if len(word) > _LONGEST or (letter < b" " and letter != b"\n"):
                raise BadInput(
                    f"{path} is damaged at word {number + 1:,}: neither text nor word2vec's binary format"
                )
        values = file.read(4 * dim)
        if len(values) < 4 * dim:
            raise BadInput(f"{path} is damaged: it ends after {number:,} of the {words:,} words it promises")
        yield word.decode("utf-8", "replace"), memoryview(values)
    _check_end(path, file, words)


def _numbers(values: bytes | memoryview, dim: int) -> F32 | None:
    """(dim,) finite values, or None."""
    if isinstance(values, memoryview):
        vector = np.frombuffer(values, dtype="<f4").astype(np.float32)
        sizes = np.abs(vector)
        with np.errstate(invalid="ignore"):
            strange = (sizes > _HUGE).any() or ((sizes > 0) & (sizes < _TINY)).sum() > dim // 4
        if strange:  # numbers of another width or byte order
            return None
    else:
        numbers = values.split(b" ")
        if len(numbers) != dim or b"_" in values:
            return None
        try:
            with np.errstate(over="ignore"):
                vector = np.fromiter(map(float, numbers), np.float32, dim)
        except ValueError:
            return None
    return vector if vector.shape == (dim,) and np.isfinite(vector).all() else None

"""Pretrained word vectors: fastText's and word2vec's text formats, and word2vec's binary format."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np
import torch
from torch import Generator

from umt.embeddings.counts import SENTENCE_BREAK, IndexedCorpus, count_pairs
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
        if not self.paths.get(lang):
            raise BadInput(f"no file of {lang} vectors is named: set words.paths.{lang}=FILE")
        path = Path(str(self.paths[lang]))
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
        if float((vectors - vectors.mean(0)).abs().max()) <= 1e-6 * float(vectors.abs().max()):
            raise BadInput(f"{path} gives all {len(words):,} words the same vector: give another file")
        return WordSpace(lang, words, frequencies, counts, vectors)


def read_vectors(path: Path, words: Collection[str]) -> dict[str, F32]:
    """The vectors of ``words``; a lower-cased word of the file counts where the word itself is not in it.

    The format is recognised by the content. Raises `BadInput` when the file cannot be read or is damaged.
    """
    try:
        with path.open("rb") as raw:
            file = decompressed(path, raw, wanted="word vectors as text or in word2vec's binary format")
            return _parse(path, BufferedReader(file), words)  # type: ignore[arg-type]
    except CORRUPT_ERRORS as error:
        raise BadInput(f"{path} is damaged: its compressed data cannot be read; fetch it again") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error


def _parse(path: Path, file: BufferedReader, words_to_read: Collection[str]) -> dict[str, F32]:
    if file.peek(4)[:4] == _FASTTEXT:
        raise BadInput(f"{path} is a fastText model: give its .vec file, the vectors alone")
    header = file.readline(_LONGEST).removeprefix(b"\xef\xbb\xbf").split()
    if len(header) != 2 or not all(part.isdigit() and len(part) < 12 for part in header):
        raise BadInput(f"{path} does not begin with a line of two numbers, words and dimensions: add it")
    words, dim = (int(part) for part in header)
    if not 0 < words <= _MOST_WORDS or not 0 < dim <= _MOST_DIMENSIONS:
        raise BadInput(f"{path} says it holds {words} words of {dim} dimensions: correct its first line")
    entries = _text if _is_text(file.peek(1 << 14)[: 1 << 14]) else _binary
    exact: dict[str, F32] = {}
    lowered: dict[str, F32] = {}
    for number, (word, values) in enumerate(entries(path, file, words, dim), start=1):
        vectors = exact if word in words_to_read else lowered
        key = word if word in words_to_read else word.lower()
        needed = key in words_to_read and key not in vectors
        if not needed and (entries is _text or number > _EXAMINED):
            continue
        vector = _numbers(values, dim)
        if vector is None:
            kind = "" if entries is _text else " of 32 bits, little-endian"
            raise BadInput(f"{path} is damaged at word {number:,}: not {dim} finite numbers{kind}")
        if needed:
            vectors[key] = vector
    if file.read(_LONGEST).strip():
        raise BadInput(f"{path} holds more than the {words:,} words of its first line: correct that line")
    return lowered | exact


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


def _text(path: Path, file: BufferedReader, words: int, dim: int) -> Iterator[tuple[str, bytes | memoryview]]:
    longest = _LONGEST + _NUMBER * dim
    for number in range(words):
        line = file.readline(longest)
        if not line.endswith(b"\n") and (not line or number + 1 < words) and len(line) < longest:
            raise BadInput(f"{path} is damaged: it ends after {number:,} of the {words:,} words it promises")
        parts = line.rstrip().rsplit(None, dim)
        if len(parts) != dim + 1:
            raise BadInput(f"{path} is damaged at word {number + 1:,}: not {dim} finite numbers")
        yield parts[0].decode("utf-8", "replace"), b" ".join(parts[1:])


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
        try:
            vector = np.array([float(value) for value in values.split(b" ")], dtype=np.float32)
        except ValueError:
            return None
    return vector if vector.shape == (dim,) and np.isfinite(vector).all() else None

"""Pretrained word vectors: fastText's and word2vec's text formats, and word2vec's binary format."""

from __future__ import annotations

import gzip
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import torch
from torch import Generator

from umt.embeddings.counts import SENTENCE_BREAK, IndexedCorpus, count_pairs
from umt.embeddings.wordspace import WordSpace
from umt.runtime.validate import require
from umt.types import F32, BadInput, Lang

_FASTTEXT = (793712314).to_bytes(4, "little")
_LONGEST = 1000  # bytes of a word; more means that the file is something else


@dataclass(frozen=True)
class PretrainedVectors:
    """Word spaces with pretrained vectors and the counts of the text.

    paths: a file for each language, by its code: fastText .vec, word2vec text or binary, also gzipped.
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
        return WordSpace(lang, words, frequencies, counts, vectors)


def read_vectors(path: Path, words: Collection[str]) -> dict[str, F32]:
    """The vectors of the ``wanted`` words; the lower-cased word counts where the word itself is not there.

    The format is told by the content. Raises `BadInput` when the file cannot be read or is damaged.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.peek(2)[:2] == b"\x1f\x8b"
            file = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if zipped else raw
            return _parse(path, BufferedReader(file), words)  # type: ignore[arg-type]
    except (EOFError, gzip.BadGzipFile) as error:
        raise BadInput(f"{path} is damaged: its compressed data ends early; fetch it again") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error


def _parse(path: Path, file: BufferedReader, words_to_read: Collection[str]) -> dict[str, F32]:
    if file.peek(4)[:4] == _FASTTEXT:
        raise BadInput(f"{path} is a fastText model: give its .vec file, the vectors alone")
    header = file.readline(_LONGEST).split()
    if len(header) != 2 or not all(part.isdigit() for part in header):
        raise BadInput(f"{path} does not begin with a line of two numbers, words and dimensions")
    words, dim = (int(part) for part in header)
    if not words or not dim:
        raise BadInput(f"{path} says it holds {words} words of {dim} dimensions")
    entries = _text if _is_text(file.peek(1 << 14), dim) else _binary
    exact: dict[str, F32] = {}
    lowered: dict[str, F32] = {}
    for number, (word, values) in enumerate(entries(path, file, words, dim), start=1):
        vectors = exact if word in words_to_read else lowered
        key = word if word in words_to_read else word.lower()
        if key not in words_to_read or key in vectors:
            continue
        vector = _numbers(values, dim)
        if vector is None:
            raise BadInput(f"{path} is damaged at word {number:,}: not {dim} finite numbers")
        vectors[key] = vector
    return lowered | exact


def _is_text(head: bytes, dim: int) -> bool:
    """Whether what follows the header is words and numbers in writing."""
    line = head.split(b"\n", 1)[0].split()
    try:
        return len(line) > 1 and bool([float(value) for value in line[-min(dim, len(line) - 1) :]])
    except ValueError:
        return False


def _text(path: Path, file: BufferedReader, words: int, dim: int) -> Iterator[tuple[str, bytes | memoryview]]:
    for number in range(words):
        line = file.readline()
        if not line.endswith(b"\n") and (not line or number + 1 < words):
            raise BadInput(f"{path} is damaged: it ends after {number:,} of the {words:,} words it promises")
        parts = line.strip(b" \r\n").rsplit(b" ", dim)
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
            if len(word) > _LONGEST:
                raise BadInput(
                    f"{path} is damaged at word {number + 1:,}: neither text nor word2vec's binary"
                )
        values = file.read(4 * dim)
        if len(values) < 4 * dim:
            raise BadInput(f"{path} is damaged: it ends after {number:,} of the {words:,} words it promises")
        yield word.decode("utf-8", "replace"), memoryview(values)


def _numbers(values: bytes | memoryview, dim: int) -> F32 | None:
    """(dim,) finite values, or None."""
    if isinstance(values, memoryview):
        vector = np.frombuffer(values, dtype="<f4").astype(np.float32)
    else:
        try:
            vector = np.array([float(value) for value in values.split(b" ")], dtype=np.float32)
        except ValueError:
            return None
    return vector if vector.shape == (dim,) and np.isfinite(vector).all() else None

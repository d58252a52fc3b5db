"""Word spaces: the words, co-occurrence counts and vectors of one language, the input of an aligner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import normalize

from umt.embeddings.counts import Counts
from umt.runtime.saved_arrays import SavedArrays, SavedJson, damaged
from umt.types import Lang

_FORMAT = 1
_MOST_CONTEXTS = 10_000_000


def normalise(vectors: Tensor) -> Tensor:
    """Unit rows, centred columns, unit rows again (Artetxe et al., 2018). (words, dim) -> (words, dim)."""
    rows = normalize(vectors, dim=1)
    return normalize(rows - rows.mean(0), dim=1)


@dataclass(frozen=True)
class Embeddings:
    """Words and one row of ``vectors`` (words, dim) for each."""

    words: tuple[str, ...]
    vectors: Tensor

    def __post_init__(self) -> None:
        if len(self.words) != len(self.vectors):
            raise ValueError(f"{len(self.words)} words but vectors of shape {tuple(self.vectors.shape)}")

    @cached_property
    def index(self) -> Mapping[str, int]:
        """The row of each word."""
        return {word: row for row, word in enumerate(self.words)}

    def export(self, path: Path) -> None:
        """Write word2vec's text format, "words dim", then "word value value ..." a line; or, where ``path``
        ends in .bin, its binary format."""
        header = f"{len(self.words)} {self.vectors.shape[1]}\n"
        if path.suffix == ".bin":
            with path.open("wb") as binary:
                binary.write(header.encode())
                for word, row in zip(self.words, self.vectors.cpu().numpy().astype("<f4"), strict=True):
                    binary.write(word.encode() + b" " + row.tobytes() + b"\n")
            return
        with path.open("w", encoding="utf-8") as file:
            file.write(header)
            pattern = " ".join(["%.5g"] * self.vectors.shape[1])
            for word, row in zip(self.words, self.vectors.cpu().numpy(), strict=True):
                file.write(f"{word} {pattern % tuple(row)}\n")


@dataclass(frozen=True)
class WordSpace:
    """One language, most frequent word first.

    frequencies: (words,) float64 token counts.
    counts: window -> (words, contexts) sparse co-occurrence counts within that many words; the contexts
        are the first ``contexts`` words.
    vectors: (words, dim) float32.
    """

    lang: Lang
    words: tuple[str, ...]
    frequencies: Tensor
    counts: dict[int, Counts]
    vectors: Tensor

    def __post_init__(self) -> None:
        rows = {len(self.frequencies), len(self.vectors), *(each.shape[0] for each in self.counts.values())}
        if rows != {len(self.words)}:
            raise ValueError(f"{len(self.words)} words in {self.lang!r} but parts of {sorted(rows)} rows")

    @cached_property
    def index(self) -> Mapping[str, int]:
        """The row of each word."""
        return {word: row for row, word in enumerate(self.words)}

    @cached_property
    def normalised(self) -> Tensor:
        """(words, dim) the vectors as maps are fitted on them: centred, then `normalise`; not to be modified.

        Centred first, so that their cosines do not depend on where the origin lies.
        """
        return normalise(self.vectors - self.vectors.mean(0))

    @cached_property
    def principal(self) -> Tensor:
        """(words, dim) the centred vectors in their principal axes, largest variance first.

        The sign of an axis makes its third moment positive: no rotation or shift changes the coordinates.
        """
        centred = (self.vectors - self.vectors.mean(0)).double()
        axes = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)
        coordinates: Tensor = centred @ axes
        return (coordinates * (coordinates**3).sum(0).sign()).to(self.vectors)

    def embeddings(self) -> Embeddings:
        """The words with their vectors."""
        return Embeddings(self.words, self.vectors)

    def save(self, directory: Path) -> None:
        """Write ``{lang}.safetensors`` and ``{lang}.json`` into ``directory``."""
        tensors = {"frequencies": self.frequencies.contiguous(), "vectors": self.vectors.contiguous()}
        shapes = {}
        for window, counts in self.counts.items():
            shapes[window] = counts.shape
            for part in ("data", "indices", "indptr"):
                tensors[f"counts.{window}.{part}"] = torch.from_numpy(getattr(counts, part))
        save_file(tensors, directory / f"{self.lang}.safetensors")
        content = {"format": _FORMAT, "words": self.words, "counts": shapes}
        text = json.dumps(content, ensure_ascii=False)
        (directory / f"{self.lang}.json").write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, directory: Path, lang: Lang) -> WordSpace:
        """Read what `save` wrote; raises BadInput when a file is damaged or of another format."""
        about = SavedJson.read(directory / f"{lang}.json", _FORMAT)
        saved = SavedArrays.read(directory / f"{lang}.safetensors")
        words = about.strings("words")
        frequencies = saved.array("frequencies", np.float64, (len(words),), low=0)
        vectors = saved.array("vectors", np.float32, (len(words), None))
        counts = {}
        for window, shape in about.get("counts", dict).items():
            if not window.isdecimal() or len(window) > 9:
                raise damaged(about.path, f"{window!r} is no window")
            counts[int(window)] = _read_counts(saved, f"counts.{window}", len(words), shape)
        return cls(lang, words, torch.from_numpy(frequencies), counts, torch.from_numpy(vectors))


def _read_counts(saved: SavedArrays, name: str, words: int, shape: object) -> Counts:
    """(words, contexts) counts. Raises BadInput when ``shape`` or an array is impossible."""
    numbers = isinstance(shape, list) and len(shape) == 2 and all(type(size) is int for size in shape)
    if not isinstance(shape, list) or not numbers or shape[0] != words or not 0 <= shape[1] <= _MOST_CONTEXTS:
        raise damaged(saved.path, f"{name} has the shape {shape}")
    data = saved.array(f"{name}.data", np.float32, (None,), low=0)
    width = saved.arrays[f"{name}.indices"].dtype.type if f"{name}.indices" in saved.arrays else np.int32
    kind = np.int64 if width is np.int64 else np.int32  # scipy takes the wider where it must
    indices = saved.array(f"{name}.indices", kind, (len(data),), low=0, high=shape[1] - 1)
    indptr = saved.offsets(f"{name}.indptr", kind, words, len(data))
    matrix: Counts = sp.csr_matrix((data, indices, indptr), shape=tuple(shape))
    return matrix

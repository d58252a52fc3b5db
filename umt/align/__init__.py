"""Aligners: two word spaces in, one shared space and a lexicon each way out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Generator

from umt.embeddings.lexicon import Lexicon
from umt.embeddings.wordspace import Embeddings, WordSpace
from umt.runtime.saved_arrays import SavedArrays, SavedJson, damaged, strings
from umt.runtime.validate import typed
from umt.types import BadInput

_FORMAT = 1
_VERDICT_NUMBERS = "score", "null_score", "estimated_precision"

Label = Literal["aligned", "doubtful", "failed", "not judged"]


@dataclass(frozen=True)
class Verdict:
    """Whether an alignment succeeded, decided without a dictionary.

    score, null_score: the criterion on the real and on the permuted target (`umt.align.agreement`); nan where
        a strategy did not measure it. reason: one sentence for the user. estimated_precision: estimated share
        of the frequent words whose best translation is right; None where it cannot be estimated.
    """

    label: Label
    score: float
    null_score: float
    reason: str
    estimated_precision: float | None = None

    def __post_init__(self) -> None:
        typed("label", self.label, Label)
        if self.estimated_precision is not None and not 0 <= self.estimated_precision <= 1:
            raise ValueError(f"estimated_precision must lie in [0, 1], got {self.estimated_precision}")


@dataclass(frozen=True)
class Alignment:
    """Both vocabularies in one vector space, and the lexicons induced from it.

    source, target: embeddings of one dimension. lexicon: source to target; reverse_lexicon: target to source.
    history: one entry a round of each iterative phase, in order.
    """

    source: Embeddings
    target: Embeddings
    lexicon: Lexicon
    reverse_lexicon: Lexicon
    history: tuple[Mapping[str, float], ...]
    verdict: Verdict

    def __post_init__(self) -> None:
        if self.source.vectors.shape[1] != self.target.vectors.shape[1]:
            shapes = f"{tuple(self.source.vectors.shape)} and {tuple(self.target.vectors.shape)}"
            raise ValueError(f"a shared space needs vectors of one dimension, got {shapes}")
        for name, lexicon in (("lexicon", self.lexicon), ("reverse_lexicon", self.reverse_lexicon)):
            if not lexicon.source or not lexicon.target:
                raise ValueError(f"the {name} of an alignment is empty")

    @property
    def sides(self) -> tuple[Embeddings, Embeddings]:
        """Source and target in the shared space."""
        return self.source, self.target

    def save(self, directory: Path) -> None:
        """Write ``alignment.safetensors``, ``alignment.json``, both lexicons, also as `Lexicon.export`, and
        ``source.vec``, ``target.vec`` in the text format of word2vec."""
        sides = {"source": self.source, "target": self.target}
        tensors = {name: side.vectors.contiguous() for name, side in sides.items()}
        save_file(tensors, directory / "alignment.safetensors")
        content = {
            "format": _FORMAT,
            "words": {name: side.words for name, side in sides.items()},
            "verdict": _plain(asdict(self.verdict)),
            "history": [_plain(entry) for entry in self.history],
        }
        text = json.dumps(content, ensure_ascii=False)
        (directory / "alignment.json").write_text(text, encoding="utf-8")
        for name, lexicon in (("lexicon", self.lexicon), ("reverse", self.reverse_lexicon)):
            lexicon.save(directory, name)
            lexicon.export(directory, name)
        for name, side in sides.items():
            side.export(directory / f"{name}.vec")

    @classmethod
    def load(cls, directory: Path) -> Alignment:
        """Read what `save` wrote; raises BadInput when a file is damaged or of another format."""
        about = SavedJson.read(directory / "alignment.json", _FORMAT)
        saved = SavedArrays.read(directory / "alignment.safetensors")
        names = about.get("words", dict)
        sides = {side: strings(about.path, f"words.{side}", names.get(side)) for side in ("source", "target")}
        vectors = {
            side: torch.from_numpy(saved.array(side, np.float32, (len(words), None)))
            for side, words in sides.items()
        }
        verdict, history = about.get("verdict", dict), about.get("history", list)
        for entry in history:
            if not isinstance(entry, dict) or not all(map(_is_number, entry.values())):
                raise damaged(about.path, "history holds an entry that is no number")
        if not all(_is_number(verdict.get(name)) for name in _VERDICT_NUMBERS):
            raise damaged(about.path, "verdict holds a score that is no number")
        try:
            return cls(
                Embeddings(sides["source"], vectors["source"]),
                Embeddings(sides["target"], vectors["target"]),
                Lexicon.load(directory, "lexicon"),
                Lexicon.load(directory, "reverse"),
                tuple(_numbers(entry) for entry in history),
                Verdict(**(_numbers(verdict) | {"estimated_precision": verdict.get("estimated_precision")})),
            )
        except BadInput:
            raise
        except (TypeError, ValueError) as error:
            raise damaged(about.path, str(error)) from error


class Aligner(Protocol):
    """A strategy: a frozen dataclass with one verb. Pure: knows no files and no configuration."""

    def align(self, source: WordSpace, target: WordSpace, generator: Generator) -> Alignment:
        """Lay both vocabularies into one space; all randomness comes from ``generator``."""
        ...


def _plain(entry: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no nan: null stands for it."""
    return {name: None if value != value else value for name, value in entry.items()}


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _numbers(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in entry.items()}

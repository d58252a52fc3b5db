"""Bootstraps: first translations without parallel text, from which the neural translator starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from umt.corpus.prepared_text import PreparedText
from umt.embeddings.lexicon import Lexicon
from umt.embeddings.wordspace import Embeddings
from umt.types import Lang, ProgressCallback


@dataclass(frozen=True)
class BootstrapInputs:
    """All that a bootstrap may start from; no parallel text is among it.

    text: both sides, segmented. languages: (source, target). lexicons: source to target and back. spaces:
    aligned word vectors of source and target. precision: share of the lexicons' best entries that are right,
    as the aligner estimates it; None where it does not. tokens, model: folders with tokenizer and token ids,
    and with the joint language model, for a bootstrap that needs one.
    """

    text: PreparedText
    languages: tuple[Lang, Lang]
    lexicons: tuple[Lexicon, Lexicon]
    spaces: tuple[Embeddings, Embeddings]
    precision: float | None
    seed: int
    tokens: Path | None = None
    model: Path | None = None


class Bootstrap(Protocol):
    """A strategy: a frozen dataclass with one verb.

    needs_lm: whether it starts from the joint language model.
    """

    needs_lm: ClassVar[bool]

    def write(
        self, inputs: BootstrapInputs, directory: Path, progress: ProgressCallback
    ) -> Mapping[str, Any]:
        """Write what it learned to ``directory``; the report.

        Its ``kind`` says what lies there: ``phrase-based`` (`umt.smt.translator`, a folder a direction)
        or ``few-shot`` (`umt.translation.prompting`); ``summary`` is a line for a person. Synthetic pairs may
        lie beside (`umt.translation.bitext.save_bootstrap_pairs`). Raises BadInput when the text is too
        small or too odd.
        """
        ...

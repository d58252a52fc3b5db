"""Bootstraps: initial translations without parallel text, which initialise the neural translator."""

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
    """The inputs of a bootstrap; no parallel text is among them.

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
        """Train and write to ``directory``; returns the report.

        Its ``kind`` names the contents: ``phrase-based`` (`umt.smt.translator`, a folder a direction) or
        ``few-shot`` (`umt.translation.prompting`); ``summary`` is one line for the user. Synthetic pairs may
        be written too (`umt.translation.bitext.save_bootstrap_pairs`). Raises BadInput when the text does not
        suffice.
        """
        ...

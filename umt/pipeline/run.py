"""What one configuration built."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from umt.compression.mutual_information import BITS
from umt.corpus import HeldOut, Source
from umt.pipeline.artefact import Artefact


@dataclass(frozen=True)
class Run:
    """What one configuration built; ``translators`` and ``alignments`` are keyed by system.

    text: None where the words come from files of vectors alone; shared: what
    `umt.pipeline.stages.shared_content` says of its two sides.
    """

    directory: Path
    corpus: Source
    held_out: tuple[HeldOut, ...]
    text: Artefact | None
    shared: Artefact | None
    model: Artefact | None
    translator: Artefact | None
    bits: Artefact | None
    alignments: dict[str, Artefact]
    translators: dict[str, Artefact]

    @property
    def text_report(self) -> dict[str, Any] | None:
        """What preparation says of the text and, as ``shared_content``, the lexicon of its sides."""
        shared = self.shared.report["summary"] if self.shared else ""
        return {**self.text.report, "shared_content": shared} if self.text else None

    @property
    def bits_report(self) -> dict[str, Any] | None:
        """What was measured in bits, if anything was."""
        return json.loads((self.bits.path / BITS).read_text("utf-8")) if self.bits else None

    @property
    def criterion(self) -> float | None:
        """What settings may be chosen by without pair or dictionary, the higher the better; None: unknown.

        The best round-trip BLEU of the translator at a validation without collapse (0 where there is none);
        without a translator the support of the alignment, in [0, 1].
        """
        if self.translator is not None:
            history = self.translator.report["history"]
            sound = [float(entry["round_trip"]) for entry in history if not entry["collapsed"]]
            return max(sound, default=0.0)
        verdict = json.loads((self.alignments["unsupervised"].path / "alignment.json").read_text("utf-8"))[
            "verdict"
        ]
        return cast("float | None", verdict["score"])

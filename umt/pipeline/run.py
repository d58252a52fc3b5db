"""What one configuration built."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from umt.compression.mutual_information import BITS
from umt.corpus import HeldOut, Source
from umt.pipeline.artefact import Artefact


@dataclass(frozen=True)
class Run:
    """What one configuration built; ``translators`` and ``alignments`` are keyed by system.

    shared: what `umt.pipeline.stages.shared_content` says of the two sides.
    """

    directory: Path
    corpus: Source
    held_out: tuple[HeldOut, ...]
    text: Artefact
    shared: Artefact
    model: Artefact | None
    translator: Artefact | None
    bits: Artefact | None
    alignments: dict[str, Artefact]
    translators: dict[str, Artefact]

    @property
    def bits_report(self) -> dict[str, Any] | None:
        """What was measured in bits, if anything was."""
        return json.loads((self.bits.path / BITS).read_text("utf-8")) if self.bits else None

"""Runs of a prequential network on several texts, each done once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from umt.compression.prequential import Coded, Prequential
from umt.compression.symbols import CodedText
from umt.runtime.seeds import child_seed
from umt.types import ProgressCallback


class NetworkRuns:
    """Runs of the network, cached by the content of the texts."""

    def __init__(
        self, code: Prequential, vocabulary: int, seed: int, directory: Path, progress: ProgressCallback
    ) -> None:
        self.setting, self.vocabulary, self.seed = code, vocabulary, seed
        self.directory, self.progress = directory, progress
        self.done: dict[tuple[str, int], list[Coded]] = {}

    def networks(self, texts: Sequence[CodedText], name: str, number: int) -> list[Coded]:
        """Predictions of ``texts`` by one network of seed ``number``; name: for messages of progress."""
        content = hashlib.sha256(" ".join(text.digest for text in texts).encode()).hexdigest()[:16]
        if (content, number) not in self.done:
            self.done[content, number] = self.setting.code(
                texts,
                self.vocabulary,
                child_seed(self.seed, number),
                self.directory / f"{content}-{number}",
                lambda what, done, total: self.progress(f"{name}, seed {number + 1}, {what}", done, total),
            )
        return self.done[content, number]

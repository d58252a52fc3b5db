"""The files and the counts of one language while its text is prepared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TextIO

import numpy as np

from umt.corpus.preparation.cleaning import CleanedChunk, SideStatistics
from umt.corpus.preparation.deduplication import SeenHashes
from umt.types import Lang


@dataclass
class SideWriter:
    """Where the sentences of one language go, and the counts for the report.

    looks_like: the code of the language that the text seems to be in instead of ``lang``, if any.
    """

    lang: Lang
    text: TextIO
    words: TextIO
    counts: Counter[str] = field(default_factory=Counter)
    drops: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    leaked: Counter[tuple[str, str]] = field(default_factory=Counter)
    keys: SeenHashes = field(default_factory=SeenHashes)
    exact: SeenHashes = field(default_factory=SeenHashes)
    traces: list[SideStatistics] = field(default_factory=list)
    looks_like: str | None = None

    def add(self, chunk: CleanedChunk, duplicates: bool) -> None:
        """Write what is new of a chunk and count the rest."""
        self.counts["lines"] += chunk.lines
        self.drops.update(chunk.drops)
        for reason, example in chunk.examples.items():
            self.examples.setdefault(reason, example)
        self.leaked.update(chunk.leaked)
        self.traces.append(chunk.traces)
        sentences, spaced = chunk.sentences, chunk.spaced
        if not duplicates:
            unseen, new = self.exact.add(chunk.exact), self.keys.add(chunk.keys)
            for reason, places in (("duplicate", ~unseen), ("near duplicate", unseen & ~new)):
                if places.any():
                    self.drops[reason] += int(places.sum())
                    self.examples.setdefault(reason, sentences[int(places.argmax())][:200])
            fresh = np.flatnonzero(new).tolist()
            sentences, spaced = [sentences[place] for place in fresh], [spaced[place] for place in fresh]
        self.counts["kept"] += len(sentences)
        self.counts["words"] += sum(line.count(" ") + 1 for line in spaced)
        for file, lines in ((self.text, sentences), (self.words, spaced)):
            file.write("".join([f"{line}\n" for line in lines]))

    def report(self) -> dict[str, Any]:
        """Counts, and an example of each reason for which sentences were dropped."""
        dropped = {
            reason: {"count": count, "example": self.examples[reason]}
            for reason, count in sorted(self.drops.items(), key=lambda entry: (-entry[1], entry[0]))
        }
        return {name: self.counts[name] for name in ("lines", "kept", "words")} | {"dropped": dropped}

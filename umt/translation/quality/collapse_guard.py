"""Detection of collapsed translators: copying, the wrong language, repetition, degenerate lengths, and one
output for all inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from umt.runtime.validate import require
from umt.text.tokenizer import Ids
from umt.translation.quality.filters import OutputStatistics, SubwordUsage
from umt.types import Lang


@dataclass(frozen=True)
class OutputHealth:
    """Statistics of the translations of a sample.

    foreign, copied, repeated: mean shares, see `OutputStatistics` in `filters`. length: median
    length ratio. diversity: distinct subwords of the translations over those of as much real text.
    finished: share that ended before the length limit.
    """

    foreign: float
    copied: float
    repeated: float
    length: float
    diversity: float
    finished: float

    @classmethod
    def read(
        cls,
        sentences: Sequence[Ids],
        translations: Sequence[Ids],
        ended: Sequence[bool],
        real: Sequence[Ids],
        lang: Lang,
        usage: SubwordUsage,
    ) -> OutputHealth:
        """Of ``translations`` of ``sentences`` into ``lang``, of which ``real`` is a sample of text.

        Raises ValueError when there is no sentence.
        """
        if not len(sentences):
            raise ValueError("output health needs at least one sentence")
        statistics = OutputStatistics.read(sentences, translations, lang, usage)
        return cls(
            float(statistics.foreign.mean()),
            float(statistics.copied.mean()),
            float(statistics.repeated_bigrams.mean()),
            float(np.median(statistics.length)),
            _diversity(translations, real),
            float(np.mean(ended)),
        )

    def as_metrics(self, direction: str) -> dict[str, float]:
        """Values by name, for a log."""
        return {f"{direction}/{name}": value for name, value in asdict(self).items()}


def _diversity(translations: Sequence[Ids], real: Sequence[Ids]) -> float:
    produced, text = np.concatenate(translations), np.concatenate(real)
    size = min(len(produced), len(text))
    return len(np.unique(produced[:size])) / len(np.unique(text[:size])) if size else 0.0


@dataclass(frozen=True)
class CollapseGuard:
    """Thresholds beyond which a translator has collapsed; a bad translator is far from them.

    wrong_language: largest mean share of subwords of the other language.
    copied: largest mean share of copied subwords.
    repeated: largest mean share of repeated bigrams.
    length_ratio: times that the median translation may be longer or shorter than its sentence.
    diversity: least ratio of distinct subwords to those of real text.
    finished: least share of translations that end.
    """

    wrong_language: float = 0.3
    copied: float = 0.5
    repeated: float = 0.4
    length_ratio: float = 3.0
    diversity: float = 0.1
    finished: float = 0.5

    def __post_init__(self) -> None:
        require(self, share="wrong_language copied repeated diversity finished", at_least={"length_ratio": 1})

    def diagnose(self, health: Mapping[str, OutputHealth]) -> str | None:
        """One sentence about the first direction that has collapsed; None when there is none."""
        for direction, stats in health.items():
            for violated, description in (
                (stats.foreign > self.wrong_language, f"{stats.foreign:.0%} of it is in the wrong language"),
                (stats.copied > self.copied, f"{stats.copied:.0%} of it is copied"),
                (stats.finished < self.finished, f"only {stats.finished:.0%} of its sentences end"),
                (stats.repeated > self.repeated, f"{stats.repeated:.0%} of it repeats itself"),
                (not 1 / self.length_ratio <= stats.length <= self.length_ratio,
                 f"its sentences are {stats.length:.2f} times as long as what they translate"),
                (stats.diversity < self.diversity,
                 f"it uses {stats.diversity:.0%} of the words that real text of the length has"),
            ):  # fmt: skip
                if violated:
                    return f"the translator {direction} has collapsed: {description}"
        return None

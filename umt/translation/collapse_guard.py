"""The health of a translator while it learns: does it copy, write the wrong language, stutter, or say one
thing?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from umt.runtime.validate import require
from umt.text.tokenizer import Ids
from umt.translation.filters import OutputStatistics, SubwordUsage
from umt.types import Lang


@dataclass(frozen=True)
class OutputHealth:
    """What renderings of a sample look like on the whole.

    foreign, copied, repeated: mean shares, see `umt.translation.filters.OutputStatistics`; length: the
    middle length ratio;
    diversity: distinct subwords in the renderings for each in as many subwords of real text; finished: share
    that came to an end.
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
        renderings: Sequence[Ids],
        ended: Sequence[bool],
        real: Sequence[Ids],
        lang: Lang,
        usage: SubwordUsage,
    ) -> OutputHealth:
        """Of ``renderings`` of ``sentences`` in ``lang``, of which ``real`` is a sample of text.

        Raises ValueError when there is no sentence.
        """
        if not len(sentences):
            raise ValueError("health needs a sentence to look at")
        signs = OutputStatistics.read(sentences, renderings, lang, usage)
        return cls(
            float(signs.foreign.mean()),
            float(signs.copied.mean()),
            float(signs.repeated_bigrams.mean()),
            float(np.median(signs.length)),
            _diversity(renderings, real),
            float(np.mean(ended)),
        )

    def as_metrics(self, direction: str) -> dict[str, float]:
        """Its figures by name, for a log."""
        return {f"{direction}/{name}": value for name, value in asdict(self).items()}


def _diversity(renderings: Sequence[Ids], real: Sequence[Ids]) -> float:
    written, text = np.concatenate(renderings), np.concatenate(real)
    size = min(len(written), len(text))
    return len(np.unique(written[:size])) / len(np.unique(text[:size])) if size else 0.0


@dataclass(frozen=True)
class CollapseGuard:
    """What counts as a collapse; a translator may be bad in many ways before it is as bad as this.

    foreign, copied, repeated: the largest mean shares; length: how many times the middle translation may be
    longer or shorter than its sentence; diversity, finished: the least.
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
        """One sentence about the first direction that has collapsed; None when all is well."""
        for direction, seen in health.items():
            for wrong, told in (
                (seen.foreign > self.wrong_language, f"{seen.foreign:.0%} of it is in the wrong language"),
                (seen.copied > self.copied, f"{seen.copied:.0%} of it is copied"),
                (seen.finished < self.finished, f"only {seen.finished:.0%} of its sentences come to an end"),
                (seen.repeated > self.repeated, f"{seen.repeated:.0%} of it repeats itself"),
                (not 1 / self.length_ratio <= seen.length <= self.length_ratio,
                 f"its sentences are {seen.length:.2f} times as long as what they translate"),
                (seen.diversity < self.diversity,
                 f"it uses {seen.diversity:.0%} of the words that real text of the length has"),
            ):  # fmt: skip
                if wrong:
                    return f"the translator {direction} has collapsed: {told}"
        return None

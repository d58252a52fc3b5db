"""COMET and xCOMET, learned metrics of source, translation and reference; optional, they want a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from umt.evaluation.sentence_mean import mean_score
from umt.runtime.validate import require
from umt.types import BadInput, Lang, Score


@dataclass(frozen=True)
class Comet:
    """A COMET model (Rei et al. 2020) or xCOMET (Guerreiro et al. 2024), read from the hub; about 0 to 1.

    model: its name. batch: sentences at once. resamples: bootstrap resamples behind the 95% interval.
    Raises BadInput when COMET is not installed, before anything is translated.
    """

    model: str = "Unbabel/wmt22-comet-da"
    batch: int = 16
    resamples: int = 1000

    def __post_init__(self) -> None:
        require(self, positive="batch resamples")
        if find_spec("comet") is None:
            raise BadInput(
                "evaluation.metrics asks for COMET, which is not installed: pip install unbabel-comet, "
                "or leave it out"
            )

    def check(self, target: Lang) -> None:
        """That it is installed is all that can be told."""

    def score(
        self,
        hypotheses: Sequence[str],
        references: Sequence[Sequence[str]],
        target: Lang,
        sources: Sequence[str] = (),
    ) -> Score:
        """The mean over sentences, each against its first reference."""
        import torch

        rows = [
            {"src": source, "mt": hypothesis, "ref": item[0]}
            for source, hypothesis, item in zip(sources, hypotheses, references, strict=True)
        ]
        output = _model(self.model).predict(rows, batch_size=self.batch, gpus=int(torch.cuda.is_available()))
        name = "xcomet" if "xcomet" in self.model.lower() else "comet"
        return mean_score(name, output.scores, self.resamples, self.model)


@cache
def _model(name: str) -> Any:
    """The model, read once for all that it is to judge."""
    import comet  # takes seconds, and may not be there

    try:
        return comet.load_from_checkpoint(comet.download_model(name))
    except Exception as error:  # whatever the hub, the disk or pickle say
        raise BadInput(f"the COMET model {name} cannot be had: {error}") from error

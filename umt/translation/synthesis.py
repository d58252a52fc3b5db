"""What the model that learns writes itself, to learn from: renderings, and which of them are fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator

from umt.lm.generation import Direction, Generation
from umt.lm.joint_lm import JointLM
from umt.lm.scoring import SequenceScorer
from umt.text.tokenizer import Ids, Tokenizer
from umt.translation.filters import Filters, OutputStatistics, SubwordUsage, reconstruction_f1
from umt.types import Bools, Lang


class SyntheticSources(NamedTuple):
    """What a model wrote for each of some sentences; ended, fit: (sentences,), whether it came to an end, and
    whether it is worth learning from."""

    ids: list[Ids]
    ended: Bools
    accepted: Bools


@dataclass
class SyntheticSourceWriter:
    """Writes the first rendering of sentences in the other language, and tells which are fit.

    languages: of both texts. kept, drawn: how many renderings were fit, of how many.
    """

    tokenizer: Tokenizer
    languages: tuple[Lang, Lang]
    generation: Generation
    filters: Filters
    usage: SubwordUsage
    kept: int = 0
    drawn: int = 0

    def __post_init__(self) -> None:
        first, second = self.languages
        self.directions = [
            Direction.between(self.tokenizer, here, there, self.usage.written(there))
            for here, there in ((first, second), (second, first))
        ]

    def write(
        self,
        model: JointLM,
        side: int,
        sentences: Sequence[Ids],
        generator: Generator,
        dtype: torch.dtype = torch.float32,
    ) -> SyntheticSources:
        """Of ``sentences`` in the language number ``side``, by ``model`` in the middle of training.

        dtype: of products by weights.
        """
        training = model.training
        model.eval()
        with torch.no_grad():
            outputs = self.generation.generate(model, sentences, self.directions[side], generator, dtype)
            best = [each[0] for each in outputs]
            ids = [each.ids.astype(sentence.dtype) for each, sentence in zip(best, sentences, strict=True)]
            nats = np.array([each.nll / (len(each.ids) + 1) for each in best])
            ended, said = np.array([each.ended for each in best]), np.array([len(each) > 0 for each in ids])
            signs = OutputStatistics.read(sentences, ids, self.languages[1 - side], self.usage)
            fit = ended & said & self.filters.fit(signs, nats)
            self._filter_by_reconstruction(model, side, sentences, ids, fit, generator, dtype)
        model.train(training)
        self.kept, self.drawn = self.kept + int(fit.sum()), self.drawn + len(fit)
        return SyntheticSources(ids, ended, fit)

    def _filter_by_reconstruction(
        self,
        model: JointLM,
        side: int,
        sentences: Sequence[Ids],
        ids: Sequence[Ids],
        fit: Bools,
        generator: Generator,
        dtype: torch.dtype,
    ) -> None:
        """Take from ``fit`` what does not tell enough of its sentence."""
        here, there = self.languages[side], self.languages[1 - side]
        if self.filters.max_reconstruction_nll is not None and (places := np.flatnonzero(fit).tolist()):
            asked, given = [sentences[place] for place in places], [ids[place] for place in places]
            costs = SequenceScorer(model, self.tokenizer, dtype).conditional_nll(given, asked, there, here)
            fit[places] = costs / [len(each) + 1 for each in asked] <= self.filters.max_reconstruction_nll
        if self.filters.reconstruction_f1 is not None and (places := np.flatnonzero(fit).tolist()):
            asked, given = [sentences[place] for place in places], [ids[place] for place in places]
            outputs = self.generation.generate(model, given, self.directions[1 - side], generator, dtype)
            again = [each[0].ids.astype(self.tokenizer.dtype) for each in outputs]
            fit[places] = (
                reconstruction_f1(asked, again, len(self.tokenizer)) >= self.filters.reconstruction_f1
            )

    def state(self) -> dict[str, Any]:
        """What was counted."""
        return {"kept": self.kept, "drawn": self.drawn}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on counting from there."""
        self.kept, self.drawn = int(state["kept"]), int(state["drawn"])

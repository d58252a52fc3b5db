"""Synthetic sources: translations by the model in training, and the filters that accept or reject them."""

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
from umt.translation.quality.filters import Filters, OutputStatistics, SubwordUsage, reconstruction_f1
from umt.types import Bools, Lang


class SyntheticSources(NamedTuple):
    """Translations of real sentences; all fields (sentences,).

    ended: whether it ended before the length limit. accepted: whether it ended, is not empty and passes the
    filters.
    """

    ids: list[Ids]
    ended: Bools
    accepted: Bools


@dataclass
class SyntheticSourceWriter:
    """Writes the best translation of sentences into the other language, and filters them.

    languages: of both texts. accepted, written: counts so far.
    """

    tokenizer: Tokenizer
    languages: tuple[Lang, Lang]
    generation: Generation
    filters: Filters
    usage: SubwordUsage
    accepted: int = 0
    written: int = 0

    def __post_init__(self) -> None:
        first, second = self.languages
        self.directions = [
            Direction.between(self.tokenizer, source, target, self.usage.allowed(target))
            for source, target in ((first, second), (second, first))
        ]

    def write(
        self,
        model: JointLM,
        side: int,
        sentences: Sequence[Ids],
        generator: Generator,
        dtype: torch.dtype = torch.float32,
    ) -> SyntheticSources:
        """Translations of ``sentences`` in the language number ``side`` by ``model``, which is in training.

        dtype: of products by weights.
        """
        training = model.training
        model.eval()
        with torch.no_grad():
            outputs = self.generation.generate(model, sentences, self.directions[side], generator, dtype)
            best = [hypotheses[0] for hypotheses in outputs]
            ids = [
                output.ids.astype(sentence.dtype) for output, sentence in zip(best, sentences, strict=True)
            ]
            mean_nll = np.array([output.nll / (len(output.ids) + 1) for output in best])
            ended = np.array([output.ended for output in best])
            nonempty = np.array([len(sequence) > 0 for sequence in ids])
            statistics = OutputStatistics.read(sentences, ids, self.languages[1 - side], self.usage)
            accepted = ended & nonempty & self.filters.accept(statistics, mean_nll)
            self._filter_by_reconstruction(model, side, sentences, ids, accepted, generator, dtype)
        model.train(training)
        self.accepted, self.written = self.accepted + int(accepted.sum()), self.written + len(accepted)
        return SyntheticSources(ids, ended, accepted)

    def _filter_by_reconstruction(
        self,
        model: JointLM,
        side: int,
        sentences: Sequence[Ids],
        ids: Sequence[Ids],
        accepted: Bools,
        generator: Generator,
        dtype: torch.dtype,
    ) -> None:
        """Reject, in ``accepted``, translations from which the sentence cannot be reconstructed."""
        lang, other = self.languages[side], self.languages[1 - side]
        positions = np.flatnonzero(accepted).tolist()
        if self.filters.max_reconstruction_nll is not None and positions:
            targets = [sentences[position] for position in positions]
            sources = [ids[position] for position in positions]
            scorer = SequenceScorer(model, self.tokenizer, dtype)
            mean_nll = scorer.conditional_nll(sources, targets, other, lang) / [
                len(target) + 1 for target in targets
            ]
            accepted[positions] = mean_nll <= self.filters.max_reconstruction_nll
        positions = np.flatnonzero(accepted).tolist()
        if self.filters.reconstruction_f1 is not None and positions:
            targets = [sentences[position] for position in positions]
            sources = [ids[position] for position in positions]
            outputs = self.generation.generate(model, sources, self.directions[1 - side], generator, dtype)
            returned = [hypotheses[0].ids.astype(self.tokenizer.dtype) for hypotheses in outputs]
            scores = reconstruction_f1(targets, returned, len(self.tokenizer))
            accepted[positions] = scores >= self.filters.reconstruction_f1

    def state(self) -> dict[str, Any]:
        """Counts so far."""
        return {"accepted": self.accepted, "written": self.written}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        self.accepted, self.written = int(state["accepted"]), int(state["written"])

"""Translating raw text with a joint language model: what `umt.translation.training` learns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import regex
from torch import Generator

from umt.lm.beam_search import Beam
from umt.lm.generation import Direction, Generation, Output
from umt.lm.joint_lm import JointLM
from umt.lm.loading import best_device, load, save
from umt.lm.scoring import SequenceScorer
from umt.runtime.validate import require
from umt.text.morphology import SUFFIX_MARK
from umt.text.normalisation import normaliser
from umt.text.sentence_splitting import split_sentences
from umt.text.tokenizer import Ids, Tokenizer
from umt.translation.filters import repeated_bigrams
from umt.types import BadInput, Lang

_FILE = "translator.json"
_BEGIN = regex.compile(rf" (?!{SUFFIX_MARK})")
_CUT = regex.compile(r"[\p{P}\p{S}]\s*$")
_LOOPING = 0.3
"""Share of its pairs of neighbours that a loop has said before, beyond what the sentence repeats."""
_UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my", "bo"})


class Alternative(NamedTuple):
    """A translation and its score: log p(translation | sentence) in nats, with log p(sentence | translation)
    added where both ways count.
    """

    text: str
    score: float


@dataclass(frozen=True)
class NeuralTranslator:
    """Raw sentences in one language to raw sentences in another.

    written: the subwords that each language is written with; every subword for one that is missing.
    longest: subwords of a sentence as long as those it learned from; a longer one is translated in pieces.
    noisy_channel: among the hypotheses of the search, the one is best from which the sentence follows, too:
        by p(y | x) p(x | y), of the one model (a noisy channel without a prior; Li et al. 2016, "Mutual
        information and diverse decoding"). What one direction invents or leaves out costs the other.
    """

    source: Lang
    target: Lang
    model: JointLM
    tokenizer: Tokenizer
    allowed_subwords: Mapping[Lang, Sequence[int]] = field(default_factory=dict)
    longest: int = 100
    generation: Generation = field(default_factory=lambda: Generation(Beam(4)))
    noisy_channel: bool = True

    def __post_init__(self) -> None:
        for lang in (self.source, self.target):
            if lang not in self.tokenizer.languages:
                known = " and ".join(self.tokenizer.languages)
                raise BadInput(f"the translator does not know {lang}: it knows {known}")
        require(self, positive="longest")

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """One translation a sentence, in order; an empty sentence gives an empty one."""
        return [each[0].text for each in self.alternatives(sentences)]

    def alternatives(self, sentences: Sequence[str]) -> list[list[Alternative]]:
        """The different translations that the search has found for each sentence, the best first.

        Only the best of each piece goes into a sentence that is translated in pieces.
        """
        pieces = [self._pieces(sentence) for sentence in sentences]
        written = self.allowed_subwords.get(self.target)
        way = Direction.between(self.tokenizer, self.source, self.target, written)
        flat = [piece for each in pieces for piece in each]
        hypotheses = self.generation.generate(self.model, flat, way, Generator().manual_seed(0))
        outputs = iter(self._ranked(flat, hypotheses))
        found = []
        for each in pieces:
            lists = [
                [
                    Alternative(self.tokenizer.decode(said.ids, self.target).strip(), -said.nll)
                    for said in next(outputs)
                ]
                for _ in each
            ]
            if not lists:
                found.append([Alternative("", 0.0)])
            elif len(lists) == 1:
                found.append(_unique(lists[0]))
            else:
                joined = ("" if self.target in _UNSPACED else " ").join(said[0].text for said in lists)
                found.append([Alternative(joined, sum(said[0].score for said in lists))])
        return found

    def _ranked(self, pieces: Sequence[Ids], outputs: list[list[Output]]) -> list[list[Output]]:
        """The hypotheses of each piece, the best first; their nats are of both ways where both count.

        What was cut off, or goes round and round where the sentence does not, comes after all others: each
        word of a loop is so likely that the mean of its nats is low.
        """
        if self.noisy_channel and any(len(each) > 1 for each in outputs):
            sentences = [piece for piece, each in zip(pieces, outputs, strict=True) for _ in each]
            said = [one.ids.astype(self.tokenizer.dtype) for each in outputs for one in each]
            back = iter(
                SequenceScorer(self.model, self.tokenizer).conditional_nll(
                    said, sentences, self.target, self.source
                )
            )
            both = [[one._replace(nll=one.nll + float(next(back))) for one in each] for each in outputs]
            outputs = [sorted(each, key=lambda one: one.nll) for each in both]

        return [
            [
                one
                for wanted in (True, False)
                for one in each
                if _complete_and_not_looping(one, piece) is wanted
            ]
            for piece, each in zip(pieces, outputs, strict=True)
        ]

    def _pieces(self, sentence: str) -> list[Ids]:
        """Subwords of the sentence, or of its parts where it is too long; none of an empty one."""
        normal = normaliser(self.source)(sentence)
        if not normal:
            return []
        [ids] = self.tokenizer.encode([normal], self.source)
        if len(ids) <= self.longest:
            return [ids]
        parts = self.tokenizer.encode(split_sentences(normal, self.source), self.source)
        return [piece for part in parts for piece in self._cut(part)]

    def _cut(self, ids: Ids) -> Iterator[Ids]:
        """Parts of at most ``longest`` subwords, cut after punctuation, else between words, else anywhere."""
        pieces = self.tokenizer.pieces
        while len(ids) > self.longest:
            texts = [pieces[number].decode("utf-8", "replace") for number in ids[: self.longest + 1]]
            marks = [place + 1 for place, text in enumerate(texts[:-1]) if _CUT.search(text)]
            words = [place for place, text in enumerate(texts) if _BEGIN.match(text) and place]
            half = self.longest // 2  # an early comma is no place to cut
            place = max([each for each in marks if each > half] or words or [self.longest])
            yield ids[:place]
            ids = ids[place:]
        if len(ids):
            yield np.asarray(ids)

    def save(self, directory: Path) -> None:
        """Write the network, the tokenizer and ``translator.json``; both directions can be loaded."""
        save(self.model, directory)
        self.tokenizer.save(directory)
        about = {
            "languages": [self.source, self.target],
            "written": {lang: list(map(int, numbers)) for lang, numbers in self.allowed_subwords.items()},
            "longest": self.longest,
        }
        (directory / _FILE).write_text(json.dumps(about), encoding="utf-8")

    @classmethod
    def load(
        cls,
        directory: Path,
        source: Lang,
        target: Lang,
        generation: Generation | None = None,
        noisy_channel: bool = True,
    ) -> NeuralTranslator:
        """Read what `save` wrote, for one direction.

        Raises BadInput when the directory holds no translator, or none of these languages.
        """
        try:
            about = json.loads((directory / _FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BadInput(f"{directory} holds no translator: {_FILE} is missing") from None
        return cls(
            source,
            target,
            load(directory).to(best_device()),
            Tokenizer.load(directory),
            {Lang(lang): numbers for lang, numbers in about["written"].items()},
            int(about["longest"]),
            generation or Generation(Beam(4)),
            noisy_channel,
        )


def _complete_and_not_looping(said: Output, sentence: Ids) -> bool:
    """Whether it came to an end and did not go round and round before."""
    return said.ended and repeated_bigrams(said.ids) <= repeated_bigrams(sentence) + _LOOPING


def _unique(said: Sequence[Alternative]) -> list[Alternative]:
    kept: dict[str, Alternative] = {}
    for each in said:
        kept.setdefault(each.text, each)
    return list(kept.values())

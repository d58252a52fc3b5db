"""Translation of raw text with a joint language model that `umt.translation.training` has trained."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import regex
from torch import Generator

from umt.lm.beam_search import Beam
from umt.lm.generation import Direction, Generation, Output
from umt.lm.joint_lm import JointLM
from umt.lm.loading import best_device, load_with_tokenizer, save
from umt.lm.scoring import SequenceScorer
from umt.runtime.saved_arrays import SavedJson
from umt.runtime.validate import require
from umt.text.languages import is_spaced
from umt.text.morphology import SUFFIX_MARK
from umt.text.normalisation import normaliser
from umt.text.sentence_splitting import split_sentences
from umt.text.tokenizer import Ids, Tokenizer
from umt.text.verbatim import translate_around, translated_parts
from umt.translation.quality.doubts import doubts, is_looping, training_cost
from umt.types import BadInput, Lang

_FILE = "translator.json"
_BEGIN = regex.compile(rf" (?!{SUFFIX_MARK})")
_CUT = regex.compile(r"[\p{P}\p{S}]\s*$")


class Alternative(NamedTuple):
    """A translation and its score in nats: log p(translation | sentence), with log p(sentence | translation)
    added by the noisy channel; doubts: why it is not to be trusted, see `umt.translation.quality.doubts`.
    """

    text: str
    score: float
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class NeuralTranslator:
    """Translates raw sentences.

    allowed_subwords: ids that text in each language may hold; all of them for a language that is missing.
    longest: subwords of the longest sentences in training; a longer one is translated in pieces.
    noisy_channel: rerank the hypotheses y of the search by p(y | x) p(x | y), both of the one model (a noisy
        channel without a prior; Li et al. 2016, "Mutual information and diverse decoding"): what one
        direction invents or leaves out costs the other.
    training_cost: nats a subword that text of training cost, see `umt.translation.quality`; None: unknown.
    """

    source: Lang
    target: Lang
    model: JointLM
    tokenizer: Tokenizer
    allowed_subwords: Mapping[Lang, Sequence[int]] = field(default_factory=dict)
    longest: int = 100
    generation: Generation = field(default_factory=lambda: Generation(Beam(4)))
    noisy_channel: bool = True
    training_cost: float | None = None

    def __post_init__(self) -> None:
        for lang in (self.source, self.target):
            if lang not in self.tokenizer.languages:
                known = " and ".join(self.tokenizer.languages)
                raise BadInput(f"the translator does not know {lang}: it knows {known}")
        require(self, positive="longest")

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """One translation a sentence, in order; an empty sentence gives an empty one."""
        return [text for text, _ in self.translate_with_doubts(sentences)]

    def translate_with_doubts(self, sentences: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
        """`translate`, and why each is not to be trusted (see `quality.doubts`): empty for most."""
        normal = [normaliser(self.source)(sentence) for sentence in sentences]
        reasons: list[tuple[str, ...]] = []

        def translate(texts: list[str]) -> list[str]:
            best = [alternatives[0] for alternatives in self._alternatives(texts)]
            reasons.extend(one.doubts for one in best)
            return [one.text for one in best]

        outputs = translate_around(normal, self.source, self.target, translate)
        remaining = iter(reasons)
        parts = (islice(remaining, translated_parts(sentence, self.source)) for sentence in normal)
        return [
            (text, tuple(dict.fromkeys(chain.from_iterable(own))))
            for text, own in zip(outputs, parts, strict=True)
        ]

    def direction(self) -> Direction:
        """From which language into which, and what may be written."""
        allowed = self.allowed_subwords.get(self.target)
        return Direction.between(self.tokenizer, self.source, self.target, allowed)

    def alternatives(self, sentences: Sequence[str]) -> list[list[Alternative]]:
        """The different translations of the search for each sentence, the best first.

        A sentence that is translated in pieces has one, of the best of every piece.
        """
        return self._alternatives([normaliser(self.source)(sentence) for sentence in sentences])

    def _alternatives(self, normal: Sequence[str]) -> list[list[Alternative]]:
        """`alternatives` of normalised sentences."""
        pieces = [self._pieces(sentence) for sentence in normal]
        direction = self.direction()
        flat = [piece for parts in pieces for piece in parts]
        hypotheses = self.generation.generate(self.model, flat, direction, Generator().manual_seed(0))
        outputs = iter(self._ranked(flat, hypotheses))
        both_ways = self._reranks(hypotheses)
        results = []
        for parts in pieces:
            lists = [[self._alternative(part, one, both_ways) for one in next(outputs)] for part in parts]
            if not lists:
                results.append([Alternative("", 0.0)])
            elif len(lists) == 1:
                results.append(_unique(lists[0]))
            else:
                space = " " * is_spaced(self.target)
                joined = space.join(alternatives[0].text for alternatives in lists)
                score = sum(alternatives[0].score for alternatives in lists)
                reasons = dict.fromkeys(reason for alternatives in lists for reason in alternatives[0].doubts)
                results.append([Alternative(joined, score, tuple(reasons))])
        return results

    def _text(self, ids: Iterable[int]) -> str:
        """The text of ``ids`` without bytes that are no character; ? where nothing else is left."""
        text = self.tokenizer.decode(ids, self.target).strip()
        return text.replace("\ufffd", "").strip() or text.replace("\ufffd", "?")

    def _alternative(self, piece: Ids, hypothesis: Output, both_ways: bool) -> Alternative:
        """both_ways: whether the nats of ``hypothesis`` include those of the piece."""
        subwords = len(hypothesis.ids) + 1 + both_ways * (len(piece) + 1)
        return Alternative(
            self._text(hypothesis.ids),
            -hypothesis.nll,
            doubts(piece, hypothesis, subwords, self.tokenizer, self.training_cost),
        )

    def _reranks(self, outputs: Sequence[Sequence[Output]]) -> bool:
        return self.noisy_channel and any(len(hypotheses) > 1 for hypotheses in outputs)

    def _ranked(self, pieces: Sequence[Ids], outputs: list[list[Output]]) -> list[list[Output]]:
        """The hypotheses of each piece, the best first; their nats include the noisy channel's.

        Hypotheses that were cut off, or repeat bigrams where the sentence does not, come after all others:
        every word of a loop is so likely that the mean of its nats is low.
        """
        if self._reranks(outputs):
            sentences = [piece for piece, hypotheses in zip(pieces, outputs, strict=True) for _ in hypotheses]
            translations = [
                hypothesis.ids.astype(self.tokenizer.dtype)
                for hypotheses in outputs
                for hypothesis in hypotheses
            ]
            scorer = SequenceScorer(self.model, self.tokenizer)
            backward = iter(scorer.conditional_nll(translations, sentences, self.target, self.source))
            outputs = [
                sorted(
                    [one._replace(nll=one.nll + float(next(backward))) for one in hypotheses],
                    key=lambda one: one.nll,
                )
                for hypotheses in outputs
            ]
        return [
            sorted(hypotheses, key=lambda one: not one.ended or is_looping(one, piece))
            for piece, hypotheses in zip(pieces, outputs, strict=True)
        ]

    def _pieces(self, normal: str) -> list[Ids]:
        """Subwords of the sentence, or of its parts where it is too long; none of an empty one."""
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
            place = max([mark for mark in marks if mark > half] or words or [self.longest])
            yield ids[:place]
            ids = ids[place:]
        if len(ids):
            yield np.asarray(ids)

    def save(self, directory: Path) -> None:
        """Write the network, the tokenizer and ``translator.json``; both directions can be loaded."""
        save(self.model, directory)
        self.tokenizer.save(directory)
        settings = {
            "languages": [self.source, self.target],
            "written": {lang: list(map(int, numbers)) for lang, numbers in self.allowed_subwords.items()},
            "longest": self.longest,
        }
        (directory / _FILE).write_text(json.dumps(settings), encoding="utf-8")

    @classmethod
    def load(
        cls,
        directory: Path,
        source: Lang,
        target: Lang,
        generation: Generation | None = None,
        noisy_channel: bool = True,
        kernels: bool = True,
    ) -> NeuralTranslator:
        """Read what `save` wrote, for one direction; kernels: see `umt.lm.joint_lm.JointLM`.

        Raises BadInput when the directory holds no translator, or none of these languages.
        """
        if not (directory / _FILE).exists():
            raise BadInput(f"{directory} holds no translator: {_FILE} is missing")
        settings = SavedJson.read(directory / _FILE)
        model, tokenizer = load_with_tokenizer(directory, kernels)
        return cls(
            source,
            target,
            model.to(best_device()),
            tokenizer,
            allowed_subwords(settings, tokenizer),
            settings.number("longest", 1, model.context),
            generation or Generation(Beam(4)),
            noisy_channel,
            training_cost(directory),
        )


def allowed_subwords(settings: SavedJson, tokenizer: Tokenizer) -> dict[Lang, list[int]]:
    """The ids that text in each language may hold, as a translator saved them. Raises BadInput."""
    written = settings.get("written", dict)
    return {
        Lang(lang): settings.integers(f"written.{lang}", ids, len(tokenizer) - 1)
        for lang, ids in written.items()
    }


def _unique(alternatives: Sequence[Alternative]) -> list[Alternative]:
    """The first of every text."""
    by_text: dict[str, Alternative] = {}
    for alternative in alternatives:
        by_text.setdefault(alternative.text, alternative)
    return list(by_text.values())

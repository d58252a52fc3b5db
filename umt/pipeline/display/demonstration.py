"""What a page shows of one run: a sentence by every translator, how words correspond, a word's neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch.nn.functional import normalize

from umt.align import Alignment
from umt.corpus.prepared_text import PreparedText
from umt.embeddings.lexicon import Lexicon
from umt.embeddings.wordspace import Embeddings
from umt.pipeline.saved import LanguageDirection, Opened, artefact_of_run, open_translator, training_warnings
from umt.smt.translator import PhraseBasedTranslator
from umt.text.morphology import SuffixSplitter
from umt.text.normalisation import normaliser
from umt.text.segmentation import segmenter
from umt.translation.translator import Alternative, NeuralTranslator
from umt.types import BadInput, Lang

NEIGHBOURS = 10


@dataclass(frozen=True)
class Demonstration:
    """The translators, the shared space and the lexicons of a run. beam: of the neural translator.

    Raises BadInput when the run translates nothing.
    """

    run: Path
    beam: int = 8

    @cached_property
    def languages(self) -> tuple[Lang, Lang]:
        """(source, target)."""
        return self._text.languages

    @cached_property
    def warnings(self) -> list[str]:
        """What to know of its training."""
        return training_warnings(self.run)

    @cached_property
    def systems(self) -> dict[Lang, dict[str, Opened]]:
        """Target language -> its translators by their kind."""
        return {lang: self._open(lang) for lang in self.languages}

    def _open(self, target: Lang) -> dict[str, Opened]:
        """The neural translator of the run where it has one, and its first one, by kind."""
        way = LanguageDirection(None, target)
        opened: dict[str, Opened] = {}
        for lexical in (False, True):
            try:
                translator = open_translator(self.run, way, self.beam, lexical)
            except BadInput:
                if not opened:
                    raise
                continue  # without a bootstrap
            opened[_kind(translator)] = translator
        return opened

    @cached_property
    def _text(self) -> PreparedText:
        return PreparedText(artefact_of_run(self.run, ("prepare",), "text"))

    @cached_property
    def _alignment(self) -> Alignment:
        return Alignment.load(artefact_of_run(self.run, ("align",), "alignment"))

    def _side(self, lang: Lang) -> tuple[Embeddings, Lexicon]:
        alignment = self._alignment
        first = lang == self.languages[0]
        return (
            (alignment.source, alignment.lexicon) if first else (alignment.target, alignment.reverse_lexicon)
        )

    def translate(self, sentences: Sequence[str], to: Lang) -> list[dict[str, Any]]:
        """Each sentence by every system: alternatives with scores, the words of both, their cosines."""
        source = self.languages[0] if to == self.languages[1] else self.languages[1]
        results: list[dict[str, Any]] = [
            {"words": self._words(line, source), "systems": []} for line in sentences
        ]
        for kind, translator in self.systems[to].items():
            if isinstance(translator, NeuralTranslator):
                outputs = translator.alternatives(sentences)
            else:
                outputs = [[Alternative(text, float("nan"))] for text in translator.translate(sentences)]
            for result, alternatives in zip(results, outputs, strict=True):
                words = self._words(alternatives[0].text, to)
                result["systems"].append(
                    {
                        "kind": kind,
                        "alternatives": [
                            {
                                "text": text,
                                "score": None if score != score else round(score, 2),
                                "doubts": doubts,
                            }
                            for text, score, doubts in alternatives
                        ],
                        "words": words,
                        "cosines": self._cosines(result["words"], source, words, to),
                    }
                )
        return results

    def neighbours(self, word: str, lang: Lang) -> list[tuple[str, float]]:
        """The translations of ``word`` in the lexicon of the run with their probabilities, best first."""
        _, lexicon = self._side(lang)
        return [(other, round(share, 3)) for other, share in lexicon.translations(word.lower())[:NEIGHBOURS]]

    def _words(self, sentence: str, lang: Lang) -> list[str]:
        """The words of a sentence as the shared space knows them, suffixes apart."""
        splitter = self._text.inflections.get(lang, SuffixSplitter())
        return splitter.split_words(segmenter(lang).words(normaliser(lang)(sentence)))

    def _cosines(
        self, words: Sequence[str], lang: Lang, others: Sequence[str], other_lang: Lang
    ) -> list[list[float | None]]:
        """(words, others) cosines in the shared space; None where it lacks one of the two words."""
        (space, _), (other_space, _) = self._side(lang), self._side(other_lang)
        rows, columns = (
            [side.index.get(word.lower()) for word in text]
            for side, text in ((space, words), (other_space, others))
        )
        left = normalize(space.vectors[[row or 0 for row in rows]], dim=1)
        right = normalize(other_space.vectors[[column or 0 for column in columns]], dim=1)
        cosines = (left @ right.T).tolist()
        return [
            [
                None if row is None or column is None else round(cosine, 2)
                for column, cosine in zip(columns, line, strict=True)
            ]
            for row, line in zip(rows, cosines, strict=True)
        ]


def _kind(translator: Opened) -> str:
    if isinstance(translator, NeuralTranslator):
        return "neural"
    return "phrase-based" if isinstance(translator, PhraseBasedTranslator) else "few-shot"

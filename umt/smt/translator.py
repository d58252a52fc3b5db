"""Translation of raw text with a phrase table and an n-gram model, as trained by `umt.smt.training`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from safetensors.numpy import save_file

from umt.runtime.saved_arrays import SavedJson, damaged
from umt.smt.ngram import SPECIALS, NGram
from umt.smt.oov import OovResolver
from umt.smt.phrase_table import WORD_BITS, PhraseTable, read_table, translatable_words
from umt.smt.stack_decoder import DecoderWeights, decode_all
from umt.smt.vocabulary import Vocabulary
from umt.text import morphology
from umt.text.morphology import SuffixSplitter
from umt.text.normalisation import normaliser
from umt.text.punctuation import is_punctuation
from umt.text.segmentation import segmenter
from umt.text.truecasing import Truecaser
from umt.text.verbatim import translate_around
from umt.types import BadInput, Lang

_FORMAT = 1
_CODE = re.compile(r"[A-Za-z]{2,8}(?:[_-][A-Za-z0-9]{1,8}){0,3}")
_LIMITS = {"beam": (1, 10_000), "jump": (0, 40)}
"""Least and greatest value of the whole numbers of a saved search."""

_PIECE = 80
"""Longer sentences are translated in pieces of at most so many words, cut after punctuation if possible."""

PHRASE_BASED = "phrase-based"
"""The kind of a bootstrap whose folder holds two saved translators, ``en-zh`` and ``zh-en``."""


@dataclass(frozen=True)
class PhraseBasedTranslator:
    """Raw sentences in one language to raw sentences in another.

    vocabulary: source words by number; the target's are ``model.words``.
    inflections: the suffix splitter of each language whose suffixes are tokens of their own.
    threads: of decoding; 0: one a core. Not saved.
    """

    source: Lang
    target: Lang
    vocabulary: tuple[str, ...]
    options: PhraseTable
    model: NGram
    casing: Truecaser
    search: DecoderWeights
    threads: int = 0
    inflections: Mapping[Lang, SuffixSplitter] = field(default_factory=dict)

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """One detokenised translation a sentence, in order; an empty sentence gives an empty one.

        Words without translations are replaced by `OovResolver`, or copied.
        """
        normal = [normaliser(self.source)(sentence) for sentence in sentences]
        return translate_around(normal, self.source, self.target, self._translate)

    def _translate(self, normal: Sequence[str]) -> list[str]:
        source_segmenter, target_segmenter = segmenter(self.source), segmenter(self.target)
        unknown = OovResolver(tuple(self.vocabulary[word] for word in translatable_words(self.options)))
        source_suffixes, target_suffixes = (
            self.inflections.get(lang, SuffixSplitter()) for lang in (self.source, self.target)
        )
        segmented = source_segmenter.batch(normal)
        words = [unknown.resolve(source_suffixes.split_words(words)) for words in segmented]
        pieces = [_pieces(sentence) for sentence in words]
        flat = [piece for sentence in pieces for piece in sentence]
        ids, offsets = Vocabulary(self.vocabulary, ()).encode(flat)
        output, places, _, _ = decode_all(
            ids, offsets, self.options, self.model.tables, self.search, self.threads
        )
        translated: list[list[str]] = []
        for number, piece in enumerate(flat):
            chosen = output[places[number] : places[number + 1]].tolist()
            translated.append([self.model.words[word] if word >= 0 else piece[-1 - word] for word in chosen])
        outputs, done = [], 0
        for sentence in pieces:
            joined = [word for piece in translated[done : done + len(sentence)] for word in piece]
            outputs.append(target_segmenter.join(target_suffixes.join_words(self.casing.restore(joined))))
            done += len(sentence)
        return outputs

    def with_smaller_beam(self) -> PhraseBasedTranslator:
        """The translator with a quarter of the beam: several times as fast, little worse."""
        return replace(self, search=self.search._replace(beam=max(1, self.search.beam // 4)))

    def save(self, directory: Path) -> None:
        """Write options and language model as safetensors, the rest as JSON."""
        directory.mkdir(parents=True, exist_ok=True)
        save_file(self.options._asdict(), directory / "options.safetensors")
        self.model.save(directory / "model.safetensors")
        self.casing.save(directory / "casing.json")
        morphology.save(self.inflections, directory)
        content = {
            "format": _FORMAT,
            "source": self.source,
            "target": self.target,
            "search": self.search._asdict(),
            "vocabulary": self.vocabulary,
        }
        (directory / "translator.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> PhraseBasedTranslator:
        """Read what `save` wrote.

        Raises `BadInput` when the directory holds no translator, or a file is damaged or of another format.
        """
        if not (directory / "translator.json").exists():
            raise BadInput(f"{directory} holds no translator: translator.json is missing")
        about = SavedJson.read(directory / "translator.json", _FORMAT)
        vocabulary = about.strings("vocabulary")
        if vocabulary[: len(SPECIALS)] != SPECIALS or len(vocabulary) >= 1 << WORD_BITS:
            raise damaged(about.path, f"vocabulary holds {len(vocabulary):,} words or lacks the special ones")
        model = NGram.load(directory / "model.safetensors")
        return cls(
            source=_language(about, "source"),
            target=_language(about, "target"),
            vocabulary=vocabulary,
            options=read_table(directory / "options.safetensors", len(vocabulary), len(model.words)),
            model=model,
            casing=Truecaser.load(directory / "casing.json"),
            search=_search(about),
            inflections=morphology.load(directory),
        )


def _language(about: SavedJson, side: str) -> Lang:
    """The language of a side. Raises BadInput when it is no language code."""
    code = about.get(side, str)
    if not _CODE.fullmatch(code):
        raise damaged(about.path, f"{side} is no language code")
    return Lang(code)


def _search(about: SavedJson) -> DecoderWeights:
    """The search limits and weights. Raises BadInput when one is missing or impossible."""
    values = about.get("search", dict)
    if set(values) != set(DecoderWeights._fields):
        raise damaged(about.path, f"search must hold {', '.join(DecoderWeights._fields)}")
    for name, value in values.items():
        kinds = (int,) if name in _LIMITS else (int, float)
        low, high = _LIMITS.get(name, (-1e6, 1e6))
        if type(value) not in kinds or not low <= value <= high:
            raise damaged(about.path, f"search.{name} is {value!r}")
    return DecoderWeights(**values)


def _pieces(words: list[str]) -> list[list[str]]:
    """At most `_PIECE` words each, cut after the last punctuation that fits."""
    pieces = []
    while len(words) > _PIECE:
        cut = max((i + 1 for i in range(_PIECE) if is_punctuation(words[i])), default=_PIECE)
        pieces.append(words[:cut])
        words = words[cut:]
    return [*pieces, words]

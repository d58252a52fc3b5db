"""The first translator: a lexicon, the word order and function words of the target by its language model.

Word pairs that fit both corpora's frequencies (`umt.wordpairs`) make a first translator each way. Then each
direction learns from the other (iterative back-translation of phrase-based systems, Lample et al. 2018 and
Artetxe et al. 2019): real target sentences are translated back, and the phrase pairs between the synthetic
source and the real target become the options of a phrase-based beam search. What the translation back leaves
out (articles, prepositions, particles) is what the way forth learns to insert, since its target side is real.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from umt.casing import Casing
from umt.corpus.normalisation import normaliser
from umt.corpus.prepared import PreparedText
from umt.decoding import BITS, LONGEST, Options, Search, decode_all, known
from umt.lexicon import Lexicon
from umt.ngram import UNKNOWN, Ints, KneserNey, Longs, NGram
from umt.phrases import Linked, Pairs, Scoring, extract
from umt.segmentation import segmenter
from umt.types import BadInput, Lang, Progress
from umt.unknown import Unknown
from umt.vocabulary import Vocabulary, read, select
from umt.wordpairs import Balance, is_punctuation, length_ratio

_PIECE = 80
"""Longer sentences are translated in pieces, cut after punctuation where there is any."""
_CASED_LINES = 200_000
_LENGTH_SAMPLE = 300


@dataclass(frozen=True)
class LexicalTranslator:
    """Raw sentences in one language to raw sentences in another.

    vocabulary: source words by number; the target's are ``model.words``.
    """

    source: Lang
    target: Lang
    vocabulary: tuple[str, ...]
    options: Options
    model: NGram
    casing: Casing
    search: Search
    threads: int = 2

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """One detokenised translation a sentence, in order; an empty sentence gives an empty one.

        Words without candidates are read as `Unknown` says, or kept as they are.
        """
        normalise, here, there = normaliser(self.source), segmenter(self.source), segmenter(self.target)
        unknown = Unknown(tuple(self.vocabulary[word] for word in known(self.options)))
        words = [unknown.read(words) for words in here.batch(normalise(sentence) for sentence in sentences)]
        pieces = [_pieces(sentence) for sentence in words]
        flat = [piece for sentence in pieces for piece in sentence]
        ids, offsets = Vocabulary(self.vocabulary, ()).encode(flat)
        out, places, _, _ = decode_all(
            ids, offsets, self.options, self.model.tables, self.search, self.threads
        )
        translated: list[list[str]] = []
        for number, piece in enumerate(flat):
            chosen = out[places[number] : places[number + 1]].tolist()
            translated.append([self.model.words[word] if word >= 0 else piece[-1 - word] for word in chosen])
        whole, done = [], 0
        for sentence in pieces:
            joined = [word for piece in translated[done : done + len(sentence)] for word in piece]
            whole.append(there.join(self.casing.restore(joined)))
            done += len(sentence)
        return whole

    def save(self, directory: Path) -> None:
        """Write options and language model as safetensors, the rest as JSON."""
        directory.mkdir(parents=True, exist_ok=True)
        save_file(self.options._asdict(), directory / "options.safetensors")
        self.model.save(directory / "model.safetensors")
        self.casing.save(directory / "casing.json")
        about = {
            "source": self.source,
            "target": self.target,
            "threads": self.threads,
            "search": self.search._asdict(),
            "vocabulary": self.vocabulary,
        }
        (directory / "translator.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> LexicalTranslator:
        """Read what `save` wrote.

        Raises `BadInput` when the directory holds no translator.
        """
        try:
            about = json.loads((directory / "translator.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BadInput(f"{directory} holds no translator: translator.json is missing") from None
        return cls(
            source=Lang(about["source"]),
            target=Lang(about["target"]),
            vocabulary=tuple(about["vocabulary"]),
            options=Options(**load_file(directory / "options.safetensors")),
            model=NGram.load(directory / "model.safetensors"),
            casing=Casing.load(directory / "casing.json"),
            search=Search(**about["search"]),
            threads=about["threads"],
        )


def _pieces(words: list[str]) -> list[list[str]]:
    """At most `_PIECE` words each, cut after the last punctuation that fits."""
    pieces = []
    while len(words) > _PIECE:
        cut = max((i + 1 for i in range(_PIECE) if is_punctuation(words[i])), default=_PIECE)
        pieces.append(words[:cut])
        words = words[cut:]
    return [*pieces, words]


class _Side(NamedTuple):
    """One language's text as the learner needs it; ``barriers``: which of its words are punctuation."""

    lang: Lang
    vocabulary: Vocabulary
    ids: Ints
    offsets: Longs
    model: NGram
    casing: Casing
    barriers: NDArray[np.bool_]

    def sample(self, count: int, generator: torch.Generator) -> tuple[Ints, Longs]:
        """Random sentences of a length that is neither trivial nor slow."""
        lengths = np.diff(self.offsets)
        fit = np.flatnonzero((lengths >= 4) & (lengths <= 60))
        if not len(fit):
            raise BadInput(
                f"the {self.lang} text has no sentence of 4 to 60 words to learn to translate from"
            )
        order = torch.randperm(len(fit), generator=generator).numpy()
        return select(self.ids, self.offsets, fit[order[:count]])


class _Way(NamedTuple):
    """One direction while it is learned."""

    source: _Side
    target: _Side
    prior: Pairs
    ratio: float  # target words per source word
    options: Options
    search: Search


@dataclass(frozen=True)
class Lexical:
    """Learns a translator each way from two texts and a lexicon each way.

    vocabulary: most frequent words of each language that take part; others are copied.
    order: words in the longest n-gram of the language models.
    rounds, sentences: back-translation rounds (0: word by word), and sentences translated back for each.
    trust: how many observations of a word the lexicon's candidates are worth beside the back-translations.
    longest: words a side of the longest phrase.
    model: weight of the language model beside the options' weights (`Scoring`).
    jump, distortion: longest reordering jump, and its price per word; the first round does not reorder.
    beam: hypotheses per stack at test; back-translation takes half as many.
    balance, scoring: how word pairs are fitted and phrases scored.

    The weights were chosen as docs/results.md tells; the price or reward of a word, which decides about
    length, is found by `fit` so that translations are as long as `length_ratio` says they should be.
    """

    vocabulary: int = 32_000
    order: int = 4
    rounds: int = 2
    sentences: int = 12_000
    trust: float = 5.0
    longest: int = 3
    model: float = 0.5
    jump: int = 4
    distortion: float = 0.6
    beam: int = 12
    threads: int = 2
    balance: Balance = field(default_factory=Balance)
    scoring: Scoring = field(default_factory=Scoring)

    def __post_init__(self) -> None:
        limits = {"vocabulary": (10, 2**BITS - 10), "longest": (1, LONGEST), "order": (1, 8), "jump": (0, 40)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must lie in {low}..{high}, got {getattr(self, name)}")
        for name in ("beam", "threads", "sentences"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("rounds", "trust", "model", "distortion"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")

    def fit(
        self,
        text: PreparedText,
        source: Lang,
        target: Lang,
        lexicon: Lexicon,
        reverse: Lexicon,
        generator: torch.Generator,
        progress: Progress = lambda what, done, total: None,
    ) -> tuple[LexicalTranslator, LexicalTranslator]:
        """(source to target, target to source); they are learned together.

        ``lexicon`` gives target candidates of source words, ``reverse`` the other way. ``progress`` hears of
        every step. Raises `BadInput` when a text is empty or too odd to learn from.
        """
        steps = 3 + 2 * self.rounds
        progress("language models", 0, steps)
        with ThreadPoolExecutor(min(2, self.threads)) as pool:
            x, y = pool.map(lambda lang: self._side(text, lang), (source, target))
        progress("word by word", 2, steps)
        per_line = (len(y.ids) / len(y.offsets)) / (len(x.ids) / len(x.offsets))
        ratio = length_ratio(x.vocabulary, y.vocabulary, lexicon, reverse, per_line)
        forth = self._word_by_word(x, y, lexicon, reverse, ratio, generator)
        back = self._word_by_word(y, x, reverse, lexicon, 1 / ratio, generator)
        for number in range(self.rounds):
            progress("back-translation", 3 + 2 * number, steps)
            back = self._learn_from(forth, back, generator)
            progress("back-translation", 4 + 2 * number, steps)
            forth = self._learn_from(back, forth, generator)
        progress("translators", steps, steps)
        return self._translator(forth), self._translator(back)

    def _side(self, text: PreparedText, lang: Lang) -> _Side:
        vocabulary, ids, offsets = read(text.spaced(lang), self.vocabulary)
        if not len(ids):
            raise BadInput(
                f"the prepared {lang} text is empty: there is nothing to learn a language model from"
            )
        return _Side(
            lang,
            vocabulary,
            ids,
            offsets,
            KneserNey(self.order).fit(vocabulary.words, ids, offsets),
            Casing.learn(islice(text.words(lang), _CASED_LINES)),
            np.array([is_punctuation(word) for word in vocabulary.words]),
        )

    def _word_by_word(
        self, x: _Side, y: _Side, lexicon: Lexicon, reverse: Lexicon, ratio: float, generator: torch.Generator
    ) -> _Way:
        pairs = self.balance.fit(x.vocabulary, y.vocabulary, lexicon, reverse, ratio)
        prior = pairs.pseudo_counts(self.trust)
        options = self.scoring.options_of(prior, y.model.tables, x.barriers)
        search = Search(self.beam, 0, self.model, 0.0, self.distortion)
        return self._to_length(_Way(x, y, prior, ratio, options, search), generator)

    def _learn_from(self, other: _Way, way: _Way, generator: torch.Generator) -> _Way:
        """``way`` again, from real sentences of its target that ``other`` translates to its source."""
        ids, offsets = way.target.sample(self.sentences, generator)
        search = other.search._replace(beam=max(1, self.beam // 2))
        words, places, links, link_places = decode_all(
            ids, offsets, other.options, other.target.model.tables, search, self.threads
        )
        synthetic = np.where(words < 0, UNKNOWN, words).astype(np.int32)
        turned = ((links & 65535) << 16) | (links >> 16)
        pairs = extract(Linked(synthetic, places, ids, offsets, turned, link_places), self.longest)
        both = Pairs(*(np.concatenate(parts) for parts in zip(pairs, way.prior, strict=True)))
        options = self.scoring.options_of(both, way.target.model.tables, way.source.barriers)
        learned = way._replace(options=options, search=way.search._replace(jump=self.jump))
        return self._to_length(learned, generator)

    def _to_length(self, way: _Way, generator: torch.Generator) -> _Way:
        """The reward of a word at which a sample of translations is as long as it should be (bisection)."""
        ids, offsets = way.source.sample(_LENGTH_SAMPLE, generator)
        low, high = -4.0, 8.0
        for _ in range(8):
            search = way.search._replace(word=(low + high) / 2, beam=4)
            words = decode_all(ids, offsets, way.options, way.target.model.tables, search, self.threads)[0]
            low, high = (search.word, high) if len(words) < way.ratio * len(ids) else (low, search.word)
        return way._replace(search=way.search._replace(word=(low + high) / 2))

    def _translator(self, way: _Way) -> LexicalTranslator:
        return LexicalTranslator(
            source=way.source.lang,
            target=way.target.lang,
            vocabulary=way.source.vocabulary.words,
            options=way.options,
            model=way.target.model,
            casing=way.target.casing,
            search=way.search,
            threads=self.threads,
        )

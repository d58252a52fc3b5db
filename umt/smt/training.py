"""The first translator: a lexicon, the word order and function words of the target by its language model.

Word pairs that fit both corpora's frequencies (`umt.smt.translation_table`) make a first translator each way.
Then each direction learns from the other (iterative back-translation of phrase-based systems, Lample et al.
2018 and Artetxe et al. 2019): real target sentences are translated back, and the phrase pairs between the
synthetic source and the real target become the options of a phrase-based beam search. What the translation
back leaves out (articles, prepositions, particles) is what the way forth learns to insert, since its target
side is real.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

from umt.corpus.prepared_text import PreparedText
from umt.embeddings.lexicon import Lexicon
from umt.runtime.processes import cores
from umt.runtime.validate import require
from umt.smt.bootstrap import BootstrapInputs
from umt.smt.kneser_ney import KneserNey
from umt.smt.length_ratio import combine_ratios, content_length_ratio
from umt.smt.ngram import UNKNOWN, NGram
from umt.smt.phrase_extraction import WordAlignedSentences, extract
from umt.smt.phrase_table import MAX_PHRASE, WORD_BITS, PhrasePairs, PhraseScoring, PhraseTable
from umt.smt.stack_decoder import DecoderWeights, decode_all
from umt.smt.translation_table import FrequencyBalancing
from umt.smt.translator import PHRASE_BASED, PhraseBasedTranslator
from umt.smt.vocabulary import Vocabulary, count_and_encode, take_sentences
from umt.text.morphology import SUFFIX_MARK, SuffixSplitter
from umt.text.punctuation import is_punctuation
from umt.text.truecasing import Truecaser
from umt.types import F64, I32, I64, BadInput, Bools, Lang, ProgressCallback

_CASED_LINES = 100_000
_LENGTHS = ((150, 5), (1200, 4))
"""Sentences by which the reward of a word is bounded, and how often the bounds are halved: first roughly."""
_WITHOUT_INSERTION = 0.95


class _Language(NamedTuple):
    """One language's text as the learner needs it; ``barriers``: which of its words are punctuation;
    ``lengths``: what each word counts for, 1 on average over the text.
    """

    lang: Lang
    vocabulary: Vocabulary
    ids: I32
    offsets: I64
    model: NGram
    casing: Truecaser
    barriers: Bools
    lengths: F64

    def sample(self, count: int, generator: torch.Generator) -> tuple[I32, I64]:
        """Random sentences of a length that is neither trivial nor slow."""
        lengths = np.diff(self.offsets)
        fit = np.flatnonzero((lengths >= 4) & (lengths <= 60))
        if not len(fit):
            raise BadInput(
                f"the {self.lang} text has no sentence of 4 to 60 words to learn to translate from"
            )
        order = torch.randperm(len(fit), generator=generator).numpy()
        return take_sentences(self.ids, self.offsets, fit[order[:count]])


class _Direction(NamedTuple):
    """One direction while it is learned."""

    source: _Language
    target: _Language
    prior: PhrasePairs
    ratio: float  # target words per source word
    options: PhraseTable
    search: DecoderWeights


@dataclass(frozen=True)
class PhraseBased:
    """Learns a translator each way from two texts and a lexicon each way.

    vocabulary: most frequent words of each language that take part; others are copied.
    lines: of a larger text, this many evenly spaced sentences are read.
    order: words in the longest n-gram of the language models.
    rounds, sentences: back-translation rounds (0: word by word), and sentences translated back for the last
        one; each earlier round takes half as many.
    trust: how many observations of a word the lexicon's candidates are worth beside the back-translations;
        more sentences want more trust.
    longest: words a side of the longest phrase.
    model: weight of the language model beside the options' weights (`PhraseScoring`).
    jump, distortion: longest reordering jump, and its price per word.
    beam: hypotheses per stack at test; back-translation takes an eighth as many.
    length: share of the length that the corpora suggest: what is uncertain is better left out.
    letters: a word counts for length as its letters to this power: with 0, all words alike, a translation
        that is too short is best filled up with the shortest of words.
    balance, scoring: how word pairs are fitted and phrases scored.

    The reward of a word, which decides about length, is found by `fit` without references: translations are
    to be as long as `content_ratio` and the words per line of both texts say, `reconciled`: lines may not be
    comparable, and one text may say the same in more words. The other weights are one setting for every
    corpus, chosen by BLEU where we made the truth ourselves, with the lexicons that the aligner learned
    there: the generated world, and ciphers of real English (`benchmarks.instruments` and, before, two that
    also lacked most articles and endings; docs/results.md).
    """

    needs_lm: ClassVar[bool] = False

    vocabulary: int = 32_000
    max_lines: int = 1_000_000
    ngram_order: int = 4
    rounds: int = 2
    sentences: int = 12_000
    lexicon_pseudo_counts: float = 20.0
    max_phrase_length: int = 3
    lm_weight: float = 0.6
    distortion_limit: int = 4
    distortion_penalty: float = 0.6
    beam: int = 40
    threads: int = 0
    length: float = 1.0
    length_exponent: float = 0.0
    balance: FrequencyBalancing = field(default_factory=FrequencyBalancing)
    scoring: PhraseScoring = field(default_factory=PhraseScoring)

    def __post_init__(self) -> None:
        require(
            self,
            positive="beam sentences max_lines",
            at_least_zero="rounds threads lexicon_pseudo_counts lm_weight distortion_penalty length_exponent",
            within={
                "vocabulary": f"[10, {2**WORD_BITS - 10}]",
                "max_phrase_length": f"[1, {MAX_PHRASE}]",
                "ngram_order": "[1, 8]",
                "distortion_limit": "[0, 40]",
                "length": "[0.2, 2]",
            },
        )

    def write(
        self, inputs: BootstrapInputs, directory: Path, progress: ProgressCallback
    ) -> Mapping[str, Any]:
        """See `Bootstrap`."""
        source, target = inputs.languages
        generator = torch.Generator().manual_seed(inputs.seed)
        translators = self.fit(
            inputs.text, source, target, *inputs.lexicons, generator, progress, inputs.precision
        )
        for translator in translators:
            translator.save(directory / f"{translator.source}-{translator.target}")
        return {"kind": PHRASE_BASED, "summary": f"{source} to {target} and back"}

    def fit(
        self,
        text: PreparedText,
        source: Lang,
        target: Lang,
        lexicon: Lexicon,
        reverse: Lexicon,
        generator: torch.Generator,
        progress: ProgressCallback = lambda what, done, total: None,
        certainty: float | None = None,
    ) -> tuple[PhraseBasedTranslator, PhraseBasedTranslator]:
        """(source to target, target to source); they are learned together.

        ``lexicon`` gives target candidates of source words, ``reverse`` the other way; ``certainty``: how
        often they are right, if known (`FrequencyBalancing.fit`). ``progress`` hears of every step. Raises
        `BadInput` when a text is empty or too odd to learn from.
        """
        steps = 3 + 2 * self.rounds
        progress("language models", 0, steps)
        with ThreadPoolExecutor(min(2, cores(self.threads))) as pool:
            x, y = pool.map(lambda lang: self._side(text, lang), (source, target))
        progress("word by word", 2, steps)
        content = content_length_ratio(x.vocabulary, y.vocabulary, lexicon, reverse)
        per_line = float(np.clip((len(y.ids) / len(y.offsets)) / (len(x.ids) / len(x.offsets)), 0.25, 4.0))
        ratio = combine_ratios(content, per_line)
        ways = [
            self._word_by_word(x, y, lexicon, reverse, ratio, certainty, generator),
            self._word_by_word(y, x, reverse, lexicon, 1 / ratio, certainty, generator),
        ]
        # Word by word nothing can be inserted: the direction that needs fewer words is the one to start from.
        known = 0 if ratio <= 1 else 1
        for number in range(2 * self.rounds):
            progress("back-translation", 3 + number, steps)
            sentences = self.sentences >> (self.rounds - 1 - number // 2)
            ways[1 - known] = self._learn_from(ways[known], ways[1 - known], sentences, generator)
            known = 1 - known
        progress("translators", steps, steps)
        first, second = (self._translator(way, text.inflections) for way in ways)
        return first, second

    def _side(self, text: PreparedText, lang: Lang) -> _Language:
        step = max(1, -(-sum(1 for _ in text.segmented_lines(lang)) // self.max_lines))
        vocabulary, ids, offsets = count_and_encode(
            islice(text.segmented_lines(lang), 0, None, step), self.vocabulary
        )
        if not len(ids):
            raise BadInput(
                f"the prepared {lang} text is empty: there is nothing to learn a language model from"
            )
        letters = (
            np.array([len(word.lstrip(SUFFIX_MARK)) for word in vocabulary.words]) ** self.length_exponent
        )
        return _Language(
            lang,
            vocabulary,
            ids,
            offsets,
            KneserNey(self.ngram_order).fit(vocabulary.words, ids, offsets),
            Truecaser.learn(islice(text.words(lang), 0, _CASED_LINES * step, step)),
            np.array([is_punctuation(word) for word in vocabulary.words]),
            letters / (vocabulary.unigram @ letters),
        )

    def _word_by_word(
        self,
        x: _Language,
        y: _Language,
        lexicon: Lexicon,
        reverse: Lexicon,
        ratio: float,
        certainty: float | None,
        generator: torch.Generator,
    ) -> _Direction:
        pairs = self.balance.fit(x.vocabulary, y.vocabulary, lexicon, reverse, ratio, certainty)
        prior = pairs.pseudo_counts(self.lexicon_pseudo_counts)
        options = self.scoring.build_table(prior, y.model.tables, x.barriers, y.lengths)
        search = DecoderWeights(
            self.beam, self.distortion_limit, self.lm_weight, 0.0, self.distortion_penalty
        )
        way = self._to_length(
            _Direction(x, y, prior, min(ratio, _WITHOUT_INSERTION), options, search), generator
        )
        return way._replace(ratio=ratio)

    def _learn_from(
        self, other: _Direction, way: _Direction, sentences: int, generator: torch.Generator
    ) -> _Direction:
        """``way`` again, from real sentences of its target that ``other`` translates to its source."""
        ids, offsets = way.target.sample(max(1, sentences), generator)
        search = other.search._replace(beam=max(1, self.beam // 8))
        words, places, links, link_places = decode_all(
            ids, offsets, other.options, other.target.model.tables, search, self.threads
        )
        synthetic = np.where(words < 0, UNKNOWN, words).astype(np.int32)
        turned = ((links & 65535) << 16) | (links >> 16)
        pairs = extract(
            WordAlignedSentences(synthetic, places, ids, offsets, turned, link_places), self.max_phrase_length
        )
        both = PhrasePairs(*(np.concatenate(parts) for parts in zip(pairs, way.prior, strict=True)))
        options = self.scoring.build_table(
            both, way.target.model.tables, way.source.barriers, way.target.lengths
        )
        return self._to_length(way._replace(options=options), generator)

    def _to_length(self, way: _Direction, generator: torch.Generator) -> _Direction:
        """The reward of a word at which a sample of translations is as long as it should be (bisection).

        By 300 sentences it has a standard deviation of 0.09, by 1200 one of 0.04 (talks).
        """
        ids, offsets = way.source.sample(_LENGTHS[-1][0], generator)
        low, high = -4.0, 8.0
        for count, halvings in _LENGTHS:
            few = offsets[: count + 1]
            wanted = self.length * way.ratio * float(few[-1])
            for _ in range(halvings):
                search = way.search._replace(word=(low + high) / 2, beam=4)
                tables = way.target.model.tables
                words = decode_all(ids[: few[-1]], few, way.options, tables, search, self.threads)[0]
                written = np.where(words < 0, 1.0, way.target.lengths[words]).sum()
                low, high = (search.word, high) if written < wanted else (low, search.word)
            middle, width = (low + high) / 2, high - low
            low, high = middle - width, middle + width
        return way._replace(search=way.search._replace(word=middle))

    def _translator(
        self, way: _Direction, inflections: Mapping[Lang, SuffixSplitter]
    ) -> PhraseBasedTranslator:
        return PhraseBasedTranslator(
            source=way.source.lang,
            target=way.target.lang,
            vocabulary=way.source.vocabulary.words,
            options=way.options,
            model=way.target.model,
            casing=way.target.casing,
            search=way.search,
            threads=self.threads,
            inflections=inflections,
        )

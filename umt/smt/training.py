"""Unsupervised training of a phrase-based system in both directions, from lexicons and monolingual texts.

Word pairs that fit both corpora's frequencies (`umt.smt.translation_table`) and an n-gram language model give
an initial system for each direction. Then each direction learns from the other (iterative back-translation of
phrase-based systems, Lample et al. 2018 and Artetxe et al. 2019): real target sentences are translated back,
and the phrase pairs between the synthetic source and the real target become the options of a phrase-based
beam search. Words that the back-translation omits (articles, prepositions, particles) are words that the
forward direction learns to insert, since its target side is real.
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
"""(sentences, halvings) of the two phases of the bisection for the word reward, coarse first."""
_WITHOUT_INSERTION = 0.95


class _Language(NamedTuple):
    """The text of one language and its models.

    barriers: (words,) which are punctuation. lengths: (words,) what each counts for in the length of a
    sentence, 1 on average over the text.
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
        """(ids, offsets) of at most ``count`` random sentences of 4 to 60 words."""
        lengths = np.diff(self.offsets)
        fit = np.flatnonzero((lengths >= 4) & (lengths <= 60))
        if not len(fit):
            raise BadInput(
                f"the {self.lang} text has no sentence of 4 to 60 words to learn from: give more text"
            )
        order = torch.randperm(len(fit), generator=generator).numpy()
        return take_sentences(self.ids, self.offsets, fit[order[:count]])


class _Direction(NamedTuple):
    """One direction of translation during training."""

    source: _Language
    target: _Language
    prior: PhrasePairs
    ratio: float  # target words per source word
    options: PhraseTable
    search: DecoderWeights


@dataclass(frozen=True)
class PhraseBased:
    """Learns a translator for each direction from two texts and a lexicon for each direction.

    vocabulary: most frequent words of each language that take part; others are copied.
    max_lines: of a larger text, this many evenly spaced sentences are read.
    ngram_order: words in the longest n-gram of the language models.
    rounds, sentences: back-translation rounds (0: word by word), and sentences translated back for the last
        one; each earlier round takes half as many.
    lexicon_pseudo_counts: observations of a word that its lexicon entry is worth against those of the
        back-translations; more sentences want more.
    max_phrase_length: words a side of the longest phrase.
    lm_weight: of the language model, against the weights of the phrase scores (`PhraseScoring`).
    distortion_limit, distortion_penalty: longest reordering jump in words, and its penalty per word in nats.
    beam: hypotheses per stack at test; back-translation takes an eighth as many.
    length: output length as a share of the estimated one; below 1, uncertain words are omitted.
    length_exponent: a word counts for length as its number of letters to this power; 0: all words alike.
    balance, scoring: how word pairs are fitted and phrases scored.

    The word reward, which determines the output length, is fitted without references: outputs are to be as
    long as `content_length_ratio` and the tokens per line of both texts suggest (`combine_ratios`). The other
    weights are one setting for all corpora, chosen by BLEU on data with a known truth and with induced
    lexicons: the generated world, and ciphers of real English (`benchmarks.instruments`, docs/results.md).
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
        """(source to target, target to source), trained together.

        lexicon: source to target; reverse: target to source; certainty: their estimated precision, or None
        (`FrequencyBalancing.fit`). Raises `BadInput` when a text has no sentence of usable length.
        """
        steps = 3 + 2 * self.rounds
        progress("language models", 0, steps)
        with ThreadPoolExecutor(min(2, cores(self.threads))) as pool:
            x, y = pool.map(lambda lang: self._side(text, lang), (source, target))
        progress("word by word", 2, steps)
        content = content_length_ratio(x.vocabulary, y.vocabulary, lexicon, reverse)
        per_line = float(np.clip((len(y.ids) / len(y.offsets)) / (len(x.ids) / len(x.offsets)), 0.25, 4.0))
        ratio = combine_ratios(content, per_line)
        directions = [
            self._word_by_word(x, y, lexicon, reverse, ratio, certainty, generator),
            self._word_by_word(y, x, reverse, lexicon, 1 / ratio, certainty, generator),
        ]
        # Word by word nothing can be inserted, so the direction with shorter outputs translates first.
        teacher = 0 if ratio <= 1 else 1
        for number in range(2 * self.rounds):
            progress("back-translation", 3 + number, steps)
            sentences = self.sentences >> (self.rounds - 1 - number // 2)
            directions[1 - teacher] = self._learn_from(
                directions[teacher], directions[1 - teacher], sentences, generator
            )
            teacher = 1 - teacher
        progress("translators", steps, steps)
        first, second = (self._translator(way, text.inflections) for way in directions)
        return first, second

    def _side(self, text: PreparedText, lang: Lang) -> _Language:
        """Index the text of one language, evenly thinned, and estimate its language model."""
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
        direction = self._to_length(
            _Direction(x, y, prior, min(ratio, _WITHOUT_INSERTION), options, search), generator
        )
        return direction._replace(ratio=ratio)

    def _learn_from(
        self, reverse: _Direction, direction: _Direction, sentences: int, generator: torch.Generator
    ) -> _Direction:
        """``direction`` retrained on real target sentences that ``reverse`` translates to its source."""
        ids, offsets = direction.target.sample(max(1, sentences), generator)
        search = reverse.search._replace(beam=max(1, self.beam // 8))
        words, places, links, link_places = decode_all(
            ids, offsets, reverse.options, reverse.target.model.tables, search, self.threads
        )
        synthetic = np.where(words < 0, UNKNOWN, words).astype(np.int32)
        swapped_links = ((links & 65535) << 16) | (links >> 16)
        pairs = extract(
            WordAlignedSentences(synthetic, places, ids, offsets, swapped_links, link_places),
            self.max_phrase_length,
        )
        both = PhrasePairs(*(np.concatenate(parts) for parts in zip(pairs, direction.prior, strict=True)))
        options = self.scoring.build_table(
            both, direction.target.model.tables, direction.source.barriers, direction.target.lengths
        )
        return self._to_length(direction._replace(options=options), generator)

    def _to_length(self, direction: _Direction, generator: torch.Generator) -> _Direction:
        """``direction`` with the word reward at which a sample of outputs has the target length (bisection).

        On 300 sentences the reward has a standard deviation of 0.09, on 1200 one of 0.04 (talks).
        """
        ids, offsets = direction.source.sample(_LENGTHS[-1][0], generator)
        low, high = -4.0, 8.0
        for count, halvings in _LENGTHS:
            sample_offsets = offsets[: count + 1]
            target_length = self.length * direction.ratio * float(sample_offsets[-1])
            for _ in range(halvings):
                search = direction.search._replace(word=(low + high) / 2, beam=4)
                tables = direction.target.model.tables
                words = decode_all(
                    ids[: sample_offsets[-1]], sample_offsets, direction.options, tables, search, self.threads
                )[0]
                output_length = np.where(words < 0, 1.0, direction.target.lengths[words]).sum()
                low, high = (search.word, high) if output_length < target_length else (low, search.word)
            middle, width = (low + high) / 2, high - low
            low, high = middle - width, middle + width
        return direction._replace(search=direction.search._replace(word=middle))

    def _translator(
        self, direction: _Direction, inflections: Mapping[Lang, SuffixSplitter]
    ) -> PhraseBasedTranslator:
        return PhraseBasedTranslator(
            source=direction.source.lang,
            target=direction.target.lang,
            vocabulary=direction.source.vocabulary.words,
            options=direction.options,
            model=direction.target.model,
            casing=direction.target.casing,
            search=direction.search,
            threads=self.threads,
            inflections=inflections,
        )

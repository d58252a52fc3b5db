"""Raw lines into clean sentences and their words: markup, language, length, held-out sentences.

One line is cleaned without regard to the others, so that chunks of a corpus can be cleaned in parallel;
duplicates are found afterwards, over the whole text, by the hashes that come with each chunk.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from umt.corpus.preparation.deduplication import Hashes, hashed, key
from umt.corpus.preparation.leak_index import LONG_RUN, LeakIndex
from umt.runtime.validate import require
from umt.text.languages import LanguageClassifier, is_spaced, other_script_share
from umt.text.normalisation import line_cleaner
from umt.text.segmentation import segmenter
from umt.text.sentence_splitting import estimated_words, split_sentences
from umt.types import I64, Lang

OTHER_LANGUAGE = "other language"
_TRACED = 300_000  # lines that the check of accidental alignment looks at: plenty, and memory stays flat

_ANCHOR = re.compile(r"\d{2,}|[A-Z][A-Za-z]{2,}")


@dataclass(frozen=True)
class Preparation:
    """How text is cleaned; ValueError for a value that makes no sense.

    min_words, max_words: the length of a sentence, punctuation marks counted as words
    split_above: a line of more words than this is a document and is split into sentences
    max_nonletters: the largest share of a sentence's visible characters that may be no letters
    max_other_script: the largest share of its letters in another script (a Han character counts as five)
    keep_duplicates: keep exact and near duplicates (same letters and digits, each number read as 0)
    split_suffixes: make suffixes words of their own, in languages where `umt.text.morphology` knows any
    audit: ``report`` counts held-out sentences in the training text and removes them; ``strict`` fails on any
    workers: processes; 0 means one per core; the outcome does not depend on it
    """

    min_words: int = 2
    max_words: int = 150
    split_above: int = 60
    max_nonletters: float = 0.6
    max_other_script: float = 0.5
    keep_duplicates: bool = False
    split_suffixes: bool = True
    audit: Literal["report", "strict"] = "report"
    workers: int = 0

    def __post_init__(self) -> None:
        require(
            self,
            positive="min_words split_above",
            at_least_zero="workers",
            within={"max_nonletters max_other_script": "(0, 1]"},
            ascending="min_words max_words",
        )


@dataclass(frozen=True)
class SideStatistics:
    """What one side leaves behind for the check of accidental alignment.

    lines: numbers of the kept lines, ascending; lengths: their characters; anchor_lines, anchors: which
    line holds which numeral or Latin name (hashed): what survives translation.
    """

    lines: I64
    lengths: I64
    anchor_lines: I64
    anchors: I64

    @staticmethod
    def concatenated(parts: Iterable[SideStatistics]) -> SideStatistics:
        every = list(parts)
        return SideStatistics(
            *(
                np.concatenate([getattr(part, name) for part in every] or [np.zeros(0, np.int64)])
                for name in ("lines", "lengths", "anchor_lines", "anchors")
            )
        )


@dataclass(frozen=True)
class CleanedChunk:
    """Consecutive raw lines, cleaned: what a worker sends back.

    sentences, spaced, keys, exact belong together: kept sentences, their words joined by spaces, hashes of
    their duplicate keys and of themselves.  drops counts reasons, examples holds one each; leaked counts
    removed sentences by (kind, held-out set).
    """

    lang: Lang
    lines: int
    sentences: list[str]
    spaced: list[str]
    keys: Hashes
    exact: Hashes
    drops: Counter[str]
    examples: dict[str, str]
    leaked: Counter[tuple[str, str]]
    traces: SideStatistics


class _Passed(NamedTuple):
    """A clean sentence: the number of its line, its words joined by spaces, its duplicate key."""

    line: int
    sentence: str
    spaced: str
    duplicate_key: str


class _Dropped(NamedTuple):
    """Sentences that are left out: how many by reason, one example each; leaks by kind and held-out set."""

    reasons: Counter[str]
    examples: dict[str, str]
    leaked: Counter[tuple[str, str]]

    def add(self, reason: str, text: str) -> None:
        """One more sentence; the first 200 characters of its ``text`` may be the example."""
        self.reasons[reason] += 1
        self.examples.setdefault(reason, text[:200])


@dataclass(frozen=True)
class Cleaner:
    """Cleans the lines of one language.

    profile: tells the two languages apart when they share a script, else None.
    """

    lang: Lang
    preparation: Preparation
    leaks: LeakIndex
    profile: LanguageClassifier | None = None

    @cached_property
    def spaced(self) -> bool:
        """Whether the language puts spaces between words."""
        return is_spaced(self.lang)

    def clean(self, lines: Sequence[str], first: int) -> CleanedChunk:
        """Clean raw lines, the first of which has number ``first``."""
        cleaned, words = line_cleaner(self.lang), segmenter(self.lang).segment_line
        passed: list[_Passed] = []
        dropped = _Dropped(Counter(), {}, Counter())
        for number, raw in enumerate(lines, first):
            for sentence in self._split(cleaned(raw)):
                sentence_key = key(sentence, self.spaced)
                reason = self._rejection_reason(sentence, sentence_key)
                segmented = words(sentence) if reason is None else ""
                if reason is None:
                    reason = self._bad_length(segmented.count(" ") + 1)
                if reason is None and (leak := self.leaks.exact_match(sentence, sentence_key)):
                    dropped.leaked[leak] += 1
                    reason = leak[0]
                if reason is None:
                    passed.append(_Passed(number, sentence, segmented, sentence_key))
                else:
                    dropped.add(reason, sentence or raw)
        passed = self._without_long_leaks(passed, dropped)
        sentences = [one.sentence for one in passed]
        return CleanedChunk(
            self.lang,
            len(lines),
            sentences,
            [one.spaced for one in passed],
            hashed([one.duplicate_key for one in passed]),
            hashed(sentences),
            dropped.reasons,
            dropped.examples,
            dropped.leaked,
            _traces(sentences, [one.line for one in passed])
            if first < _TRACED
            else SideStatistics.concatenated(()),
        )

    def _without_long_leaks(self, passed: list[_Passed], dropped: _Dropped) -> list[_Passed]:
        """Sentences that are no part of a long run of held-out text, which only its neighbours show."""
        leaks = self.leaks.shared_runs([one.duplicate_key for one in passed])
        for place, name in leaks.items():
            dropped.leaked[LONG_RUN, name] += 1
            dropped.add(LONG_RUN, passed[place].sentence)
        return [one for place, one in enumerate(passed) if place not in leaks]

    def _split(self, line: str) -> list[str]:
        if len(line) <= self.preparation.split_above or estimated_words(line) <= self.preparation.split_above:
            return [line]
        return split_sentences(line, self.lang)

    def _rejection_reason(self, sentence: str, sentence_key: str) -> str | None:
        if not sentence:
            return "empty"
        letters = sentence_key.replace(" ", "").replace("0", "")
        if not letters:
            return "no letters"
        if other_script_share(letters, self.lang) > self.preparation.max_other_script:
            return OTHER_LANGUAGE
        if len(letters) < (1 - self.preparation.max_nonletters) * (len(sentence) - sentence.count(" ")):
            return "mostly marks and digits"
        if self.profile and self.profile.foreign(sentence_key, self.lang):
            return OTHER_LANGUAGE
        return None

    def _bad_length(self, words: int) -> str | None:
        if words < self.preparation.min_words:
            return "too short"
        return "too long" if words > self.preparation.max_words else None


def _traces(sentences: Sequence[str], places: Sequence[int]) -> SideStatistics:
    anchors_by_line = [
        (place, zlib.crc32(anchor.lower().encode()))
        for place, sentence in zip(places, sentences, strict=True)
        for anchor in set(_ANCHOR.findall(sentence))
    ]
    anchors = np.array(sorted(anchors_by_line), dtype=np.int64).reshape(-1, 2)
    return SideStatistics(
        np.array(places, dtype=np.int64),
        np.array([len(sentence) for sentence in sentences], dtype=np.int64),
        anchors[:, 0],
        anchors[:, 1],
    )

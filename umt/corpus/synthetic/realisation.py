"""Speaking: a side of the world (`SideSpec`) and the process that puts its documents into text (`Realiser`).

Imports neither torch nor the rest of the project, so that generating processes start quickly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from umt.corpus.synthetic.chinese_grammar import Chinese, write_chinese
from umt.corpus.synthetic.concepts import read_vocabulary
from umt.corpus.synthetic.documents import Sampler
from umt.corpus.synthetic.english_grammar import English, write_english
from umt.corpus.synthetic.gold_dictionary import merged_concepts
from umt.corpus.synthetic.logical_form import Sentence, key
from umt.corpus.synthetic.preferences import Preferences

PARTS = 40
SHARES = {"en": range(0, 19), "zh": range(19, 38), "dev": range(38, 39), "test": range(39, 40)}
"""Which of the `PARTS` of all meanings each side may say."""
TRIVIAL = 2
"""Sentences of so few concepts ("The dog is big.") may be said on both sides; they are never held out."""
DOCUMENTS = 150
SHORTEST, LONGEST = 4, 25


@dataclass(frozen=True)
class SideSpec:
    """One side of a world: en, zh, or the held-out dev and test that both languages tell.

    topics: the share of documents about each topic.  banned: (kind, index) of concepts it never uses.
    """

    side: str
    seed: int
    grading: float
    topics: tuple[float, ...]
    banned: frozenset[tuple[str, int]] = frozenset()
    order_divergence: float = 1.0
    noise: float = 0.0


class Realiser:
    """A sampler with both grammars."""

    def __init__(self, voice: SideSpec) -> None:
        self.voice, self.random, self.same = voice, Random(0), merged_concepts()
        self.share = SHARES[voice.side]
        knowledge = _preferences(voice.seed, voice.grading, voice.banned)
        self.sampler = Sampler(knowledge, voice.topics, self.random, self.accepts)
        self.english = English(knowledge.vocabulary, self.random)
        self.chinese = Chinese(knowledge.vocabulary, self.random, voice.order_divergence)

    def accepts(self, sentence: Sentence) -> bool:
        """Does the sentence belong to this side?"""
        concepts = sentence.concepts()
        if len(concepts) <= TRIVIAL:
            return self.voice.side in ("en", "zh")
        return key(concepts, self.voice.seed, self.same) % PARTS in self.share

    def say(self, sentence: Sentence, lang: str) -> str:
        """The text, or nothing when it is too short or too long."""
        words = self.english.sentence(sentence) if lang == "en" else self.chinese.sentence(sentence)
        if not SHORTEST <= len(words) <= LONGEST:
            return ""
        if self.voice.noise:
            words = [*add_noise(words[:-1], self.voice.noise, self.random), words[-1]]
        return write_english(words) if lang == "en" else write_chinese(words)

    def block(self, number: int) -> list[str]:
        """`DOCUMENTS` documents in the language of the side; the same for the same number."""
        self.random.seed(f"{self.voice.seed} {self.voice.side} {number}")
        documents = self.sampler.documents()
        sentences = (sentence for _ in range(DOCUMENTS) for sentence in next(documents))
        return [text for text in (self.say(sentence, self.voice.side) for sentence in sentences) if text]


def add_noise(words: list[str], noise: float, random: Random) -> Iterator[str]:
    """Drop or misspell a share of the words."""
    for word in words:
        chance = random.random()
        if chance < noise / 2:
            continue
        if chance < noise and word.isalnum():
            place, letter = random.randrange(len(word)), random.choice(random.choice(words))
            word = word[:place] + letter + word[place + 1 :]
        yield word


@lru_cache(maxsize=2)
def _preferences(seed: int, grading: float, banned: frozenset[tuple[str, int]]) -> Preferences:
    """Shared by the sides of a world, because its tables take time to fill."""
    return Preferences(read_vocabulary(), seed, grading, banned)


@lru_cache(maxsize=2)
def _speaker(voice: SideSpec) -> Realiser:
    return Realiser(voice)


def generate_block(voice: SideSpec, number: int) -> list[str]:
    """One block of a voice; every process keeps its speakers, because their tables take time to fill."""
    return _speaker(voice).block(number)


@lru_cache(maxsize=4)
def generate_pairs(voice: SideSpec, size: int, references: int) -> tuple[dict[str, tuple[str, ...]], ...]:
    """``size`` meanings, each said up to ``references`` times in both languages; no English text twice."""
    speaker = Realiser(voice)
    speaker.random.seed(f"{voice.seed} {voice.side}")
    items: dict[str, dict[str, tuple[str, ...]]] = {}
    for document in speaker.sampler.documents():
        for sentence in document:
            texts = {
                lang: tuple(dict.fromkeys(speaker.say(sentence, lang) for _ in range(references)))
                for lang in ("en", "zh")
            }
            if all(all(side) for side in texts.values()) and len(items) < size:
                items.setdefault(texts["en"][0], texts)
        if len(items) >= size:
            return tuple(items.values())
    raise AssertionError("documents never end")

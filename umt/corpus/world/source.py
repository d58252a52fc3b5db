"""The generated source (`World`), its held-out pairs (`WorldPairs`) and its true dictionary."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from random import Random
from typing import Literal

import numpy as np

from umt.corpus import ParallelSet
from umt.corpus.world.chinese import Chinese, write_chinese
from umt.corpus.world.english import English, write_english
from umt.corpus.world.knowledge import Knowledge
from umt.corpus.world.meaning import Sentence
from umt.corpus.world.sampling import Sampler
from umt.corpus.world.truth import canonical, content_words, half
from umt.corpus.world.vocabulary import read_vocabulary
from umt.types import Lang

SHARES = {"en": range(0, 19), "zh": range(19, 38), "dev": range(38, 39), "test": range(39, 40)}
TRIVIAL = 2
"""Sentences of so few concepts ("The dog is big.") may be said on both sides; they are never held out."""
DOCUMENTS = 150
SHORTEST, LONGEST = 4, 25
KINDS = {"noun": 0, "name": 0, "verb": 10000, "adjective": 20000, "adverb": 30000}


@dataclass(frozen=True)
class World:
    """English and Chinese documents about one generated world; nothing is downloaded.

    The two sides never say the same thing: what a sentence says (its bag of concepts) decides whether it may
    appear in English, in Chinese, in dev or in test, except for the shortest sentences of the two sides.

    size: sentences a side.
    domain_shift: 0 both sides write about the same topics, 1 about different ones.
    lexical_gap: share of concepts that one of the sides never uses.
    order_divergence: 0 Chinese in English order, 1 as Chinese writes.
    noise: share of words dropped or misspelt.
    grading: how much words of one class differ in the company they keep.
    """

    languages: tuple[Lang, Lang] = (Lang("en"), Lang("zh"))
    size: int = 150_000
    domain_shift: float = 0.0
    lexical_gap: float = 0.0
    order_divergence: float = 1.0
    noise: float = 0.0
    grading: float = 1.6
    seed: int = 1
    processes: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "languages", tuple(self.languages))
        if sorted(self.languages) != ["en", "zh"]:
            raise ValueError(f"the generated world speaks en and zh only, got languages={list(self.languages)}")
        if self.size < 1 or self.processes < 1:
            raise ValueError(f"size and processes must be at least 1, got {self.size} and {self.processes}")
        for name in ("domain_shift", "lexical_gap", "order_divergence", "noise"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {value}")
        if self.grading < 0:
            raise ValueError(f"grading must not be negative, got {self.grading}")

    def sentences(self, lang: Lang) -> Iterator[str]:
        """``size`` sentences, document after document, in two processes when it is worth it."""
        if lang not in self.languages:
            raise ValueError(f"the generated world speaks {' and '.join(self.languages)}, not {lang}")
        left = self.size
        for block in self._blocks(lang):
            yield from block[:left]
            left -= len(block)
            if left <= 0:
                return

    def _blocks(self, lang: str) -> Iterator[list[str]]:
        number = 0
        if self.processes == 1 or self.size < 5000 or "fork" not in multiprocessing.get_all_start_methods():
            while True:
                yield _speak(self, lang, number)
                number += 1
        with ProcessPoolExecutor(self.processes, multiprocessing.get_context("fork")) as pool:
            waiting: deque[Future[list[str]]] = deque()
            try:
                while True:
                    while len(waiting) < 2 * self.processes:
                        waiting.append(pool.submit(_speak, self, lang, number))
                        number += 1
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def digest(self) -> str:
        """Changes with every knob that changes the text, and with the vocabulary and grammar."""
        state = sha256(repr((self.languages, self.size, self._knobs())).encode())
        for file in sorted(files("umt.corpus.world").iterdir(), key=lambda file: file.name):
            if file.name.endswith((".py", ".txt")):
                state.update(file.read_bytes())
        return state.hexdigest()

    def _knobs(self) -> tuple[float, ...]:
        return (self.seed, self.domain_shift, self.lexical_gap, self.order_divergence, self.noise, self.grading)

    def banned(self, lang: str) -> frozenset[tuple[str, int]]:
        """(kind, index) of the concepts that a side never uses."""
        gaps = []
        generator = np.random.default_rng((self.seed, 90))
        for kind, concept, _, _ in content_words(read_vocabulary()):
            if kind in KINDS and generator.random() < self.lexical_gap:
                side = "en" if generator.random() < 0.5 else "zh"
                if lang not in ("en", "zh") or side == lang:
                    gaps.append(("noun" if kind == "name" else kind, concept - KINDS[kind]))
        return frozenset(gaps)

    def topics(self, lang: str) -> list[float]:
        """Share of each topic; ``domain_shift`` takes half of the topics away from each side."""
        sizes = _knowledge(self.seed, self.grading, frozenset()).topic_sizes
        order = np.random.default_rng((self.seed, 91)).permutation(len(sizes))
        mine = np.isin(np.arange(len(sizes)), order[: len(sizes) // 2]) == (lang == "en")
        shares = np.where(mine | (lang not in ("en", "zh")), 1.0, 1.0 - self.domain_shift) * sizes
        return [float(share) for share in shares / shares.sum()]

    def dictionary(self, part: Literal["all", "train", "test"] = "all") -> Mapping[str, frozenset[str]]:
        """source word -> its translations, lower-case as in text, for content words with all their forms.

        train and test share no English headword. Words banned by ``lexical_gap`` on either side are left out.
        """
        if part not in ("all", "train", "test"):
            raise ValueError(f"part must be all, train or test, got {part}")
        missing = self.banned("both")
        found: dict[str, set[str]] = {}
        words = list(content_words(read_vocabulary()))
        heads = {form: english[0] for _, _, english, _ in reversed(words) for form in english}
        for kind, concept, english, chinese in words:
            if ("noun" if kind == "name" else kind, concept - KINDS.get(kind, 0)) in missing:
                continue
            for form in english:
                if part in ("all", half(heads[form])):
                    for word in chinese:
                        source, target = (form, word) if self.languages[0] == "en" else (word, form)
                        found.setdefault(source, set()).add(target)
        return {source: frozenset(targets) for source, targets in found.items()}

    def kinds(self) -> Mapping[str, str]:
        """word (of either language) -> noun, name, verb, adjective, adverb or time, for analysis."""
        return {
            word: kind
            for kind, _, english, chinese in reversed(list(content_words(read_vocabulary())))
            for word in (*english, *chinese)
        }


@dataclass(frozen=True)
class WorldPairs:
    """Held-out pairs of a world: the same meaning in both languages, several renderings of each."""

    world: World
    split: Literal["dev", "test"] = "test"
    size: int = 1000
    references: int = 4

    def __post_init__(self) -> None:
        if self.split not in ("dev", "test"):
            raise ValueError(f"split must be dev or test, got {self.split}")
        if self.size < 1 or self.references < 1:
            raise ValueError(f"size and references must be at least 1, got {self.size} and {self.references}")

    @property
    def name(self) -> str:
        return f"world-{self.split}"

    def side(self, lang: Lang) -> list[str]:
        """All renderings of one language, sorted."""
        return sorted(text for item in self.pairs().sides[lang] for text in item)

    def pairs(self) -> ParallelSet:
        """The pairs; the first rendering is the sentence to translate. Noise leaves them alone."""
        items = _held_out(self)
        sides = {lang: tuple(item[lang] for item in items) for lang in self.world.languages}
        return ParallelSet(self.name, sides)

    def digest(self) -> str:
        return sha256(f"{self.world.digest()} {self.split} {self.size} {self.references}".encode()).hexdigest()


@cache
def _knowledge(seed: int, grading: float, banned: frozenset[tuple[str, int]]) -> Knowledge:
    return Knowledge(read_vocabulary(), seed, grading, banned)


class _Speaker:
    """A sampler with both grammars, for one side of a world; kept by each process."""

    def __init__(self, world: World, side: str) -> None:
        self.side, self.noise, self.random = side, world.noise, Random(0)
        self.salt, self.share, self.same = world.seed, SHARES[side], canonical()
        knowledge = _knowledge(world.seed, world.grading, world.banned(side))
        self.sampler = Sampler(knowledge, world.topics(side), self.random, self.accepts)
        self.english = English(knowledge.vocabulary, self.random)
        self.chinese = Chinese(knowledge.vocabulary, self.random, world.order_divergence)

    def accepts(self, sentence: Sentence) -> bool:
        """Does the sentence belong to this side?"""
        if len(sentence.content) <= TRIVIAL:
            return self.side in ("en", "zh")
        return sentence.key(self.salt, self.same) % 40 in self.share

    def say(self, sentence: Sentence, lang: str) -> str:
        """The text, or nothing when it is too short or too long."""
        words = self.english.sentence(sentence) if lang == "en" else self.chinese.sentence(sentence)
        if not SHORTEST <= len(words) <= LONGEST:
            return ""
        if self.noise:
            words = [*_disturb(words[:-1], self.noise, self.random), words[-1]]
        return write_english(words) if lang == "en" else write_chinese(words)


def _disturb(words: list[str], noise: float, random: Random) -> Iterator[str]:
    """Drop or misspell a share of the words."""
    for word in words:
        chance = random.random()
        if chance < noise / 2:
            continue
        if chance < noise and word.isalnum():
            place, letter = random.randrange(len(word)), random.choice(random.choice(words))
            word = word[:place] + letter + word[place + 1 :]
        yield word


@cache
def _speaker(world: World, side: str) -> _Speaker:
    return _Speaker(world, side)


def _speak(world: World, lang: str, number: int) -> list[str]:
    """One block of documents."""
    speaker = _speaker(world, lang)
    speaker.random.seed(f"{world.seed} {lang} {number}")
    documents = speaker.sampler.documents()
    texts = (speaker.say(sentence, lang) for _ in range(DOCUMENTS) for sentence in next(documents))
    return [text for text in texts if text]


@cache
def _held_out(pairs: WorldPairs) -> list[dict[str, tuple[str, ...]]]:
    speaker = _Speaker(World(**{**pairs.world.__dict__, "noise": 0.0}), pairs.split)
    speaker.random.seed(f"{pairs.world.seed} {pairs.split}")
    items: list[dict[str, tuple[str, ...]]] = []
    seen: set[str] = set()
    for document in speaker.sampler.documents():
        for sentence in document:
            texts = {
                lang: tuple(dict.fromkeys(speaker.say(sentence, lang) for _ in range(pairs.references)))
                for lang in ("en", "zh")
            }
            if all(all(side) for side in texts.values()) and texts["en"][0] not in seen and len(items) < pairs.size:
                seen.add(texts["en"][0])
                items.append(texts)
        if len(items) >= pairs.size:
            break
    return items

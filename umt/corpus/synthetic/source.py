"""The generated source (`SyntheticWorld`), its held-out pairs (`WorldPairs`) and its true dictionary."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from itertools import chain, count, islice
from typing import Literal

import numpy as np

from umt.corpus import HeldOut, ParallelSet
from umt.corpus.dictionary import Dictionary
from umt.corpus.preparation.leak_index import LeakIndex
from umt.corpus.synthetic.concepts import read_vocabulary
from umt.corpus.synthetic.gold_dictionary import content_words, train_or_test
from umt.corpus.synthetic.realisation import SideSpec, generate_block, generate_pairs
from umt.runtime.processes import cores, forkserver_context
from umt.runtime.validate import require
from umt.types import Lang

GRAMMAR_VERSION = 1
"""To be raised when a grammar, a sampler or the split changes: the text is known by this number."""
KINDS = {"noun": 0, "name": 0, "verb": 10000, "adjective": 20000, "adverb": 30000}
WORTH_PROCESSES = 20_000


@dataclass(frozen=True)
class SyntheticWorld:
    """English and Chinese documents about one generated world; nothing is downloaded.

    The two sides never say the same thing: what a sentence says (its bag of concepts) decides whether it may
    appear in English, in Chinese, in dev or in test; only the shortest sentences may appear on both sides.

    size: sentences a side.
    domain_shift: 0 both sides write about the same topics, 1 about different ones.
    lexical_gap: share of concepts that one of the sides never uses.
    order_divergence: 0 Chinese in English order, 1 as Chinese writes.
    noise: share of words dropped or misspelt.
    preference_strength: how much words of one class differ in the words that they occur with; 0: not at all.
    processes: that generate each side; 0: half as many as there are cores, for both sides are made at once.
    """

    languages: tuple[Lang, Lang] = (Lang("en"), Lang("zh"))
    size: int = 200_000
    domain_shift: float = 0.0
    lexical_gap: float = 0.0
    order_divergence: float = 1.0
    noise: float = 0.0
    preference_strength: float = 1.8
    seed: int = 1
    processes: int = 0

    def __post_init__(self) -> None:
        require(
            self,
            positive="size",
            at_least_zero="preference_strength processes",
            share="domain_shift lexical_gap order_divergence noise",
        )
        if sorted(self.languages) != ["en", "zh"]:
            raise ValueError(f"the generated world speaks en and zh, got languages={list(self.languages)}")

    @property
    def relation(self) -> str:
        """What the two sides are to each other."""
        differing = [
            f"{name}={value:g}"
            for name in ("domain_shift", "lexical_gap", "noise")
            if (value := float(getattr(self, name)))
        ]
        statistics = f"statistics apart by {', '.join(differing)}" if differing else "same statistics"
        return f"two samples of one generated source, disjoint meanings, {statistics}"

    def sentences(self, lang: Lang) -> Iterator[str]:
        """``size`` sentences, document after document; the same whatever the number of processes.

        Raises ValueError for a language that is not of this world.
        """
        if lang not in self.languages:
            raise ValueError(f"the generated world speaks {' and '.join(self.languages)}, not {lang}")
        return islice(chain.from_iterable(self._blocks(self.side_spec(lang))), self.size)

    def _blocks(self, voice: SideSpec) -> Iterator[list[str]]:
        """Blocks of at least ``size`` sentences together."""
        numbers, left = count(), self.size
        if self.size < WORTH_PROCESSES:
            yield from (generate_block(voice, number) for number in numbers)
        # one worker is better than none: this process is large, and its garbage collector looks at all of it
        processes = self.processes or (cores() + 1) // 2
        with ProcessPoolExecutor(processes, forkserver_context(), gc.set_threshold, (100_000, 50)) as pool:
            waiting: deque[Future[list[str]]] = deque()
            try:
                size = 0
                while left > 0:
                    while len(waiting) < 32 + processes and len(waiting) * size < left:
                        waiting.append(pool.submit(generate_block, voice, next(numbers)))
                    block = waiting.popleft().result()
                    yield block
                    size = len(block)
                    left -= size
            finally:
                pool.shutdown(cancel_futures=True)

    def side_spec(self, side: str) -> SideSpec:
        """One side of this world, or what dev and test draw from: topics and gaps of both, no noise."""
        held_out = side not in self.languages
        return SideSpec(
            side, self.seed, self.preference_strength, self._topics(side), self._excluded_concepts(side),
            self.order_divergence, 0.0 if held_out else self.noise,
        )  # fmt: skip

    def held_out(self) -> tuple[HeldOut, ...]:
        """500 dev and 1,000 test pairs."""
        return WorldPairs(self, "dev", 500), WorldPairs(self, "test", 1000)

    def training_pairs(self, count: int, leaks: Mapping[Lang, LeakIndex]) -> SyntheticPairs:
        """Pairs for a supervised control; no held-out meaning of this world is among them by construction."""
        return SyntheticPairs(self, count)

    def digest(self) -> str:
        """Changes with every option that changes the text, with the vocabulary and with `GRAMMAR_VERSION`."""
        knobs = {name: value for name, value in vars(self).items() if name != "processes"}
        state = sha256(repr((GRAMMAR_VERSION, sorted(knobs.items()))).encode())
        for file in sorted(files("umt.corpus.synthetic").iterdir(), key=lambda file: file.name):
            if file.name.endswith(".txt"):
                state.update(file.read_bytes())
        return state.hexdigest()

    def _excluded_concepts(self, side: str) -> frozenset[tuple[str, int]]:
        """(kind, index) of the concepts that a side never uses; dev and test lack those of both sides."""
        gaps = []
        generator = np.random.default_rng((self.seed, 90))
        for kind, concept, _, _ in content_words(read_vocabulary()):
            if kind in KINDS and generator.random() < self.lexical_gap:
                silent = "en" if generator.random() < 0.5 else "zh"
                if side not in self.languages or silent == side:
                    gaps.append(("noun" if kind == "name" else kind, concept - KINDS[kind]))
        return frozenset(gaps)

    def _topics(self, side: str) -> tuple[float, ...]:
        """Share of each topic, by its number of nouns; ``domain_shift`` takes half of them from each side."""
        vocabulary = read_vocabulary()
        sizes = np.array(
            [sum(topic in noun.topics for noun in vocabulary.nouns) for topic in vocabulary.topics]
        )
        order = np.random.default_rng((self.seed, 91)).permutation(len(sizes))
        english = np.isin(np.arange(len(sizes)), order[: len(sizes) // 2])
        own_topics = (
            np.ones(len(sizes), dtype=bool) if side not in self.languages else english == (side == "en")
        )
        shares = np.where(own_topics, 1.0, 1.0 - self.domain_shift) * sizes
        return tuple((shares / shares.sum()).tolist())

    def dictionary(self, part: str = "all") -> Dictionary:
        """The true translations of the content words in all their forms, lower-case as the aligner sees them.

        part: all, train or test; train and test share no English headword, so a control that is fitted on one
        has not seen the other. Words that ``lexical_gap`` takes from either side are left out.
        """
        if part not in ("all", "train", "test"):
            raise ValueError(f"part must be all, train or test, got {part}")
        missing = self._excluded_concepts("both")
        words = list(content_words(read_vocabulary()))
        heads = {form: english[0] for _, _, english, _ in reversed(words) for form in english}
        translations: dict[str, set[str]] = {}
        for kind, concept, english, chinese in words:
            if ("noun" if kind == "name" else kind, concept - KINDS.get(kind, 0)) in missing:
                continue
            for form in english:
                if part in ("all", train_or_test(heads[form])):
                    for word in chinese:
                        source, target = (form, word) if self.languages[0] == "en" else (word, form)
                        translations.setdefault(source, set()).add(target)
        return Dictionary({source: frozenset(targets) for source, targets in translations.items()})

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

    world: SyntheticWorld
    split: Literal["dev", "test"] = "test"
    size: int = 1000
    references: int = 4

    def __post_init__(self) -> None:
        require(self, positive="size references")

    @property
    def name(self) -> str:
        return self.split

    def unpaired_side(self, lang: Lang) -> list[str]:
        """All renderings of one language, sorted."""
        return sorted(text for item in self._items() for text in item[lang])

    def pairs(self) -> ParallelSet:
        """The pairs; the first rendering is the sentence to translate."""
        items = self._items()
        return ParallelSet(
            self.name, {lang: tuple(item[lang] for item in items) for lang in self.world.languages}
        )

    def digest(self) -> str:
        return sha256(
            f"{self.world.digest()} {self.split} {self.size} {self.references}".encode()
        ).hexdigest()

    def _items(self) -> tuple[dict[str, tuple[str, ...]], ...]:
        return generate_pairs(self.world.side_spec(self.split), self.size, self.references)


@dataclass(frozen=True)
class SyntheticPairs:
    """Pairs of what the two sides of a world say, half of them from each side.

    Held-out meanings belong to neither side, so these pairs know nothing of a test set.
    """

    world: SyntheticWorld
    size: int

    @property
    def languages(self) -> tuple[Lang, Lang]:
        return self.world.languages

    def examples(self) -> Iterator[tuple[str, str]]:
        first, second = self.languages
        for side, size in ((first, self.size - self.size // 2), (second, self.size // 2)):
            for item in generate_pairs(self.world.side_spec(side), size, 1) if size else ():
                yield item[first][0], item[second][0]

    @property
    def left_out(self) -> int:
        return 0

    @property
    def incomplete(self) -> int:
        return 0

    def digest(self) -> str:
        return sha256(f"{self.world.digest()} examples {self.size}".encode()).hexdigest()

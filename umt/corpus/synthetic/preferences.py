"""What is plausible in the world: who does what to what, where, how, and what it is like.

Every preference is graded: a word's weight with each companion is what the vocabulary allows times its
frequency times a log-normal draw of its own, so that no two words keep the same company.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

import numpy as np
from numpy.typing import NDArray

from umt.corpus.synthetic.concepts import PEOPLE, PROPER, ConceptLexicon
from umt.corpus.synthetic.logical_form import Determiner

Matrix = NDArray[np.float64]
Table = tuple[list[int], list[float]]
"""Candidates and their cumulative weights."""

ELSEWHERE = 0.01
GENERIC = 0.3
PROPER_SHARE = {"name": 0.3, "City": 0.05, "Country": 0.08}
DETERMINERS: dict[str, dict[Determiner, int]] = {
    "subject": {"the": 52, "a": 18, "this": 5, "that": 3, "many": 7, "every": 3, "some": 7},
    "object": {"a": 33, "the": 30, "this": 4, "that": 3, "many": 8, "some": 9, "number": 5, "owner": 10},
}
"""role -> per cent of the determiners."""
OWNERS = {"he": 25, "I": 23, "she": 17, "we": 13, "they": 12, "you": 10}
NUMBERS = {2: 34, 3: 22, 4: 12, 5: 12, 6: 7, 10: 7, 20: 4, 100: 2}
JOINTS = {
    "and": 22, "when": 18, "because": 14, "if": 13, "but": 12, "so": 8, "after": 6, "before": 4,
    "although": 3,
}  # fmt: skip


@dataclass(frozen=True)
class Preferences:
    """The world's preferences, drawn from ``seed``; ``banned`` concepts do not exist for this speaker.

    grading: standard deviation of the log-normal preferences; 0 makes words of one class interchangeable.
    banned: (kind, index) with kind one of noun, verb, adjective, adverb.
    """

    vocabulary: ConceptLexicon
    seed: int
    grading: float = 1.8
    excluded: frozenset[tuple[str, int]] = frozenset()

    @cached_property
    def _tables(self) -> dict[tuple[str | int, ...], Table]:
        return {}

    def draw(self, key: tuple[str | int, ...], weights: Callable[[], Matrix], random: Random) -> int:
        """One candidate, or -1 when there is none.

        key: the kind of choice; its ``weights`` are computed when it first comes up.
        """
        candidates = self._tables.get(key)
        if candidates is None:
            candidates = self._tables[key] = table(weights())
        items, cumulative = candidates
        if not items:
            return -1
        return items[bisect(cumulative, random.random() * cumulative[-1], 0, len(items) - 1)]

    def _graded(self, salt: int, rows: int, columns: int, scale: float = 1.0) -> Matrix:
        """(rows, columns) log-normal preferences."""
        generator = np.random.default_rng((self.seed, salt))
        return np.asarray(np.exp(self.grading * scale * generator.standard_normal((rows, columns))))

    def _kept(self, kind: str, size: int) -> Matrix:
        return np.array([(kind, index) not in self.excluded for index in range(size)], dtype=np.float64)

    @cached_property
    def members(self) -> dict[str, list[int]]:
        """Nouns of every class, and nouns by their words in either language; classes come first."""
        members: dict[str, list[int]] = {}
        for index, noun in enumerate(self.vocabulary.nouns):
            members.setdefault(noun.category, []).append(index)
        classes = set(members)
        for index, noun in enumerate(self.vocabulary.nouns):
            for word in noun.english + noun.chinese:
                if word not in classes:
                    members.setdefault(word, []).append(index)
        return members

    @cached_property
    def frequency(self) -> Matrix:
        """(nouns,) Zipfian within each class."""
        rank: dict[str, int] = {}
        weights = []
        for noun in self.vocabulary.nouns:
            rank[noun.category] = rank.get(noun.category, 0) + 1
            scale = 0.25 if noun.category == "name" else 1.0
            weights.append(scale * (rank[noun.category] % 40 + 3.0) ** -0.5)
        jitter = np.random.default_rng((self.seed, 1)).standard_normal(len(weights))
        return np.array(weights) * np.exp(0.3 * jitter) * self._kept("noun", len(weights))

    @cached_property
    def about(self) -> Matrix:
        """(topics, nouns): how much a noun belongs to a topic."""
        nouns, topics = self.vocabulary.nouns, self.vocabulary.topics
        weights = np.full((len(topics), len(nouns)), ELSEWHERE)
        taste = self._graded(2, len(topics), len(nouns), 0.6)
        for column, noun in enumerate(nouns):
            if "any" in noun.topics:
                weights[:, column] = PROPER_SHARE.get(noun.category, GENERIC)
                weights[:, column] *= taste[:, column] if noun.proper else 1.0
            for row, topic in enumerate(topics):
                if topic in noun.topics:
                    weights[row, column] = 1.0
        return weights

    def allowed(self, specification: Sequence[str]) -> Matrix:
        """(nouns,) 1 where a noun fits a list of classes and words with exclusions."""
        mask = np.zeros(len(self.vocabulary.nouns))
        for name in specification:
            if name.startswith("-"):
                mask[self.members[name[1:]]] = 0.0
            elif name not in self.members:
                raise ValueError(f"the vocabulary names an unknown class or noun: {name}")
            else:
                mask[self.members[name]] = 1.0
        return mask

    @cached_property
    def roles(self) -> dict[str, Matrix]:
        """role -> (verbs, nouns): weight of a noun as subject, object or other argument of a verb."""
        verbs, shape = self.vocabulary.verbs, (len(self.vocabulary.verbs), len(self.vocabulary.nouns))
        asked = {
            "subject": [verb.subjects + (("name",) if "person" in verb.subjects else ()) for verb in verbs],
            "object": [verb.objects for verb in verbs],
            "other": [verb.others for verb in verbs],
        }
        return {
            role: np.array([self.allowed(names) for names in lists])
            * self._graded(salt, *shape)
            * self.frequency
            for salt, (role, lists) in enumerate(asked.items(), start=3)
        }

    @cached_property
    def verb_weights(self) -> Matrix:
        """(topics, verbs): how often a topic's documents use a verb; what its arguments are about decides."""
        weights = []
        for role in ("object", "subject"):
            matrix = self.roles[role]
            total = np.maximum(matrix.sum(axis=1), 1e-12)
            weights.append(np.maximum((self.about @ matrix.T) / total, 0.02))  # (topics, verbs)
        transitive = np.array([bool(verb.objects) for verb in self.vocabulary.verbs])
        weight = np.where(transitive, weights[0] * np.sqrt(weights[1]), weights[1] ** 1.5)
        breadth = np.array([verb.frame in ("clause", "infinitive") for verb in self.vocabulary.verbs])
        return np.asarray(weight * np.where(breadth, 0.6, 1.0) * self._kept("verb", len(breadth)))

    @cached_property
    def qualities(self) -> Matrix:
        """(adjectives, nouns)."""
        mask = np.array([self.allowed(adjective.nouns) for adjective in self.vocabulary.adjectives])
        nonzero = self._kept("adjective", len(mask))[:, None]
        return np.asarray(mask * self._graded(6, mask.shape[0], mask.shape[1]) * self.frequency * nonzero)

    @cached_property
    def places(self) -> Matrix:
        """(verbs, nouns): where a verb's events happen."""
        nouns = self.vocabulary.nouns
        kinds = {"building": 1.0, "room": 0.8, "outdoor": 1.0, "City": 0.25}
        able = np.array([kinds.get(noun.category, 0.0) if noun.place else 0.0 for noun in nouns])
        return able * self.frequency * self._graded(7, len(self.vocabulary.verbs), len(nouns))

    @cached_property
    def companions(self) -> Matrix:
        """(nouns, nouns): what is found on, in, near or in the hands of what."""
        return self._graded(8, len(self.vocabulary.nouns), len(self.vocabulary.nouns)) * self.frequency

    @cached_property
    def manners(self) -> Matrix:
        """(verbs, adverbs)."""
        adverbs = self.vocabulary.words["adverb"]
        marked = np.array([adverb.chinese[0][-1].endswith("地") for adverb in adverbs])
        short = np.array([len(verb.chinese) == 1 for verb in self.vocabulary.verbs])
        fits = np.array([[bool(verb.tags & word.tags) for word in adverbs] for verb in self.vocabulary.verbs])
        # 地 before a verb of one character is neither idiomatic nor segmented reliably.
        mask = fits & ~(short[:, None] & marked)
        return np.asarray(
            mask * self._graded(9, mask.shape[0], mask.shape[1], 1.3) * self._kept("adverb", len(adverbs))
        )

    @cached_property
    def times(self) -> dict[str, Matrix]:
        """tense -> (verbs, times)."""
        return {
            tense: self._graded(10 + salt, len(self.vocabulary.verbs), len(self.vocabulary.words[tense]), 0.5)
            for salt, tense in enumerate(("past", "present", "progressive", "future", "opening"))
        }

    @cached_property
    def function_words(self) -> dict[str, Matrix]:
        """class -> (companions, words): how a companion likes the words of a closed class.

        The words are Zipfian or have the shares above; companions are nouns for the determiners, ``owner``
        and ``number``, adjectives for ``degree``, verbs for all else, at their end "have", "there is", "be".
        """
        sizes = len(self.vocabulary.nouns), len(self.vocabulary.adjectives), len(self.vocabulary.verbs) + 3
        nouns, adjectives, verbs = sizes
        shares: dict[str, tuple[int, list[float]]] = {
            **{role: (nouns, [*map(float, each.values())]) for role, each in DETERMINERS.items()},
            "owner": (nouns, [*map(float, OWNERS.values())]),
            "number": (nouns, [*map(float, NUMBERS.values())]),
            "joint": (verbs, [*map(float, JOINTS.values())]),
        }
        for name, companions in (("degree", adjectives), ("frequency", verbs), ("perfect", verbs)):
            shares[name] = companions, [1 / (rank + 2) for rank in range(len(self.vocabulary.words[name]))]
        return {
            name: np.array(weights) * self._graded(20 + salt, companions, len(weights), 0.4)
            for salt, (name, (companions, weights)) in enumerate(shares.items())
        }

    @cached_property
    def people(self) -> frozenset[int]:
        return frozenset(i for i, noun in enumerate(self.vocabulary.nouns) if noun.category in PEOPLE)

    @cached_property
    def proper(self) -> frozenset[int]:
        return frozenset(i for i, noun in enumerate(self.vocabulary.nouns) if noun.category in PROPER)


def table(weights: Matrix) -> Table:
    """Candidates of positive weight and their cumulative weights; empty when there are none."""
    nonzero = (weights > 0).nonzero()[0]
    if len(nonzero) > 60:  # a tail of hopeless candidates costs memory and reads as nonsense
        nonzero = nonzero[weights[nonzero] > weights[nonzero].max() * 1e-4]
    return nonzero.tolist(), np.cumsum(weights[nonzero]).tolist()

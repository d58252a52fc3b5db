"""What a sentence says, before any language: phrases, clauses and sentences.

Plain slotted classes: hundreds of thousands are built.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Tense = Literal[
    "past", "present", "progressive", "was doing", "future", "perfect", "experience", "can", "must", "should", "infinitive"
]
Determiner = Literal["a", "the", "this", "that", "some", "many", "every", "bare", "number", "pronoun", "owner"]


@dataclass(slots=True)
class Phrase:
    """A noun phrase. ``number``: 1 one, 0 an unnamed plural, else the number itself.

    pronoun: he, she, it, they, I, you or we, when ``determiner`` is "pronoun"; owner: whose it is.
    """

    noun: int
    determiner: Determiner
    number: int = 1
    adjectives: tuple[int, ...] = ()
    owner: Phrase | None = None
    relative: Clause | None = None
    gap: Literal["subject", "object"] = "subject"
    pronoun: str = ""
    companion: Phrase | None = None


@dataclass(slots=True)
class Clause:
    """One event: ``verb`` -1 is a copula, with ``quality`` (and ``standard`` when it compares) or ``object``.

    verb -2: there is ``subject`` in ``place``; verb -3: ``subject`` has ``object``.
    asked: what a wh-question asks for.
    """

    verb: int
    subject: Phrase | None
    object: Phrase | None = None
    other: Phrase | None = None
    tense: Tense = "present"
    negative: bool = False
    adverb: int = -1
    frequency: int = -1
    time: tuple[str, int] | None = None
    place: Phrase | None = None
    voice: Literal["active", "passive", "disposal"] = "active"
    quality: int = -1
    degree: int = -1
    standard: Phrase | None = None
    complement: Clause | None = None
    asked: Literal["", "truth", "subject", "object", "place", "time", "reason"] = ""


@dataclass(slots=True)
class Sentence:
    """One or two clauses. ``opening`` indexes the opening adverbs."""

    clause: Clause
    joint: str = ""
    second: Clause | None = None
    opening: int = -1
    imperative: bool = False
    content: list[int] = field(default_factory=list)

    def key(self, salt: int, canonical: dict[int, int]) -> int:
        """A number that depends on the bag of concepts alone, the same in every process.

        canonical: concept -> one name for all concepts that share a word, so that sentences which look alike
        share their key too. Sentences that differ in tense, number or articles share it as well, so a split
        by this key separates near-paraphrases.
        """
        return hash((salt, *sorted(canonical.get(concept, concept) for concept in self.content))) & 0xFFFFFFFF

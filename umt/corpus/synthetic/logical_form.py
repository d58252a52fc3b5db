"""What a sentence says, before any language: phrases, clauses and sentences.

Plain slotted classes: hundreds of thousands are built.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

Tense = Literal[
    "past", "present", "progressive", "was doing", "future", "perfect", "experience", "can", "must", "should",
    "infinitive",
]  # fmt: skip
Gap = Literal["subject", "object"]
Asked = Literal["", "truth", "subject", "object", "place", "time", "reason"]
Determiner = Literal[
    "a", "the", "this", "that", "some", "many", "every", "bare", "number", "pronoun", "owner"
]


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
    gap: Gap = "subject"
    pronoun: str = ""


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
    question: Asked = ""


@dataclass(slots=True)
class Sentence:
    """One or two clauses. ``opening`` indexes the opening adverbs."""

    clause: Clause
    joint: str = ""
    second: Clause | None = None
    opening: int = -1
    imperative: bool = False

    def concepts(self) -> list[int]:
        """The numbers of the concepts that are put into words, as in
        `umt.corpus.synthetic.gold_dictionary`."""
        concepts = [50000 + self.opening] if self.opening >= 0 else []
        _of_clause(self.clause, concepts, "subject" if self.imperative else "")
        if self.second is not None:
            _of_clause(self.second, concepts)
        return concepts


def key(concepts: list[int], salt: int, canonical: dict[int, int]) -> int:
    """A number that depends on the bag of concepts alone, the same in every process.

    canonical: concept -> one name for all concepts that share a word, so that sentences which look alike
    share their key too. Sentences that differ in tense, number or articles share it as well, so a split by
    this key separates near-paraphrases.
    """
    names = sorted([canonical.get(concept, concept) for concept in concepts])
    return int.from_bytes(blake2b(repr((salt, names)).encode(), digest_size=4).digest(), "little")


def _of_clause(clause: Clause, concepts: list[int], unsaid: str = "") -> None:
    """Collect the concepts of a clause; ``unsaid`` names a role that is left out of it."""
    if clause.verb >= 0:
        concepts.append(10000 + clause.verb)
    if clause.quality >= 0:
        concepts.append(20000 + clause.quality)
    if clause.adverb >= 0:
        concepts.append(30000 + clause.adverb)
    if clause.time is not None:
        concepts.append(40000 + len(clause.time[0]) * 100 + clause.time[1])
    if unsaid != "subject" and clause.question != "subject" and clause.tense != "infinitive":
        _of_phrase(clause.subject, concepts)
    if unsaid != "object" and clause.question != "object":
        _of_phrase(clause.object, concepts)
    for phrase in (clause.other, clause.place, clause.standard):
        if phrase is not None:
            _of_phrase(phrase, concepts)
    if clause.complement is not None:
        _of_clause(clause.complement, concepts)


def _of_phrase(phrase: Phrase | None, concepts: list[int]) -> None:
    if phrase is None or phrase.determiner == "pronoun":
        return
    concepts.append(phrase.noun)
    concepts.extend(20000 + adjective for adjective in phrase.adjectives)
    _of_phrase(phrase.owner, concepts)
    if phrase.relative is not None:
        _of_clause(phrase.relative, concepts, phrase.gap)

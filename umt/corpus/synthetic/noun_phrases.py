"""Who a document is about: the entities that were mentioned, and how they are mentioned next."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TypeVar

import numpy as np

from umt.corpus.synthetic.concepts import UNIQUE
from umt.corpus.synthetic.logical_form import Determiner, Phrase, Tense
from umt.corpus.synthetic.preferences import DETERMINERS, NUMBERS, OWNERS, Matrix, Preferences

_Word = TypeVar("_Word")

OWNABLE = frozenset({
    "animal", "bird", "vehicle", "craft", "clothing", "jewelry", "device", "instrument", "document",
    "stationery", "household", "kitchenware", "idea", "software", "body", "feeling", "artwork",
    "sportgear", "family", "group", "building", "room", "creature", "finance", "disease",
})  # fmt: skip
"""Classes that people call "my" and "his"."""
GENERAL = frozenset({
    "animal", "bird", "marine", "insect", "fruit", "vegetable", "food", "plant", "vehicle", "device",
    "person", "organism", "weapon", "clothing",
})  # fmt: skip
"""Classes of which something is said in general, in the plural."""


class DiscourseEntities:
    """Makes noun phrases and remembers entities."""

    def __init__(self, knowledge: Preferences, random: Random) -> None:
        self.world, self.random = knowledge, random
        self.nouns = knowledge.vocabulary.nouns
        self.known: list[tuple[int, int]] = []
        self.gender: dict[int, str] = {}
        self.adjectives: list[bool] = np.asarray(self.world.qualities.max(axis=0) > 0).tolist()

    def begin(self) -> None:
        """A new document: nobody is known."""
        self.known, self.gender = [], {}

    def mark(self) -> int:
        return len(self.known)

    def reset(self, mark: int) -> None:
        """Forget what a rejected sentence introduced."""
        del self.known[mark:]

    def choose(self, kind: str, words: Iterable[_Word], noun: int) -> _Word:
        """One of ``words``, a closed class in its order, as the noun likes them."""
        liking = self.world.function_words
        return list(words)[self.world.draw((kind, noun), lambda: liking[kind][noun], self.random)]

    def pronoun(self, phrase: Phrase) -> str:
        """he, she, it or they."""
        if phrase.number != 1:
            return "they"
        noun = self.nouns[phrase.noun]
        if phrase.noun not in self.world.people:
            return "it"
        if noun.category == "person" and not noun.gender:
            self.gender.setdefault(phrase.noun, self.random.choice("mf"))
        return "he" if self.gender.get(phrase.noun, noun.gender or "m") == "m" else "she"

    def recall(self, fits: frozenset[int], role: str) -> Phrase | None:
        """A known entity that fits a role, two times in five."""
        if not self.known or self.random.random() > 0.4:
            return None
        noun, number = self.random.choice(self.known[-6:])
        if noun not in fits:
            return None
        determiner: Determiner = "bare" if self.nouns[noun].proper else "the"
        return Phrase(noun, determiner, number)

    def phrase(self, noun: int, role: str, tense: Tense, adjectives: tuple[int, ...] = ()) -> Phrase:
        """A noun phrase that mentions a noun, usually for the first time."""
        entry, chance = self.nouns[noun], self.random.random()
        if entry.proper:
            if entry.category == "name" and len(self.known) < 12:
                self.known.append((noun, 1))
            return Phrase(noun, "bare")
        phrase = Phrase(noun, "the", 1)
        self._determine(phrase, role, tense, chance)
        self._count(phrase, role, chance)
        self.qualify(phrase, adjectives, role)
        if (
            len(self.known) < 12
            and phrase.determiner not in ("every", "many")
            and not entry.mass
            and phrase.owner is None
            and role != "place"
        ):
            self.known.append((noun, 1 if phrase.number == 1 else 0))
        return phrase

    def _determine(self, phrase: Phrase, role: str, tense: Tense, chance: float) -> None:
        """Choose a determiner that noun and role allow, by a ``chance`` in [0, 1)."""
        noun, entry = phrase.noun, self.nouns[phrase.noun]
        if entry.mass:
            general = entry.category in ("feeling", "subject", "issue", "daily", "idea", "disease")
            phrase.determiner = "bare" if general or chance < 0.7 else "the"
        elif entry.english[0] in UNIQUE or role == "place":
            phrase.determiner = "the"
        elif entry.category in ("body", "family", "creature", "indicator"):
            self.add_owner(phrase, role)
            if chance < 0.3 and entry.category in ("body", "family") and not entry.mass:
                phrase.number = 0
        elif role in ("exists", "has"):
            phrase.determiner, phrase.number = (
                ("a", 1) if chance < 0.5 else ("number", self.choose("number", NUMBERS, noun))
            )
            if 0.75 < chance < 0.9:
                phrase.determiner, phrase.number = ("some", 0) if chance < 0.83 else ("many", 0)
        elif tense == "present" and chance < 0.45 and entry.category in GENERAL and not entry.gender:
            phrase.determiner, phrase.number = "bare", 0
        elif role in ("subject", "described"):
            phrase.determiner = self.choose("subject", DETERMINERS["subject"], noun)
        else:
            phrase.determiner = self.choose("object", DETERMINERS["object"], noun)

    def _count(self, phrase: Phrase, role: str, chance: float) -> None:
        """One, a number or several, as the determiner asks; an owner where it announces one."""
        entry = self.nouns[phrase.noun]
        if phrase.determiner in ("many", "some"):
            phrase.number = 0
        elif phrase.determiner == "number":
            if phrase.number == 1:
                phrase.number = self.choose("number", NUMBERS, phrase.noun)
        elif (
            phrase.determiner == "the"
            and role in ("subject", "object", "described")
            and not entry.mass
            and chance > 0.72
        ):
            phrase.number = 0
        elif phrase.determiner == "owner":
            self.add_owner(phrase, role)

    def add_owner(self, phrase: Phrase, role: str) -> None:
        """Give the phrase an owner: a person of the document, "my", or the whole that it is part of."""
        entry = self.nouns[phrase.noun]
        phrase.determiner = "the"
        if entry.owners:

            def weights() -> Matrix:
                return np.asarray(self.world.allowed(entry.owners) * self.world.companions[phrase.noun])

            owner = self.world.draw(("whole", phrase.noun), weights, self.random)
            if owner >= 0:
                phrase.determiner = "owner"
                phrase.owner = Phrase(
                    owner, "bare" if self.nouns[owner].proper or self.nouns[owner].mass else "the"
                )
            return
        if entry.category not in OWNABLE:
            return
        people = [
            noun
            for noun, number in self.known[-5:]
            if number == 1 and noun in self.world.people and noun != phrase.noun
        ]
        phrase.determiner = "owner"
        if people and self.random.random() < 0.3:
            owner = self.random.choice(people)
            phrase.owner = Phrase(owner, "bare" if self.nouns[owner].proper else "the")
        else:
            if people and self.random.random() < 0.6:
                whose = self.pronoun(Phrase(people[-1], "the"))
            else:
                whose = self.choose("owner", OWNERS, phrase.noun)
            if role == "subject" and whose in ("you", "they"):
                whose = "we"
            phrase.owner = Phrase(-1, "pronoun", pronoun=whose)

    def qualify(self, phrase: Phrase, adjectives: tuple[int, ...], role: str) -> None:
        """Add adjectives: those asked for, or sometimes one that suits the noun."""
        if (
            adjectives
            or self.random.random() > (0.4 if phrase.determiner != "bare" else 0.2)
            or not self.adjectives[phrase.noun]
        ):
            phrase.adjectives = adjectives
            return
        if role not in ("standard", "described"):
            adjective = self.world.draw(
                ("adjective", phrase.noun), lambda: self.world.qualities[:, phrase.noun], self.random
            )
            phrase.adjectives = (adjective,) if adjective >= 0 else ()

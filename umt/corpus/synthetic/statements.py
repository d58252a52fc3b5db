"""Statements about a word: what it does, what it is like, where it is and whose it is."""

from __future__ import annotations

from random import Random

import numpy as np

from umt.corpus.synthetic.events import Events
from umt.corpus.synthetic.logical_form import Clause, Tense
from umt.corpus.synthetic.preferences import ELSEWHERE, Matrix, Preferences

SMALL = frozenset({
    "kitchenware", "household", "document", "stationery", "food", "fruit", "artwork", "tool", "jewelry",
})  # fmt: skip
"""Classes that lie on furniture."""
LARGE = frozenset({
    "person", "animal", "bird", "furniture", "vehicle", "plant", "structure", "insect", "device",
    "weapon",
})  # fmt: skip
"""Classes that are found in rooms, buildings and outdoors."""
OWNED = SMALL - {"food", "fruit", "artwork"} | {
    "animal", "vehicle", "clothing", "device", "instrument", "furniture", "bird",
}  # fmt: skip


class Statements(Events):
    """Draws clauses around the words of a topic."""

    def __init__(self, knowledge: Preferences, random: Random) -> None:
        super().__init__(knowledge, random)
        adjectives = self.vocabulary.adjectives
        self.stated = np.array(["only" not in adjective.tags for adjective in adjectives])
        self.placed = np.array([bool(noun.place) for noun in self.vocabulary.nouns])
        self.gradable = [not adjective.tags & {"fixed", "only"} for adjective in adjectives]

    def about_something(self, tense: Tense) -> Clause | None:
        """A clause around a noun, a verb or an adjective of the topic."""
        chance, topic = self.random.random(), self.topic
        about = self.world.about[topic]
        if chance < 0.6:
            even = self.random.random() < 0.85

            def weights() -> Matrix:
                return np.asarray(
                    (about > 0.9) * (self.world.frequency > 0) if even else about * self.world.frequency
                )

            return self.around(self.draw(("seed", topic, even), weights), tense)
        if chance < 0.82:
            verb = self.draw(("verb", topic), lambda: self.world.verb_weights[topic])
            return self.event(verb, tense)
        qualities = self.world.qualities

        def share() -> Matrix:
            return np.asarray(
                (qualities @ about) / np.maximum(qualities.sum(axis=1), 1e-12) * (qualities.sum(axis=1) > 0)
            )

        quality = self.draw(("quality", topic), share)
        noun = self.draw(("described", topic, quality), lambda: qualities[quality] * about)
        if self.random.random() < 0.4 and "only" not in self.vocabulary.adjectives[quality].tags:
            return self.description(noun, quality, tense)
        return self.around(noun, tense, (quality,))

    def around(self, noun: int, tense: Tense, qualities: tuple[int, ...] = ()) -> Clause | None:
        """A clause in which ``noun`` plays a part it can play."""
        if noun < 0:
            return None
        category, chance = self.vocabulary.nouns[noun].category, self.random.random()
        if chance < 0.08 and category in SMALL | LARGE:
            clause = self.existence(noun, tense)
            if clause is not None:
                return clause
        elif chance < 0.13 and category in OWNED:
            return self.possession(noun, tense)
        elif chance < 0.25 and not qualities:
            quality = self.predicate(noun)
            if quality >= 0:
                return self.description(noun, quality, tense)
        verbs = len(self.vocabulary.verbs)
        weight = self.world.verb_weights[self.topic]

        def stacked() -> Matrix:
            return np.concatenate(
            [weight * self.fillers["subject"][:, noun], weight * self.fillers["object"][:, noun] * 1.5,
             weight * self.fillers["other"][:, noun] * 1.5]
        )  # fmt: skip

        part = self.draw(("part", self.topic, noun), stacked)
        if part < 0:
            return self.setting(noun, tense)
        role = ("subject", "object", "other")[part // verbs]
        return self.event(part % verbs, tense, {role: self.cast.phrase(noun, role, tense, qualities)})

    def setting(self, noun: int, tense: Tense) -> Clause | None:
        """A noun that no verb takes: a place where something happens, or something described."""
        if self.vocabulary.nouns[noun].place and self.random.random() < 0.6:
            verb = self.draw(("verb", self.topic), lambda: self.world.verb_weights[self.topic])
            clause = self.event(verb, tense)
            if clause is not None and clause.place is None and self.placeable(clause):
                clause.place = self.cast.phrase(noun, "place", tense)
                return clause
        quality = self.predicate(noun)
        if quality < 0:
            return None
        return self.description(noun, quality, tense)

    def predicate(self, noun: int) -> int:
        """An adjective that can be said of a noun with "is"."""
        return self.draw(("predicate", noun), lambda: self.world.qualities[:, noun] * self.stated)

    def description(self, noun: int, quality: int, tense: Tense) -> Clause | None:
        """The noun is so, or more so than another of its class."""
        if noun < 0:
            return None
        when: Tense = "past" if tense in ("past", "was doing", "perfect", "experience") else "present"
        clause = Clause(-1, self.cast.phrase(noun, "described", when), tense=when, quality=quality)
        nouns = self.vocabulary.nouns
        if self.gradable[quality] and self.random.random() < 0.55:
            kin = self.world.allowed((nouns[noun].category,))
            about = self.world.about[self.topic]

            def weights() -> Matrix:
                return np.asarray(kin * self.world.qualities[quality] * np.maximum(about, 5 * ELSEWHERE))

            other = self.draw(("standard", quality, nouns[noun].category, self.topic), weights)
            if other >= 0 and other != noun:
                clause.standard = self.cast.phrase(other, "standard", when)
                return clause
        clause.negative = self.random.random() < 0.1
        if self.gradable[quality] and not clause.negative and self.random.random() < 0.6:
            clause.degree = self.function_word("degree", quality)
        return clause

    def existence(self, noun: int, tense: Tense) -> Clause | None:
        """There is a noun somewhere."""
        nouns = self.vocabulary.nouns
        kinds = ("furniture",) if nouns[noun].category in SMALL else ("outdoor", "building", "room")

        def weights() -> Matrix:
            return np.asarray(
                self.world.allowed(kinds)
                * self.placed
                * self.world.companions[noun]
                * self.world.about[self.topic]
            )

        place = self.draw(("where", noun, self.topic), weights)
        if place < 0 or self.world.about[self.topic, place] < 0.1:
            return None
        when: Tense = "past" if tense in ("past", "was doing") else "present"
        return Clause(
            -2,
            self.cast.phrase(noun, "exists", when),
            tense=when,
            place=self.cast.phrase(place, "place", when),
        )

    def possession(self, noun: int, tense: Tense) -> Clause:
        """Somebody has a noun."""

        def weights() -> Matrix:
            return np.asarray(
                self.world.allowed(("person", "family", "name"))
                * self.world.companions[noun]
                * self.world.about[self.topic]
            )

        owner = self.draw(("owner", noun, self.topic), weights)
        when: Tense = "past" if tense in ("past", "was doing") else "present"
        subject = self.cast.phrase(owner, "subject", when)
        return Clause(-3, subject, self.cast.phrase(noun, "has", when), tense=when)

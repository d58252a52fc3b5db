"""Events: who does what to whom, where, when and how, drawn from the world's preferences."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np

from umt.corpus.synthetic.logical_form import Clause, Gap, Phrase, Tense
from umt.corpus.synthetic.noun_phrases import DiscourseEntities
from umt.corpus.synthetic.preferences import Matrix, Preferences

TIMES: dict[Tense, tuple[str, float]] = {
    "past": ("past", 0.4),
    "was doing": ("past", 0.3),
    "present": ("present", 0.3),
    "progressive": ("progressive", 0.25),
    "future": ("future", 0.5),
    "must": ("future", 0.15),
    "should": ("future", 0.1),
}
"""Which times go with a tense, and how often one is told."""
GAPS: tuple[Gap, Gap] = ("subject", "object")
FIRM = frozenset({"the", "this", "that", "owner"})


class Events:
    """Draws events about ``topic`` with the entities of ``cast``."""

    def __init__(self, knowledge: Preferences, random: Random) -> None:
        self.world, self.random = knowledge, random
        self.vocabulary, self.topic = knowledge.vocabulary, 0
        self.cast = DiscourseEntities(knowledge, random)
        self.fillers = {
            role: matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1e-12)
            for role, matrix in knowledge.roles.items()
        }
        self.fitting = {
            role: [frozenset(np.flatnonzero(row).tolist()) for row in matrix]
            for role, matrix in self.fillers.items()
        }
        places = {"building", "room", "outdoor", "City", "Country"}
        self.spatial = [bool(places & set(verb.objects)) for verb in self.vocabulary.verbs]
        verbs = self.vocabulary.verbs
        self.objective = np.array([float(verb.frame == "object" and not verb.coverb) for verb in verbs])
        self.active = np.array(
            [
                float(
                    v.frame in ("none", "object") and bool(v.tags & {"a", "v", "s"}) and "here" not in v.tags
                )
                for v in verbs
            ]
        )

    def draw(self, key: tuple[str | int, ...], weights: Callable[[], Matrix]) -> int:
        """`Preferences.draw`."""
        return self.world.draw(key, weights, self.random)

    def function_word(self, kind: str, companion: int) -> int:
        """The place of a word of a closed class, as the companion likes them."""
        return self.draw((kind, companion), lambda: self.world.function_words[kind][companion])

    def argument(self, role: str, verb: int, tense: Tense) -> Phrase | None:
        """A filler for a role: an entity that was mentioned, or a new one."""
        fits = self.fillers[role][verb]
        known = self.cast.recall(self.fitting[role][verb], role)
        if known is not None:
            return known

        def weights() -> Matrix:
            return np.asarray(fits * self.world.about[self.topic])

        noun = self.draw((role, verb, self.topic), weights)
        return None if noun < 0 else self.cast.phrase(noun, role, tense)

    def event(
        self, verb: int, tense: Tense, roles: dict[str, Phrase] | None = None, inner: bool = False
    ) -> Clause | None:
        """An event with its arguments, place, time and manner; ``inner`` events are plain."""
        parts, entry = roles or {}, self.vocabulary.verbs[verb]
        if inner and (entry.frame in ("clause", "infinitive") or "here" in entry.tags):
            return None
        if "state" in entry.tags and tense not in ("past", "infinitive"):
            tense = "past" if tense in ("was doing", "perfect", "experience") else "present"
        if tense in ("can", "must", "should") and not entry.tags & {"a", "v", "s"}:
            tense = "present"
        if "point" in entry.tags and tense in ("progressive", "was doing"):
            tense = "past" if tense == "was doing" else "future"
        subject = parts.get("subject") or self.argument("subject", verb, tense)
        if subject is None:
            return None
        if tense in ("must", "should") and subject.noun not in self.world.people:
            tense = "future"
        clause = Clause(verb, subject, tense=tense)
        if entry.frame in ("object", "receiver", "location"):
            clause.object = parts.get("object") or self.argument("object", verb, tense)
            if clause.object is None or (
                clause.object.noun == subject.noun and entry.tags.isdisjoint({"human"})
            ):
                return None
        if entry.frame in ("receiver", "location"):
            role = "other" if entry.frame == "receiver" else "location"
            clause.other = parts.get("other") or self.argument("other", verb, tense)
            if clause.other is None or clause.other.noun in (
                subject.noun,
                clause.object.noun if clause.object else -1,
            ):
                return None
            if role == "location" and clause.other.determiner != "pronoun":
                clause.other.determiner, clause.other.number = "the", 1
        if entry.frame == "clause":
            clause.complement = self.within(tense)
        elif entry.frame == "infinitive":
            clause.complement = self.task(subject)
        if entry.frame in ("clause", "infinitive") and clause.complement is None:
            return None
        if not inner:
            self.embellish(clause)
            if self.random.random() < 0.2:
                self.relate(clause)
        return clause

    def relate(self, clause: Clause) -> None:
        """Say more about one of the arguments in a relative clause."""
        phrase = clause.object if clause.object is not None and self.random.random() < 0.6 else clause.subject
        if (
            phrase is None
            or phrase.determiner not in ("a", "the", "many", "some", "number")
            or phrase.adjectives
        ):
            return
        gap: Gap = self.random.choice(GAPS)
        weight = self.world.verb_weights[self.topic]

        def weights() -> Matrix:
            return np.asarray(weight * self.fillers[gap][:, phrase.noun] * self.objective)

        verb = self.draw(("relative", gap, self.topic, phrase.noun), weights)
        if verb < 0 or verb == clause.verb:
            return
        inner = self.event(verb, self.random.choice(("past", "past", "present")), {gap: phrase}, inner=True)
        if inner is not None and (gap == "subject" or inner.subject is not phrase):
            phrase.relative, phrase.gap = inner, gap

    def within(self, tense: Tense) -> Clause | None:
        """What is said, thought or known."""
        verb = self.draw(("verb", self.topic), lambda: self.world.verb_weights[self.topic])
        when: Tense = "past" if tense == "past" else self.random.choice(("present", "future", "past"))
        return self.event(verb, when, inner=True)

    def task(self, subject: Phrase) -> Clause | None:
        """What the subject wants, tries or begins to do."""

        def weights() -> Matrix:
            return np.asarray(
                self.active * self.fillers["subject"][:, subject.noun] * self.world.verb_weights[self.topic]
            )

        verb = self.draw(("task", subject.noun, self.topic), weights)
        return None if verb < 0 else self.event(verb, "infinitive", {"subject": subject}, inner=True)

    def placeable(self, clause: Clause) -> bool:
        """May a place be added? To what is done or moves, unless the verb names a place itself."""
        tags = self.vocabulary.verbs[clause.verb].tags
        moves = tags & {"to"} or self.vocabulary.verbs[clause.verb].frame in (
            "location",
            "clause",
            "infinitive",
        )
        return clause.verb >= 0 and bool(tags & {"a", "v", "s"}) and not moves

    def embellish(self, clause: Clause) -> None:
        """Adverb, frequency, place, time, negation and voice."""
        random, verb, tense = self.random, clause.verb, clause.tense
        entry = self.vocabulary.verbs[verb]
        if "here" in entry.tags or (
            random.random() < 0.5 and self.placeable(clause) and not self.spatial[verb]
        ):

            def weights() -> Matrix:
                return np.asarray(self.world.places[verb] * self.world.about[self.topic])

            place = self.draw(("place", verb, self.topic), weights)
            taken = {phrase.noun for phrase in (clause.subject, clause.object) if phrase is not None}
            if place >= 0 and place not in taken:
                clause.place = self.cast.phrase(place, "place", tense)
        if random.random() < 0.25:
            clause.adverb = self.draw(("manner", verb), lambda: self.world.manners[verb])
            plural = clause.subject is not None and clause.subject.number != 1
            if (
                clause.adverb >= 0
                and "plural" in self.vocabulary.words["adverb"][clause.adverb].tags
                and not plural
            ):
                clause.adverb = -1
        group, share = TIMES.get(tense, ("", 0.0))
        if random.random() < share and "state" not in entry.tags:
            clause.time = (
                group,
                self.draw((group, verb), lambda: self.world.times[group][verb]),
            )
        if tense == "perfect":
            clause.frequency = self.function_word("perfect", verb)
        if tense == "present" and clause.time is None and random.random() < 0.3:
            clause.frequency = self.function_word("frequency", verb)
        elif (
            tense in ("past", "present", "future", "can", "should")
            and random.random() < 0.09
            and clause.adverb < 0
        ):
            clause.negative = True
        elif (
            tense in ("past", "perfect", "future")
            and clause.object is not None
            and clause.object.determiner in FIRM
        ):
            if "bei" in entry.tags and random.random() < 0.35 and clause.object.determiner != "pronoun":
                clause.voice = "passive"
            elif "ba" in entry.tags and tense != "future" and random.random() < 0.6:
                clause.voice = "disposal"

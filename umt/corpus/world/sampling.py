"""Documents: a topic, entities that come back, and events about them, drawn from the world's preferences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

import numpy as np

from umt.corpus.world.events import Events
from umt.corpus.world.knowledge import ELSEWHERE, Knowledge, Table, table
from umt.corpus.world.meaning import Clause, Phrase, Sentence, Tense

MOODS: dict[str, tuple[float, list[Tense], list[float]]] = {
    "story": (0.55, ["past", "perfect", "was doing", "experience", "future", "can"], [66, 12, 10, 5, 4, 3]),
    "habit": (0.30, ["present", "progressive", "can", "should", "must", "perfect"], [60, 18, 8, 6, 5, 3]),
    "plan": (0.15, ["future", "must", "should", "can", "present", "progressive"], [46, 14, 14, 10, 6, 10]),
}
JOINTS = ["because", "although", "but", "so", "and", "when", "after", "before", "if"]
FURNISHED = "kitchenware household document stationery food fruit device artwork tool toy jewelry sportgear".split()
HOUSED = "person animal bird furniture vehicle plant machine structure insect device weapon".split()
OWNED = "animal vehicle clothing jewelry device instrument document kitchenware household furniture software bird sportgear".split()


class Sampler(Events):
    """Draws the documents of one speaker.

    accepts: may this sentence be said? Sentences are drawn again until it answers yes.
    topics: (topics,) the share of documents about each topic.
    """

    def __init__(
        self, knowledge: Knowledge, topics: Sequence[float], random: Random, accepts: Callable[[Sentence], bool]
    ) -> None:
        super().__init__(knowledge, random)
        self.accepts = accepts
        self.topics = table(np.asarray(topics, dtype=np.float64))
        self.mood = MOODS["story"]
        self.stated = np.array(["only" not in adjective.tags for adjective in self.vocabulary.adjectives])
        self.gradable = [not adjective.tags & {"fixed", "only"} for adjective in self.vocabulary.adjectives]

    def documents(self) -> Iterator[list[Sentence]]:
        """Documents without end, 5 to 12 sentences each."""
        while True:
            self.topic = self.draw(self.topics)
            self.mood = self.random.choices(list(MOODS.values()), [mood[0] for mood in MOODS.values()])[0]
            self.cast.begin()
            yield [self.acceptable() for _ in range(self.random.randint(5, 12))]

    def acceptable(self) -> Sentence:
        """A sentence that `accepts` lets pass."""
        while True:
            mark = self.cast.mark()
            sentence = self.sentence()
            if sentence is not None and self.accepts(sentence):
                return sentence
            self.cast.reset(mark)

    def sentence(self) -> Sentence | None:
        """A sentence about a word of the topic; None when the word found no company."""
        chance, self.cast.content = self.random.random(), []
        tense = self.random.choices(self.mood[1], self.mood[2])[0]
        clause = self.about_something(tense)
        if clause is None:
            return None
        sentence = Sentence(clause, content=self.cast.content)
        if chance < 0.28 and clause.verb != -2:
            self.join(sentence, tense)
        elif chance < 0.36 and clause.verb > -2 and clause.voice == "active":
            self.ask(clause)
        elif chance < 0.39 and clause.verb >= 0 and self.commands(clause):
            sentence.imperative, clause.voice = True, "active"
            clause.tense, clause.time, clause.frequency, clause.negative, clause.adverb = "present", None, -1, False, -1
        elif chance < 0.44:
            suits = lambda: self.world.times["opening"][0] * [clause.tense in word.tags for word in self.vocabulary.words["opening"]]
            sentence.opening = self.draw(self.cached(("opening", clause.tense), suits))
            if sentence.opening >= 0:
                sentence.content.append(50000 + sentence.opening)
        return sentence

    def about_something(self, tense: Tense) -> Clause | None:
        """A clause around a noun, a verb or an adjective of the topic."""
        chance, topic = self.random.random(), self.topic
        about = self.world.about[topic]
        if chance < 0.6:
            even = self.random.random() < 0.6
            weights = lambda: (about > 0.9) * (self.world.frequency > 0) if even else about * self.world.frequency
            return self.around(self.draw(self.cached(("seed", topic, even), weights)), tense)
        if chance < 0.82:
            verb = self.draw(self.cached(("verb", topic), lambda: self.world.verb_weights[topic]))
            return self.event(verb, tense)
        qualities = self.world.qualities
        share = lambda: (qualities @ about) / np.maximum(qualities.sum(axis=1), 1e-12) * (qualities.sum(axis=1) > 0)
        quality = self.draw(self.cached(("quality", topic), lambda: np.asarray(share())))
        noun = self.draw(self.cached(("described", topic, quality), lambda: qualities[quality] * about))
        self.cast.content.append(20000 + quality)
        if self.random.random() < 0.4 and "only" not in self.vocabulary.adjectives[quality].tags:
            return self.description(noun, quality, tense)
        return self.around(noun, tense, (quality,))

    def around(self, noun: int, tense: Tense, qualities: tuple[int, ...] = ()) -> Clause | None:
        """A clause in which ``noun`` plays a part it can play."""
        if noun < 0:
            return None
        category, chance = self.vocabulary.nouns[noun].category, self.random.random()
        if chance < 0.08 and category in FURNISHED + HOUSED:
            clause = self.existence(noun, tense)
            if clause is not None:
                return clause
        elif chance < 0.13 and category in OWNED:
            return self.possession(noun, tense)
        elif chance < 0.25 and not qualities:
            quality = self.predicate(noun)
            if quality >= 0:
                self.cast.content.append(20000 + quality)
                return self.description(noun, quality, tense)
        verbs = len(self.vocabulary.verbs)
        weight = self.world.verb_weights[self.topic]
        stacked = lambda: np.concatenate(
            [weight * self.fillers["subject"][:, noun], weight * self.fillers["object"][:, noun] * 1.5,
             weight * self.fillers["other"][:, noun] * 1.5]
        )  # fmt: skip
        part = self.draw(self.cached(("part", self.topic, noun), stacked))
        if part < 0:
            return self.setting(noun, tense)
        role = ("subject", "object", "other")[part // verbs]
        return self.event(part % verbs, tense, {role: self.cast.phrase(noun, role, tense, qualities)})

    def setting(self, noun: int, tense: Tense) -> Clause | None:
        """A noun that no verb takes: a place where something happens, or something described."""
        if self.vocabulary.nouns[noun].place and self.random.random() < 0.6:
            verb = self.draw(self.cached(("verb", self.topic), lambda: self.world.verb_weights[self.topic]))
            clause = self.event(verb, tense)
            if clause is not None and clause.place is None and self.placeable(clause):
                clause.place = self.cast.phrase(noun, "place", tense)
                return clause
        quality = self.predicate(noun)
        if quality < 0:
            return None
        self.cast.content.append(20000 + quality)
        return self.description(noun, quality, tense)

    def predicate(self, noun: int) -> int:
        """An adjective that can be said of a noun with "is"."""
        return self.draw(self.cached(("predicate", noun), lambda: self.world.qualities[:, noun] * self.stated))

    def description(self, noun: int, quality: int, tense: Tense) -> Clause | None:
        """The noun is so, or more so than another of its class."""
        if noun < 0:
            return None
        when: Tense = "past" if tense in ("past", "was doing", "perfect", "experience") else "present"
        clause = Clause(-1, self.cast.phrase(noun, "described", when), tense=when, quality=quality)
        nouns = self.vocabulary.nouns
        if self.gradable[quality] and self.random.random() < 0.4:
            kin = self.world.allowed((nouns[noun].category,))
            about = self.world.about[self.topic]
            weights = lambda: kin * self.world.qualities[quality] * np.maximum(about, 5 * ELSEWHERE)
            other = self.draw(self.cached(("standard", quality, nouns[noun].category, self.topic), weights))
            if other >= 0 and other != noun:
                clause.standard = self.cast.phrase(other, "standard", when)
                return clause
        clause.negative = self.random.random() < 0.1
        if self.gradable[quality] and not clause.negative and self.random.random() < 0.6:
            clause.degree = self.random.randrange(len(self.vocabulary.words["degree"]))
        return clause

    def existence(self, noun: int, tense: Tense) -> Clause | None:
        """There is a noun somewhere."""
        nouns = self.vocabulary.nouns
        kinds = ("furniture",) if nouns[noun].category in FURNISHED else ("outdoor", "building", "room")
        able = self.world.allowed(kinds) * np.array([bool(other.place) for other in nouns])
        weights = lambda: able * self.world.companions[noun] * self.world.about[self.topic]
        place = self.draw(self.cached(("where", noun, self.topic), weights))
        if place < 0 or self.world.about[self.topic, place] < 0.1:
            return None
        when: Tense = "past" if tense in ("past", "was doing") else "present"
        return Clause(-2, self.cast.phrase(noun, "exists", when), tense=when, place=self.cast.phrase(place, "place", when))

    def possession(self, noun: int, tense: Tense) -> Clause:
        """Somebody has a noun."""
        weights = lambda: self.world.allowed(("person", "family", "name")) * self.world.companions[noun] * self.world.about[self.topic]
        owner = self.draw(self.cached(("owner", noun, self.topic), weights))
        when: Tense = "past" if tense in ("past", "was doing") else "present"
        subject = self.cast.phrase(owner, "subject", when)
        return Clause(-3, subject, self.cast.phrase(noun, "has", when), tense=when)


    def commands(self, clause: Clause) -> bool:
        """Can it be asked of the listener?"""
        entry = self.vocabulary.verbs[clause.verb]
        subject = clause.subject
        return "a" in entry.tags and clause.voice != "passive" and subject is not None and subject.noun in self.world.people

    def ask(self, clause: Clause) -> None:
        """Turn a clause into a question about its truth or one of its parts."""
        entry = self.vocabulary.verbs[clause.verb] if clause.verb >= 0 else None
        clause.voice, subject = "active", clause.subject
        if subject is not None and subject.determiner in ("many", "some", "every", "a"):
            subject.determiner, subject.number = "the", 1
        if entry is None or entry.frame not in ("none", "object") or clause.negative or self.random.random() < 0.5:
            clause.asked, clause.negative = "truth", False
            return
        if clause.tense in ("perfect", "experience"):
            clause.tense = "past"
        choices = ["reason"]
        if subject is not None and subject.noun in self.world.people:
            choices.append("subject")
        if clause.object is not None and clause.object.noun not in self.world.people and not self.spatial[clause.verb]:
            choices.append("object")
        if clause.place is None and self.placeable(clause) and not self.spatial[clause.verb]:
            choices.append("place")
        if clause.time is None and clause.tense in ("past", "future"):
            choices.append("time")
        asked = self.random.choice(choices)
        clause.frequency = -1
        if asked in ("subject", "object"):
            part = clause.subject if asked == "subject" else clause.object
            if part is not None and part.noun in self.cast.content:
                self.cast.content.remove(part.noun)
        clause.asked = asked  # type: ignore[assignment]

    def join(self, sentence: Sentence, tense: Tense) -> None:
        """Add a second clause, often about the same subject."""
        first = sentence.clause
        joint = self.random.choice(JOINTS if first.verb >= 0 else JOINTS[:4])
        tense = first.tense if tense not in ("can", "must", "should", "experience") else "present"
        when: Tense = tense if joint not in ("when", "after", "before") or tense in ("past", "present") else "past"
        if joint in ("when", "after", "before", "if"):
            first.tense = "present" if joint == "if" or when == "present" else "past"
            first.time, when = None, self.random.choice(("future", "can", "should")) if joint == "if" else when
            first.frequency = -1
            if joint != "if":
                first.negative = False
        second, subject = None, first.subject
        if subject is not None and subject.noun >= 0 and subject.determiner != "every" and first.voice == "active" and self.random.random() < 0.75:
            verb = self.draw(self.follow(subject.noun))
            if verb >= 0:
                again = Phrase(subject.noun, "pronoun", subject.number, pronoun=self.cast.pronoun(subject))
                second = self.event(verb, when, {"subject": again}, inner=True)
        else:
            verb = self.draw(self.cached(("verb", self.topic), lambda: self.world.verb_weights[self.topic]))
            second = self.event(verb, when, inner=True)
        if second is not None and second.verb != first.verb:
            sentence.joint, sentence.second = joint, second

    def follow(self, noun: int) -> Table:
        """What somebody does next."""
        weights = lambda: self.fillers["subject"][:, noun] * self.world.verb_weights[self.topic]
        return self.cached(("follow", noun, self.topic), weights)

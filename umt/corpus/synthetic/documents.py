"""Documents: a topic, entities that come back, and events about them, drawn from the world's preferences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

import numpy as np

from umt.corpus.synthetic.logical_form import Asked, Clause, Phrase, Sentence, Tense
from umt.corpus.synthetic.preferences import JOINTS, Matrix, Preferences
from umt.corpus.synthetic.statements import Statements

MOODS: list[tuple[float, dict[Tense, int]]] = [
    (0.55, {"past": 60, "perfect": 14, "was doing": 14, "experience": 5, "future": 4, "can": 3}),
    (0.30, {"present": 58, "progressive": 20, "can": 8, "should": 6, "must": 5, "perfect": 3}),
    (0.15, {"future": 46, "must": 14, "should": 14, "can": 10, "progressive": 10, "present": 6}),
]
"""Stories, habits and plans: their shares of the documents and their tenses in per cent."""


class Sampler(Statements):
    """Draws the documents of one speaker.

    accepts: may this sentence be said? Sentences are drawn again until it answers yes.
    topics: (topics,) the share of documents about each topic.
    """

    def __init__(
        self,
        knowledge: Preferences,
        topics: Sequence[float],
        random: Random,
        accepts: Callable[[Sentence], bool],
    ) -> None:
        super().__init__(knowledge, random)
        self.accepts = accepts
        self.topics = topics
        self.moods = [[tense for tense, share in tenses.items() for _ in range(share)] for _, tenses in MOODS]
        self.mood = self.moods[0]

    def documents(self) -> Iterator[list[Sentence]]:
        """Documents without end, 5 to 12 sentences each."""
        while True:
            self.topic = self.random.choices(range(len(self.topics)), self.topics)[0]
            self.mood = self.random.choices(self.moods, [share for share, _ in MOODS])[0]
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
        chance = self.random.random()
        tense = self.random.choice(self.mood)
        clause = self.about_something(tense)
        if clause is None:
            return None
        sentence = Sentence(clause)
        if chance < 0.36 and clause.verb != -2:
            self.join(sentence, tense)
        elif chance < 0.43 and clause.verb > -2 and clause.voice == "active":
            self.ask(clause)
        elif chance < 0.46 and clause.verb >= 0 and self.commands(clause):
            sentence.imperative, clause.voice = True, "active"
            clause.tense, clause.time, clause.negative = "present", None, False
            clause.frequency = clause.adverb = -1
        elif chance < 0.5:

            def suits() -> Matrix:
                return np.asarray(
                    self.world.times["opening"][0]
                    * [clause.tense in word.tags for word in self.vocabulary.words["opening"]]
                )

            sentence.opening = self.draw(("opening", clause.tense), suits)
        return sentence

    def commands(self, clause: Clause) -> bool:
        """Can it be asked of the listener?"""
        entry = self.vocabulary.verbs[clause.verb]
        subject = clause.subject
        return (
            "a" in entry.tags
            and clause.voice != "passive"
            and subject is not None
            and subject.noun in self.world.people
        )

    def ask(self, clause: Clause) -> None:
        """Turn a clause into a question about its truth or one of its parts."""
        entry = self.vocabulary.verbs[clause.verb] if clause.verb >= 0 else None
        clause.voice, subject = "active", clause.subject
        if subject is not None and subject.determiner in ("many", "some", "every", "a"):
            subject.determiner, subject.number = "the", 1
        if (
            entry is None
            or entry.frame not in ("none", "object")
            or clause.negative
            or self.random.random() < 0.5
        ):
            clause.question, clause.negative = "truth", False
            return
        if clause.tense in ("perfect", "experience"):
            clause.tense = "past"
        choices: list[Asked] = ["reason"]
        if subject is not None and subject.noun in self.world.people:
            choices.append("subject")
        if (
            clause.object is not None
            and clause.object.noun not in self.world.people
            and not self.spatial[clause.verb]
        ):
            choices.append("object")
        if clause.place is None and self.placeable(clause) and not self.spatial[clause.verb]:
            choices.append("place")
        if clause.time is None and clause.tense in ("past", "future"):
            choices.append("time")
        clause.question, clause.frequency = self.random.choice(choices), -1

    def join(self, sentence: Sentence, tense: Tense) -> None:
        """Add a second clause, often about the same subject."""
        first = sentence.clause
        joint = list(JOINTS)[self.draw(("joint", first.verb), lambda: self.joints(first.verb))]
        tense = first.tense if tense not in ("can", "must", "should", "experience") else "present"
        when: Tense = (
            tense if joint not in ("when", "after", "before") or tense in ("past", "present") else "past"
        )
        if joint in ("when", "after", "before", "if"):
            first.tense = "present" if joint == "if" or when == "present" else "past"
            first.time, when = (
                None,
                self.random.choice(("future", "can", "should")) if joint == "if" else when,
            )
            first.frequency = -1
            if joint != "if":
                first.negative = False
        second, subject = None, first.subject
        if (
            subject is not None
            and subject.noun >= 0
            and subject.determiner != "every"
            and first.voice == "active"
            and self.random.random() < 0.75
        ):
            verb = self.follow(subject.noun)
            if verb >= 0:
                again = Phrase(subject.noun, "pronoun", subject.number, pronoun=self.cast.pronoun(subject))
                second = self.event(verb, when, {"subject": again}, inner=True)
        else:
            verb = self.draw(("verb", self.topic), lambda: self.world.verb_weights[self.topic])
            second = self.event(verb, when, inner=True)
        if second is not None and second.verb != first.verb:
            sentence.joint, sentence.second = joint, second

    def joints(self, verb: int) -> Matrix:
        """What joins a clause to the next."""
        timeless = np.array([joint in ("because", "although", "but", "so") for joint in JOINTS])
        return np.asarray(self.world.function_words["joint"][verb] * (timeless if verb < 0 else 1))

    def follow(self, noun: int) -> int:
        """The verb of what somebody does next."""

        def weights() -> Matrix:
            return np.asarray(self.fillers["subject"][:, noun] * self.world.verb_weights[self.topic])

        return self.draw(("follow", noun, self.topic), weights)

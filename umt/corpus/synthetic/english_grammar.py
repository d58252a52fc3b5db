"""An English grammar: puts a meaning into English words."""

from __future__ import annotations

from random import Random

from umt.corpus.synthetic.concepts import ON, ConceptLexicon
from umt.corpus.synthetic.english_forms import article
from umt.corpus.synthetic.logical_form import Clause, Phrase, Sentence, Tense

NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 10: "ten", 20: "twenty", 100: "a hundred"}
CASES = {
    "he": ("he", "him", "his"),
    "she": ("she", "her", "her"),
    "it": ("it", "it", "its"),
    "they": ("they", "them", "their"),
    "I": ("I", "me", "my"),
    "you": ("you", "you", "your"),
    "we": ("we", "us", "our"),
}
MODALS: dict[Tense, tuple[str, str]] = {
    "future": ("will", "won't"),
    "can": ("can", "can't"),
    "must": ("must", "mustn't"),
    "should": ("should", "shouldn't"),
}
Group = tuple[list[str], list[str]]
"""The first auxiliary (which a question puts before the subject) and the rest of the verb group."""


class English:
    """Realises sentences; every call may choose other synonyms and another order, as ``random`` says."""

    def __init__(self, vocabulary: ConceptLexicon, random: Random) -> None:
        self.vocabulary, self.random = vocabulary, random
        self.pairs = [
            n.english == n.plurals
            and n.english[0].endswith("s")
            and not n.proper
            and n.english[0] != "species"
            for n in vocabulary.nouns
        ]

    def sentence(self, sentence: Sentence) -> list[str]:
        """Words and punctuation marks of a sentence, capitalised."""
        clause, second, joint = sentence.clause, sentence.second, sentence.joint
        mark = "?" if clause.question else "."
        if sentence.imperative:
            words = self.predicate(clause, [], ([], [self.verb_forms(clause)[0]]))
            words = ["please", *words] if self.random.random() < 0.6 else words
        elif second is None:
            words = (
                self.question(clause)
                if clause.question
                else self.clause(clause, fronting=sentence.opening < 0)
            )
        elif joint in ("although", "when", "after", "before", "if"):
            words = [joint, *self.clause(clause), ",", *self.clause(second)]
            known = second.subject is not None and second.subject.determiner == "pronoun"
            if not known and self.random.random() < 0.4:
                words = [*self.clause(second), joint, *self.clause(clause)]
        elif joint == "because":
            words = [*self.clause(clause), "because", *self.clause(second)]
        else:
            words = [*self.clause(clause), ",", joint, *self.clause(second)]
        if sentence.opening >= 0:
            words = [*self.vocabulary.words["opening"][sentence.opening].english, ",", *words]
        return [words[0][0].upper() + words[0][1:], *words[1:], mark]

    def choose(self, options: tuple[str, ...]) -> int:
        return (
            0 if len(options) == 1 or self.random.random() < 0.5 else self.random.randrange(1, len(options))
        )

    def phrase(self, phrase: Phrase, case: int = 0) -> list[str]:
        """The words of a noun phrase; ``case`` 0 subject, 1 object, 2 possessive."""
        if phrase.determiner == "pronoun":
            return [CASES[phrase.pronoun][case]]
        entry = self.vocabulary.nouns[phrase.noun]
        pair = self.pairs[phrase.noun]
        several = (phrase.number != 1 or pair) and not entry.mass
        synonym = self.choose(entry.english)
        head = (entry.plurals if several else entry.english)[synonym]
        words = []
        for adjective in phrase.adjectives:
            forms = self.vocabulary.adjectives[adjective].english
            words.append(forms[self.random.randrange(len(forms))][0])
        words.append(head)
        determiner, of = phrase.determiner, []
        if determiner == "a":
            words.insert(0, "some" if pair or entry.mass else article(words[0]))
        elif determiner in ("this", "that"):
            words.insert(0, {"this": "these", "that": "those"}[determiner] if several else determiner)
        elif determiner == "many":
            words[:0] = [["many"], ["many"], ["a", "lot", "of"]][self.random.randrange(3)]
        elif determiner == "some":
            words.insert(0, self.random.choice(("some", "some", "several")))
        elif determiner in ("the", "every"):
            words.insert(0, determiner)
        elif determiner == "number":
            words[:0] = NUMBERS[phrase.number].split()
        elif determiner == "owner" and phrase.owner is not None:
            whole = phrase.owner
            if whole.determiner == "pronoun":
                words.insert(0, CASES[whole.pronoun][2])
            elif self.vocabulary.nouns[whole.noun].category in ("person", "name", "family", "animal", "bird"):
                *rest, last = self.phrase(whole)
                words[:0] = [*rest, f"{last}'" if whole.number != 1 and last.endswith("s") else f"{last}'s"]
            else:
                words.insert(0, "the")
                of = ["of", *self.phrase(whole)]
        words += of
        if phrase.relative is not None:
            words += self.relative(phrase, entry.category in ("person", "family"))
        if case == 2:
            words[-1] += "'s"
        return words

    def relative(self, phrase: Phrase, human: bool) -> list[str]:
        """A relative clause after its noun."""
        clause = phrase.relative
        if clause is None:
            return []
        link = "who" if human and (phrase.gap == "subject" or self.random.random() < 0.3) else "that"
        if phrase.gap == "subject":
            return [link, *self.predicate(clause, [], self.verb_group(clause, self.singular(phrase)))]
        if clause.subject is None:
            return []
        subject = self.phrase(clause.subject)
        return [
            link,
            *self.predicate(
                clause, subject, self.verb_group(clause, self.singular(clause.subject)), gap=True
            ),
        ]

    def singular(self, phrase: Phrase | None) -> bool:
        """Does the verb take its third person singular?"""
        if phrase is None:
            return True
        if phrase.determiner == "pronoun":
            return phrase.pronoun in ("he", "she", "it")
        entry = self.vocabulary.nouns[phrase.noun]
        if entry.mass:
            return entry.english[0] != "police" and entry.plurals != entry.english
        return phrase.number == 1 and not self.pairs[phrase.noun]

    def verb_forms(self, clause: Clause) -> tuple[str, str, str, str, str]:
        choices = self.vocabulary.verbs[clause.verb].english
        return choices[0] if len(choices) == 1 or self.random.random() < 0.6 else choices[1]

    def verb_group(self, clause: Clause, singular: bool, asked: bool = False) -> Group:
        """The verb group of a clause. Asked clauses always have an auxiliary."""
        tense, negative = clause.tense, clause.negative
        short = self.random.random() < 0.5
        if clause.verb < 0:
            be = ("was" if singular else "were") if tense == "past" else ("is" if singular else "are")
            if clause.verb == -3:
                have = "had" if tense == "past" else ("has" if singular else "have")
                return (
                    (["did" if tense == "past" else "does" if singular else "do"], ["have"])
                    if asked
                    else ([], [have])
                )
            return [be], ["not"] if negative else []
        base, third, past, participle, gerund = self.verb_forms(clause)
        passive = clause.voice == "passive"
        main = [participle] if passive else [base]
        if tense in MODALS:
            plain, contracted = MODALS[tense]
            denied = [contracted] if short else ["cannot"] if tense == "can" else [plain, "not"]
            helper = denied if negative else [plain]
            return helper[:1], [*helper[1:], *(["be"] if passive else []), *main]
        if tense == "infinitive":
            return ["to"], main
        if tense in ("progressive", "was doing"):
            now = tense == "progressive"
            return [("is" if now else "was") if singular else ("are" if now else "were")], [gerund]
        if tense in ("perfect", "experience"):
            return ["has" if singular else "have"], [*(["been"] if passive else []), participle]
        if passive:
            return ["was" if singular else "were"], [participle]
        helper_word = "did" if tense == "past" else "does" if singular else "do"
        if negative:
            return ([helper_word + "n't"], [base]) if short else ([helper_word], ["not", base])
        if asked:
            return [helper_word], [base]
        return [], [past if tense == "past" else third if singular else base]

    def clause(self, clause: Clause, fronting: bool = False) -> list[str]:
        """A statement."""
        if clause.subject is None:
            return []
        if clause.verb == -2:
            be = ("was", "were") if clause.tense == "past" else ("is", "are")
            return [
                "there",
                be[0 if self.singular(clause.subject) else 1],
                *self.phrase(clause.subject),
                *self.place(clause.place),
            ]
        time = self.time(clause)
        front = bool(time) and fronting and self.random.random() < 0.45
        passive = clause.voice == "passive" and clause.object is not None
        topic = clause.object if passive and clause.object is not None else clause.subject
        words = self.predicate(
            clause, self.phrase(topic), self.verb_group(clause, self.singular(topic)), timed=not front
        )
        return [*time, ",", *words] if front else words

    def predicate(
        self, clause: Clause, subject: list[str], group: Group, gap: bool = False, timed: bool = True
    ) -> list[str]:
        """Subject, verb group, objects, manner, place and time, in this order."""
        helper, rest = group
        words = [*subject, *helper]
        if clause.verb < 0:
            return words + rest + self.complement(clause)
        entry = self.vocabulary.verbs[clause.verb]
        adverb = list(self.vocabulary.words["adverb"][clause.adverb].english) if clause.adverb >= 0 else []
        if clause.frequency >= 0:
            kind = "perfect" if clause.tense == "perfect" else "frequency"
            words += self.vocabulary.words[kind][clause.frequency].english
        early = bool(adverb) and "plural" not in self.vocabulary.words["adverb"][clause.adverb].tags
        if (
            early
            and adverb != ["alone"]
            and self.random.random() < 0.4
            and len(rest) == 1
            and not clause.negative
        ):
            words, adverb = words + adverb, []
        if clause.tense == "experience":
            words += ["never"] if clause.negative else []
        words += rest
        if clause.voice == "passive" and clause.subject is not None:
            words += ["by", *self.phrase(clause.subject, 1)]
        elif clause.other is not None and entry.frame == "receiver" and clause.object is not None and not gap:
            thing, receiver = self.phrase(clause.object, 1), self.phrase(clause.other, 1)
            direct = self.random.random() < 0.5 and len(receiver) < 4
            words += [*receiver, *thing] if direct else [*thing, "to", *receiver]
        else:
            words += [entry.preposition] if entry.preposition else ["to"] if "to" in entry.tags else []
            if clause.object is not None and not gap and clause.question != "object":
                words += self.phrase(clause.object, 1)
            if clause.other is not None and entry.frame == "location":
                words += self.place(clause.other)
        words += adverb
        if clause.complement is not None:
            inner = clause.complement
            if inner.tense == "infinitive":
                words += self.predicate(inner, [], ([], ["to", self.verb_forms(inner)[0]]))
            else:
                words += ["that" if self.random.random() < 0.7 else "", *self.clause(inner)]
        words += self.place(clause.place)
        if clause.tense == "experience" and not clause.negative:
            words.append("before")
        return [word for word in words + (self.time(clause) if timed else []) if word]

    def complement(self, clause: Clause) -> list[str]:
        """What follows "is" or "has"."""
        if clause.verb == -3:
            return self.phrase(clause.object, 1) if clause.object is not None else []
        positive, more = self.random.choice(self.vocabulary.adjectives[clause.quality].english)
        if clause.standard is not None:
            return [*more.split(), "than", *self.phrase(clause.standard, 1)]
        degree = self.vocabulary.words["degree"][clause.degree].english if clause.degree >= 0 else ()
        return [*degree, positive]

    def place(self, phrase: Phrase | None) -> list[str]:
        """ "in the kitchen", "on the beach"."""
        if phrase is None:
            return []
        entry = self.vocabulary.nouns[phrase.noun]
        on = entry.place == "on" or (not entry.place and entry.english[0] in ON)
        return ["on" if on else "in", *self.phrase(phrase, 1)]

    def time(self, clause: Clause) -> list[str]:
        return (
            [] if clause.time is None else list(self.vocabulary.words[clause.time[0]][clause.time[1]].english)
        )

    def question(self, clause: Clause) -> list[str]:
        """A yes/no question, or one that begins with who, what, where, when or why."""
        if clause.subject is None:
            return []
        if clause.question == "subject":
            return self.predicate(clause, ["who"], self.verb_group(clause, True))
        singular = self.singular(clause.subject)
        helper, rest = self.verb_group(clause, singular, asked=True)
        first = {"object": "what", "place": "where", "time": "when", "reason": "why"}.get(clause.question)
        subject = [*helper, *self.phrase(clause.subject)]
        return ([first] if first else []) + self.predicate(clause, subject, ([], rest))


def write_english(words: list[str]) -> str:
    """Words and marks as one line of text."""
    text = " ".join(words)
    return text.replace(" ,", ",").replace(" .", ".").replace(" ?", "?").replace(" !", "!")

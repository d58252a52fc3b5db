"""A Chinese grammar: puts a meaning into Chinese words."""

from __future__ import annotations

from random import Random

from umt.corpus.synthetic.concepts import ON, PEOPLE, ConceptLexicon
from umt.corpus.synthetic.logical_form import Clause, Phrase, Sentence

NUMBERS = {2: "两", 3: "三", 4: "四", 5: "五", 6: "六", 10: "十", 20: "二十", 100: "一百"}
LONG = frozenset(
    {"书桌", "车站", "车库", "小屋", "花园", "操场", "大海", *"锅床钟锁包针网砖塔山河湖树花草藤墙路井门"}
)
"""Nouns that a segmenter takes for one word with 里 or 上; they take 里面 or 上面."""
PRONOUNS = {"he": "他", "she": "她", "it": "它", "they": "他们", "I": "我", "you": "你", "we": "我们"}
JOINTS = {
    "but": ("但是", "但", "不过"),
    "and": ("而且", "并且"),
    "so": ("所以", "因此"),
    "because": ("因为",),
}


class Chinese:
    """Realises sentences; every call may choose other synonyms and another order, as ``random`` says.

    divergence: probability that a sentence is ordered as Chinese orders it; otherwise place and time come
        last, relative clauses after their noun and question words first, as in English.
    """

    def __init__(self, vocabulary: ConceptLexicon, random: Random, divergence: float = 1.0) -> None:
        self.vocabulary, self.random, self.divergence = vocabulary, random, divergence
        self.native = True
        self.human = [noun.category in PEOPLE for noun in vocabulary.nouns]

    def sentence(self, sentence: Sentence) -> list[str]:
        """Words and punctuation marks of a sentence."""
        self.native = self.random.random() < self.divergence
        clause, second, joint = sentence.clause, sentence.second, sentence.joint
        mark = "？" if clause.question else "。"
        if sentence.imperative:
            words = ["请", *self.predicate(clause, [])]
        elif second is None:
            words = self.clause(clause)
            if clause.question == "truth":
                words.append("吗")
        elif joint == "although":
            words = [
                "虽然",
                *self.clause(clause),
                "，",
                self.random.choice(("但是", "但")),
                *self.clause(second),
            ]
        elif joint == "if":
            words = ["如果", *self.clause(clause), "，", *self.clause(second, "就")]
        elif joint in ("when", "after", "before"):
            tail = {
                "when": ["的", "时候"],
                "after": [self.random.choice(("之后", "以后"))],
                "before": ["之前"],
            }[joint]
            bare = self.clause(clause)
            if joint != "after" and "了" in bare and clause.verb >= 0:
                bare = [word for word in bare if word != "了"]
            words = [*bare, *tail, "，", *self.clause(second)]
        else:
            words = [*self.clause(clause), "，", self.random.choice(JOINTS[joint]), *self.clause(second)]
        if sentence.opening >= 0:
            words = [*self.vocabulary.words["opening"][sentence.opening].chinese[0], "，", *words]
        return [*words, mark]

    def choose(self, options: tuple[str, ...]) -> str:
        return (
            options[0] if len(options) == 1 or self.random.random() < 0.5 else self.random.choice(options[1:])
        )

    def phrase(self, phrase: Phrase) -> list[str]:
        """The words of a noun phrase: whose, how many, which, what it is like, the noun."""
        if phrase.determiner == "pronoun":
            things = phrase.pronoun == "they" and phrase.noun >= 0 and not self.human[phrase.noun]
            return ["它们" if things else PRONOUNS[phrase.pronoun]]
        entry = self.vocabulary.nouns[phrase.noun]
        words: list[str] = []
        determiner, number = phrase.determiner, phrase.number
        measure = self.choose(entry.classifiers) if entry.classifiers else "个"
        if determiner == "owner" and phrase.owner is not None:
            words = [*self.phrase(phrase.owner), "的"]
        elif determiner == "a" and entry.classifiers:
            words = [f"一{measure}"]
        elif determiner in ("this", "that"):
            if number != 1:
                words = ["这些" if determiner == "this" else "那些"]
            else:
                words = [("这" if determiner == "this" else "那") + measure]
        elif determiner == "every":
            words = [f"每{measure}"]
        elif determiner == "many":
            words = [self.random.choice(("许多", "很多", "不少"))]
        elif determiner == "some":
            words = [self.random.choice(("一些", "几" + measure)) if entry.classifiers else "一些"]
        elif determiner == "number":
            words = [NUMBERS[number] + measure]
        elif determiner == "the" and number != 1 and self.random.random() < 0.6:
            words = ["这些"]
        relative = self.relative(phrase) if phrase.relative is not None else []
        if self.native:
            words += relative
        for index in phrase.adjectives:
            adjective = self.vocabulary.adjectives[index]
            fixed = adjective.tags & {"only", "fixed"} and not adjective.linked
            words += [adjective.chinese] if fixed else [adjective.chinese, "的"]
        words.append(self.choose(entry.chinese))
        return words if self.native or not relative else [*words, "的", *relative[:-1]]

    def relative(self, phrase: Phrase) -> list[str]:
        """A relative clause with its 的, to stand before the noun."""
        clause = phrase.relative
        if clause is None:
            return []
        subject = self.phrase(clause.subject) if phrase.gap == "object" and clause.subject is not None else []
        words = self.predicate(clause, subject, gap=phrase.gap == "object")
        return [word for word in words if word != "了" or phrase.gap == "subject"] + ["的"]

    def clause(self, clause: Clause, link: str = "") -> list[str]:
        """A statement or a question (wh-words stay in place); ``link`` stands after the subject."""
        if clause.subject is None:
            return []
        if clause.verb == -2:
            place = self.place(clause.place, bare=True)
            thing = self.phrase(clause.subject)
            return [*place, "有", *thing] if self.native else ["有", *thing, "在", *place]
        subject = ["谁"] if clause.question == "subject" else self.phrase(clause.subject)
        if clause.voice == "passive" and clause.object is not None:
            subject = self.phrase(clause.object)
        every = clause.subject.determiner == "every" and clause.voice != "passive"
        return self.predicate(clause, subject, link=link or ("都" if every else ""))

    def time(self, clause: Clause) -> list[str]:
        if clause.time is None:
            return []
        return list(self.random.choice(self.vocabulary.words[clause.time[0]][clause.time[1]].chinese))

    def manner(self, clause: Clause) -> list[str]:
        if clause.adverb < 0:
            return []
        return list(self.vocabulary.words["adverb"][clause.adverb].chinese[0])

    def place(self, phrase: Phrase | None, bare: bool = False) -> list[str]:
        """在 … 里 / 上; cities take neither."""
        if phrase is None:
            return []
        entry = self.vocabulary.nouns[phrase.noun]
        on = entry.place == "on" or (not entry.place and entry.english[0] in ON)
        words = self.phrase(phrase)
        if not entry.proper:
            words.append(("上" if on else "里") + ("面" if words[-1] in LONG else ""))
        return words if bare else ["在", *words]

    def mood(self, clause: Clause, state: bool, absolute: bool) -> tuple[list[str], list[str], str]:
        """(words before the place, the same again inside, aspect particle after the verb)."""
        tense, negative, pick = clause.tense, clause.negative, self.random.choice
        if tense == "past":
            if state:
                return (["不"] if negative else []), [], ""
            return ([pick(("没有", "没"))], [], "") if negative else ([], [], "" if absolute else "了")
        if tense == "perfect":
            word = self.vocabulary.words["perfect"][max(clause.frequency, 0)].chinese[0]
            return list(word), [], "" if absolute else "了"
        if tense == "experience":
            return (["从来", "没有"] if negative else ["曾经"]), [], "" if absolute else "过"
        if tense in ("progressive", "was doing"):
            return [], ["正在"], ""
        words = {
            "future": pick(("将", "会", "会")),
            "can": pick(("能", "可以")),
            "must": "必须",
            "should": "应该",
        }
        denied = {"future": ["不会"], "can": ["不能"], "should": ["不", "应该"]}
        if tense in words:
            return denied[tense] if negative else [words[tense]], [], ""
        often = (
            self.vocabulary.words["frequency"][clause.frequency]
            if clause.frequency >= 0 and not negative
            else None
        )
        return (list(pick(often.chinese)) if often else ["不"] if negative else []), [], ""

    def predicate(self, clause: Clause, subject: list[str], gap: bool = False, link: str = "") -> list[str]:
        """Time, subject, mood, place, manner, verb, aspect, objects."""
        time, links = self.time(clause), [link] if link else []
        if clause.verb < 0:
            return [*subject, *links, *self.complement(clause)]
        entry = self.vocabulary.verbs[clause.verb]
        compound = "vo" in entry.tags and "point" not in entry.tags
        plain = entry.frame in ("clause", "infinitive") or (compound and clause.tense != "perfect")
        mood, inside, aspect = self.mood(clause, "state" in entry.tags, plain)
        if clause.tense == "infinitive":
            mood, inside, aspect = [], [], ""
        late = "here" in entry.tags
        place = [] if late else self.place(clause.place, bare=bool(inside))
        if clause.question == "place":
            place = ["在", "哪里"] if not inside else ["哪里"]
        if clause.question == "reason":
            links.append("为什么")
        if clause.question == "time":
            time = ["什么", "时候"]
        late_time = self.random.random() < 0.55 or clause.question == "time" or not subject
        before = [*subject, *time] if late_time else [*time, *subject]
        if self.native:
            words, after = [*before, *links, *mood, *inside, *place, *self.manner(clause)], []
        else:
            words = [*subject, *links, *mood, *inside]
            after = [*self.manner(clause), *(["在", *place] if inside and place else place), *time]
        return [*words, *self.core(clause, entry.frame, aspect, gap, late), *after]

    def core(self, clause: Clause, frame: str, aspect: str, gap: bool, late: bool) -> list[str]:
        """The verb with its objects, 把 and 被."""
        entry = self.vocabulary.verbs[clause.verb]
        verb, marker = entry.chinese, [aspect] if aspect else []
        thing = self.phrase(clause.object) if clause.object is not None and not gap else []
        thing = ["什么"] if clause.question == "object" else thing
        if clause.voice == "passive" and clause.subject is not None:
            return ["被", *self.phrase(clause.subject), verb, *marker]
        if frame == "location" and clause.other is not None:
            place = self.place(clause.other, bare=verb.endswith("在"))
            if gap or not self.native:
                return [verb, *marker, *thing, *place]
            return ["把", *thing, verb, *place, *([aspect] if clause.tense == "perfect" and aspect else [])]
        if frame == "receiver" and clause.other is not None:
            receiver = self.phrase(clause.other)
            if entry.coverb:
                return (
                    [entry.coverb, *receiver, verb, *marker, *thing]
                    if self.native
                    else [verb, *marker, *thing, entry.coverb, *receiver]
                )
            return [verb, *marker, *receiver, *thing] if self.native else [verb, *marker, *thing, *receiver]
        if entry.coverb:
            return [entry.coverb, *thing, verb, *marker]
        if clause.voice == "disposal":
            return ["把", *thing, verb, *marker]
        if late:
            return [verb, *self.place(clause.place, bare=verb.endswith("在"))]
        if clause.complement is not None:
            inner = clause.complement
            return [verb, *(self.predicate(inner, []) if inner.tense == "infinitive" else self.clause(inner))]
        return [verb, *marker, *thing]

    def complement(self, clause: Clause) -> list[str]:
        """What is said of the subject: an adjective, a comparison or a possession."""
        if clause.verb == -3:
            return ["有", *self.phrase(clause.object)] if clause.object is not None else []
        adjective = self.vocabulary.adjectives[clause.quality]
        word = adjective.chinese
        if "fixed" in adjective.tags:
            if adjective.linked:
                return ["不是" if clause.negative else "是", word, "的"]
            return ["没有", word] if clause.negative else [word, "了"]
        if clause.standard is not None:
            standard = self.phrase(clause.standard)
            more = [word] if len(word) == 1 else ["更", word]
            return ["比", *standard, *more] if self.native else [*more, "比", *standard]
        if clause.negative:
            return ["不太" if len(word) == 1 else "不", word]
        if clause.degree > 0 or (clause.degree == 0 and len(word) > 1):
            return [*self.vocabulary.words["degree"][clause.degree].chinese[0], word]
        return [self.random.choice(("十分", "非常")) if len(word) == 1 else "很", word]


def write_chinese(words: list[str]) -> str:
    """Words and marks as one line of text."""
    return "".join(words)

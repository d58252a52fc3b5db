"""The grammars of the generated world say what English and Chinese say."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

import pytest

from umt.corpus.synthetic.chinese_grammar import Chinese, write_chinese
from umt.corpus.synthetic.concepts import ConceptLexicon, comparative, read_vocabulary
from umt.corpus.synthetic.english_forms import article, plural, verb_forms
from umt.corpus.synthetic.english_grammar import English, write_english
from umt.corpus.synthetic.logical_form import Clause, Phrase, Sentence
from umt.corpus.synthetic.source import SyntheticWorld
from umt.types import Lang


@pytest.fixture(scope="module")
def vocabulary() -> ConceptLexicon:
    return read_vocabulary()


def noun(vocabulary: ConceptLexicon, word: str) -> int:
    return next(
        i for i, entry in enumerate(vocabulary.nouns) if word in entry.english or word in entry.chinese
    )


def verb(vocabulary: ConceptLexicon, word: str) -> int:
    return next(i for i, entry in enumerate(vocabulary.verbs) if entry.chinese == word)


def message(
    vocabulary: ConceptLexicon, sentence: Sentence, divergence: float = 1.0
) -> tuple[set[str], set[str]]:
    """All that both grammars make of a sentence."""
    random = Random(1)
    english, chinese = English(vocabulary, random), Chinese(vocabulary, random, divergence)
    return (
        {write_english(english.sentence(sentence)) for _ in range(60)},
        {write_chinese(chinese.sentence(sentence)) for _ in range(60)},
    )


def test_articles_plurals_and_forms() -> None:
    some = ("apple", "hour", "university", "umbrella", "horse", "honest", "useful", "European")
    assert [article(word) for word in some] == ["an", "an", "a", "an", "a", "an", "a", "a"]
    several = [plural(word) for word in ("city", "bus", "toy", "potato")]
    assert several == ["cities", "buses", "toys", "potatoes"]
    assert verb_forms("stop") == ("stop", "stops", "stopped", "stopped", "stopping")
    assert verb_forms("write~wrote~written") == ("write", "writes", "wrote", "written", "writing")
    more = [comparative(word) for word in ("big", "happy", "famous", "clean", "large")]
    assert more == ["bigger", "happier", "more famous", "cleaner", "larger"]
    text = " ".join(SyntheticWorld(size=4000, processes=1).sentences(Lang("en")))
    assert not re.search(r"\ba [aeio]\w+", text)
    assert not re.search(r"\ban [bcdfgjklmnpqrstvwxyz]\w+", text)
    assert not re.search(r"\b(?:many|some) (?:dog|child|man|book|city)\b", text)
    assert re.search(r"\b(?:many|some|several) children\b", text)


def test_agreement_aspect_and_negation(vocabulary: ConceptLexicon) -> None:
    dog, apple, eat = noun(vocabulary, "dog"), noun(vocabulary, "apple"), verb(vocabulary, "吃")
    one = Clause(eat, Phrase(dog, "the"), Phrase(apple, "a"), tense="present")
    many = replace(one, subject=Phrase(dog, "bare", 0))
    assert message(vocabulary, Sentence(one)) == ({"The dog eats an apple."}, {"狗吃一个苹果。"})
    assert message(vocabulary, Sentence(many))[0] == {"Dogs eat an apple."}
    past, never = replace(one, tense="past"), replace(one, tense="past", negative=True)
    assert message(vocabulary, Sentence(past)) == ({"The dog ate an apple."}, {"狗吃了一个苹果。"})
    assert message(vocabulary, Sentence(never)) == (
        {"The dog did not eat an apple.", "The dog didn't eat an apple."},
        {"狗没吃一个苹果。", "狗没有吃一个苹果。"},
    )
    assert message(vocabulary, Sentence(replace(one, tense="experience")))[1] == {"狗曾经吃过一个苹果。"}
    assert message(vocabulary, Sentence(replace(one, tense="was doing"))) == (
        {"The dog was eating an apple."},
        {"狗正在吃一个苹果。"},
    )


def test_passive_disposal_and_questions(vocabulary: ConceptLexicon) -> None:
    thief, wallet, steal = noun(vocabulary, "thief"), noun(vocabulary, "wallet"), verb(vocabulary, "偷")
    done = Clause(steal, Phrase(thief, "a"), Phrase(wallet, "the"), tense="past")
    assert message(vocabulary, Sentence(replace(done, voice="passive"))) == (
        {"The wallet was stolen by a thief."},
        {"钱包被一个小偷偷了。"},
    )
    assert message(vocabulary, Sentence(replace(done, voice="disposal")))[1] == {"一个小偷把钱包偷了。"}
    assert message(vocabulary, Sentence(replace(done, question="truth"))) == (
        {"Did a thief steal the wallet?"},
        {"一个小偷偷了钱包吗？"},
    )
    assert message(vocabulary, Sentence(replace(done, question="object"))) == (
        {"What did a thief steal?"},
        {"一个小偷偷了什么？"},
    )
    assert message(vocabulary, Sentence(replace(done, question="subject"))) == (
        {"Who stole the wallet?"},
        {"谁偷了钱包？"},
    )


def test_places_measures_and_relative_clauses_stand_where_they_belong(vocabulary: ConceptLexicon) -> None:
    boy, book, read = noun(vocabulary, "boy"), noun(vocabulary, "book"), verb(vocabulary, "读")
    room, cow, buy = noun(vocabulary, "room"), noun(vocabulary, "cow"), verb(vocabulary, "买")
    clause = Clause(
        read, Phrase(boy, "the"), Phrase(book, "number", 3), tense="past", place=Phrase(room, "the")
    )
    assert message(vocabulary, Sentence(clause)) == (
        {"The boy read three books in the room."},
        {"男孩在房间里读了三本书。"},
    )
    assert message(vocabulary, Sentence(clause), divergence=0)[1] == {"男孩读了三本书在房间里。"}
    bought = Clause(buy, Phrase(boy, "the"), None, tense="past")
    which = Phrase(book, "the", relative=bought, gap="object")
    seen = Clause(read, Phrase(noun(vocabulary, "girl"), "the"), which, tense="past")
    bought.object = which
    assert message(vocabulary, Sentence(seen)) == (
        {"The girl read the book that the boy bought."},
        {"女孩读了男孩买的书。"},
    )
    owner = Clause(-3, Phrase(noun(vocabulary, "merchant"), "the"), Phrase(cow, "number", 2))
    assert message(vocabulary, Sentence(owner)) == ({"The merchant has two cows."}, {"商人有两头奶牛。"})

"""What is true of the vocabulary: the dictionary, and which concepts cannot be told apart by their words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from zlib import crc32

from umt.corpus.synthetic.concepts import UNIQUE, ConceptLexicon, read_vocabulary

TIME_GROUPS = ("past", "present", "progressive", "future")
Entry = tuple[str, int, tuple[str, ...], tuple[str, ...]]
"""Kind, concept number, English forms, Chinese words."""


def entries(vocabulary: ConceptLexicon) -> Iterator[Entry]:
    """Every concept with all its word forms, each a single token; phrases are joined by spaces."""
    for index, noun in enumerate(vocabulary.nouns):
        kind = "name" if noun.proper else "noun"
        single = noun.mass or noun.category in ("indicator", "creature") or noun.english[0] in UNIQUE
        yield kind, index, noun.english + (() if single else noun.plurals), noun.chinese
    for index, verb in enumerate(vocabulary.verbs):
        count = 3 if verb.tags >= {"state"} and "bei" not in verb.tags else 4 if "point" in verb.tags else 5
        forms = tuple(form for group in verb.english for form in group[:count])
        yield "verb", 10000 + index, forms, (verb.chinese,)
    for index, adjective in enumerate(vocabulary.adjectives):
        # Not "bigger": Chinese says it in two words, so a dictionary of single words cannot.
        plain = tuple(positive for positive, _ in adjective.english)
        yield "adjective", 20000 + index, plain, (adjective.chinese,)
    for index, word in enumerate(vocabulary.words["adverb"]):
        yield "adverb", 30000 + index, word.english, tuple(choice[0] for choice in word.chinese)
    for group in TIME_GROUPS:
        for index, word in enumerate(vocabulary.words[group]):
            number = 40000 + len(group) * 100 + index
            yield (
                "time",
                number,
                (" ".join(word.english),),
                tuple(" ".join(choice) for choice in word.chinese),
            )
    for index, word in enumerate(vocabulary.words["opening"]):
        yield "opening", 50000 + index, word.english, tuple(" ".join(choice) for choice in word.chinese)


@cache
def merged_concepts() -> dict[int, int]:
    """concept -> the smallest of all concepts connected to it by shared words."""
    parent: dict[int, int] = {}

    def root(concept: int) -> int:
        while parent[concept] != concept:
            concept = parent[concept]
        return concept

    first: dict[str, int] = {}
    for _, concept, english, chinese in entries(read_vocabulary()):
        parent[concept] = concept
        for word in (*english, *chinese):
            one, other = root(first.setdefault(word.lower(), concept)), root(concept)
            parent[max(one, other)] = min(one, other)
    return {concept: root(concept) for concept in parent}


def content_words(vocabulary: ConceptLexicon) -> Iterator[tuple[str, int, tuple[str, ...], tuple[str, ...]]]:
    """`entries` that are one token in both languages; "on Monday" counts as its noun."""
    for kind, concept, english, chinese in entries(vocabulary):
        if kind == "time":
            words = english[0].split()
            if words[0] in ("in", "on", "at") and len(words) == 2 and words[1].isalpha():
                english = (words[1],)
        if kind == "opening" or any(" " in word for word in (*english, *chinese)):
            continue
        yield kind, concept, tuple(form.lower() for form in english), chinese


def train_or_test(word: str) -> str:
    """ "train" or "test", for a concept by its first English word."""
    return "test" if crc32(word.encode()) % 2 else "train"

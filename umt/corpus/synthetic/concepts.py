"""The words of the world in both languages: nouns, verbs, adjectives, adverbs, times; read from text files.

The three files beside this module say how an entry is written. Every entry is one concept; a concept may
have several words in a language, and a word may belong to several concepts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from umt.corpus.synthetic.english_forms import plural, verb_forms

PEOPLE = frozenset({"person", "family", "name"})
PROPER = frozenset({"name", "City", "Country"})
UNIQUE = frozenset({"sun", "moon", "sky", "earth", "universe"})
ON = frozenset({"wall", "door", "gate", "ceiling", "roof", "tree", "floor", "fence"})


@dataclass(frozen=True)
class Noun:
    """``english`` and ``plurals`` are parallel; ``classifiers`` is empty where Chinese uses none."""

    english: tuple[str, ...]
    plurals: tuple[str, ...]
    chinese: tuple[str, ...]
    category: str
    classifiers: tuple[str, ...]
    topics: frozenset[str]
    mass: bool = False
    place: str = ""
    owners: tuple[str, ...] = ()
    gender: str = ""

    @property
    def proper(self) -> bool:
        return self.category in PROPER


@dataclass(frozen=True)
class Verb:
    """``english`` holds (base, third person, past, participle, gerund) for each synonym.

    frame: "none", "object", "receiver", "location", "clause" or "infinitive".
    subjects, objects, others: names of classes and nouns; a leading minus excludes.
    """

    english: tuple[tuple[str, str, str, str, str], ...]
    preposition: str
    chinese: str
    coverb: str
    frame: str
    subjects: tuple[str, ...]
    objects: tuple[str, ...]
    others: tuple[str, ...]
    tags: frozenset[str]


@dataclass(frozen=True)
class Adjective:
    """``english`` holds (positive, comparative) for each synonym; ``chinese`` is without its 的."""

    english: tuple[tuple[str, str], ...]
    chinese: str
    linked: bool
    nouns: tuple[str, ...]
    tags: frozenset[str]


@dataclass(frozen=True)
class Word:
    """An adverb, or a time of several tokens; ``chinese`` is a choice of token sequences."""

    english: tuple[str, ...]
    chinese: tuple[tuple[str, ...], ...]
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ConceptLexicon:
    nouns: tuple[Noun, ...]
    verbs: tuple[Verb, ...]
    adjectives: tuple[Adjective, ...]
    words: dict[str, tuple[Word, ...]] = field(hash=False)
    topics: tuple[str, ...] = ()


def _lines(name: str) -> Iterator[str]:
    for line in files("umt.corpus.synthetic").joinpath(name).read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("# "):
            yield line.strip()


def _nouns() -> Iterator[Noun]:
    """The nouns of nouns.txt: lines ``= category classifiers options``, then entries of that category."""
    category, mass, place = "", False, ""
    classifiers, owners, topics = tuple[str, ...](), tuple[str, ...](), frozenset[str]()
    for line in _lines("nouns.txt"):
        if line.startswith("="):
            _, category, counted, *options = line.split()
            classifiers = () if counted == "-" else tuple(counted.split(","))
            settings = dict(option.split("=") for option in options if "=" in option)
            topics = next(frozenset(option[1:].split(",")) for option in options if option.startswith("@"))
            mass, place = "mass" in options, settings.get("place", "")
            owners = tuple(settings["owner"].split(",")) if "owner" in settings else ()
            continue
        for entry in filter(None, (part.strip() for part in line.split(";"))):
            english, chinese, *extras = entry.split()
            own = next((frozenset(extra[1:].split(",")) for extra in extras if extra.startswith("@")), topics)
            settings = dict(extra.split("=") for extra in extras if "=" in extra)
            measures = [extra for extra in extras if extra == "-" or ord(extra[0]) > 0x2E00]
            measure = measures[0] if measures else ",".join(classifiers) or "-"
            pairs = [(word + "~").split("~")[:2] for word in english.split("/")]
            yield Noun(
                english=tuple(word for word, _ in pairs),
                plurals=tuple(irregular or plural(word) for word, irregular in pairs),
                chinese=tuple(chinese.split("/")),
                category=category,
                classifiers=() if measure == "-" else tuple(measure.split(",")),
                topics=own,
                mass=mass or "mass" in extras,
                place=settings.get("place", place),
                owners=tuple(settings["owner"].split(",")) if "owner" in settings else owners,
                gender=next((extra for extra in extras if extra in ("m", "f")), ""),
            )


def _proper(category: str, line: str, gender: str) -> Iterator[Noun]:
    for entry in filter(None, (part.strip() for part in line.split(";"))):
        english, chinese = entry.split()
        place = "in" if category != "name" else ""
        topics = frozenset({"any"})
        yield Noun((english,), (english,), (chinese,), category, (), topics, place=place, gender=gender)


def _verb(line: str, sets: dict[str, str]) -> Verb:
    """A line ``english chinese | subjects | objects | tags``; sets: names for several classes of nouns."""
    head, subjects, objects, tags = (part.strip() for part in line.split("|"))
    english, chinese = head.split()
    english, _, preposition = english.partition("+")
    coverb, _, main = chinese.rpartition("+")
    frame, others = "object", ""
    if objects in ("-", "CLAUSE", "DO"):
        frame, objects = {"-": "none", "CLAUSE": "clause", "DO": "infinitive"}[objects], ""
    elif " > " in objects:
        frame, (objects, others) = "receiver", objects.split(" > ")
    elif " @ " in objects:
        frame, (objects, others) = "location", objects.split(" @ ")

    def expand(specification: str) -> tuple[str, ...]:
        for name in sorted(sets, key=len, reverse=True):
            specification = specification.replace(name, sets[name])
        return tuple(filter(None, specification.split(",")))

    return Verb(
        tuple(verb_forms(word) for word in english.split("/")), preposition, main, coverb, frame,
        expand(subjects), expand(objects), expand(others), frozenset(tags.split()),
    )  # fmt: skip


def _adjective(line: str) -> Adjective:
    head, nouns, *tags = (part.strip() for part in line.split("|"))
    english, chinese = head.split()
    pairs = [(word + "~").split("~")[:2] for word in english.split("/")]
    return Adjective(
        tuple((word, irregular or comparative(word)) for word, irregular in pairs),
        chinese.removesuffix("的"), chinese.endswith("的"), tuple(nouns.split(",")),
        frozenset(" ".join(tags).split()),
    )  # fmt: skip


def comparative(word: str) -> str:
    """The comparative of an adjective: "bigger", "happier", "more famous"."""
    if re.search(r"[aeiou][^aeiou]+[aeiou]", word.removesuffix("e")) and not word.endswith("y"):
        return f"more {word}"
    if word.endswith("y") and len(re.findall(r"[aeiouy]+", word)) > 2:
        return f"more {word}"
    if word.endswith("e"):
        return f"{word}r"
    if word.endswith("y") and word[-2] not in "aeiou":
        return f"{word[:-1]}ier"
    return f"{word}{word[-1]}er" if re.search(r"[^aeiou][aeiou][bdgmnpt]$", word) else f"{word}er"


def _word(line: str) -> Word:
    head, _, tags = line.partition("|")
    english, chinese = head.split()
    choices = (choice.split("+") for choice in chinese.split("/"))
    tokens = tuple(tuple(choice) for choice in choices)
    return Word(tuple(english.split("+")), tokens, frozenset(filter(None, tags.strip().split(","))))


@cache
def read_vocabulary() -> ConceptLexicon:
    """Read the three files beside this module (about 2,000 concepts)."""
    nouns, adjectives = list(_nouns()), []
    words: dict[str, list[Word]] = {}
    section = ""
    for line in _lines("modifiers.txt"):
        if line.startswith("=="):
            section = line.split()[1]
        elif section == "adjective":
            adjectives.append(_adjective(line))
        elif section in ("man", "woman"):
            nouns.extend(_proper("name", line, "f" if section == "woman" else "m"))
        elif section in PROPER:
            nouns.extend(_proper(section, line, ""))
        else:
            words.setdefault(section, []).extend(_word(part) for part in line.split(";") if part.strip())
    sets: dict[str, str] = {}
    verbs = []
    for line in _lines("verbs.txt"):
        if line.startswith("$"):
            name, _, members = line.partition("=")
            for known in sorted(sets, key=len, reverse=True):
                members = members.replace(known, sets[known])
            sets[name.strip()] = members.strip()
        else:
            verbs.append(_verb(line, sets))
    topics = sorted({topic for noun in nouns for topic in noun.topics} - {"any"})
    return ConceptLexicon(
        tuple(nouns), tuple(verbs), tuple(adjectives), {k: tuple(v) for k, v in words.items()}, tuple(topics)
    )

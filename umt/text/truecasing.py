"""Truecasing: lower-cased words back to the forms that a corpus writes (Lita et al. 2003, by counting)."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from umt.runtime.saved_arrays import SavedJson, strings

START = ""
"""What stands before the first word of a sentence."""
QUOTE = '"'
OPENING = "open " + QUOTE
"""A straight quotation mark that opens; one that closes stays `QUOTE`."""


@dataclass(frozen=True)
class Truecaser:
    """How a corpus capitalises.

    forms: the usual form of a word after another word, where that is not its lower-cased self.
    capitals: what a word with no capital of its own takes one after: the sentence start and some punctuation.
    stays_lower: words that stay small even there.
    """

    forms: dict[str, str]
    capitals: frozenset[str]
    stays_lower: frozenset[str]

    @classmethod
    def learn(cls, sentences: Iterable[Sequence[str]], enough: int = 20) -> Truecaser:
        """Count forms in sentences of words with their case.

        A word's usual form is the most frequent one directly after another word, where nothing but the word
        decides; after punctuation and at the start, words that are usually small show whether a capital is
        due. ``enough``: how often a place must be seen before it earns capitals.
        """
        inner: Counter[str] = Counter()
        outer: Counter[tuple[str, str]] = Counter()
        for sentence in sentences:
            for before, word in zip(_contexts(sentence), sentence, strict=True):
                if not word[:1].isalpha():
                    continue
                if before[-1:].isalnum():
                    inner[word] += 1
                else:
                    outer[before, word] += 1
        forms = _most_frequent(inner)
        for word, form in _most_frequent(Counter({w: c for (_, w), c in outer.items()})).items():
            # Never seen after a word: trust a form with an inner capital only, the rest is position.
            if form[1:] != word[1:] and len(form) > 1:
                forms.setdefault(word, form)
        places: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        starting: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        small = {word for word, form in forms.items() if form == word}
        for (before, word), count in outer.items():
            lowered = word.lower()
            if lowered in small:
                places[before][word != lowered] += count
                if before == START:
                    starting[lowered][word != lowered] += count
        return cls(
            forms={word: form for word, form in forms.items() if form != word},
            capitals=frozenset(
                before for before, (low, high) in places.items() if high > low and low + high >= enough
            ),
            stays_lower=frozenset(
                word for word, (low, high) in starting.items() if low > high and low >= enough
            ),
        )

    def restore(self, words: Sequence[str]) -> list[str]:
        """The usual forms of lower-cased words, with capitals where they are due."""
        restored = []
        for before, word in zip(_contexts(words), words, strict=True):
            form = self.forms.get(word, word)
            if (
                form == word
                and before in self.capitals
                and not (before == START and word in self.stays_lower)
            ):
                form = word[:1].upper() + word[1:]
            restored.append(form)
        return restored

    def save(self, path: Path) -> None:
        """Write JSON."""
        content = {
            "forms": self.forms,
            "capitals": sorted(self.capitals),
            "exceptions": sorted(self.stays_lower),
        }
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Truecaser:
        """Read what `save` wrote; raises BadInput when it is damaged."""
        saved = SavedJson.read(path)
        forms = saved.get("forms", dict)
        strings(path, "forms", [*forms.values()])
        return cls(forms, frozenset(saved.strings("capitals")), frozenset(saved.strings("exceptions")))


def _contexts(words: Sequence[str]) -> list[str]:
    """What stands before each word; a straight quotation mark is told to open or to close by counting."""
    contexts, before, opened = [], START, False
    for word in words:
        contexts.append(before)
        before = word
        if word == QUOTE:
            opened = not opened
            before = OPENING if opened else QUOTE
    return contexts


def _most_frequent(counts: Counter[str]) -> dict[str, str]:
    """Lower-cased word -> its most frequent form; ties go to the form that sorts first."""
    best: dict[str, str] = {}
    for form in sorted(counts):
        word = form.lower()
        if word not in best or counts[form] > counts[best[word]]:
            best[word] = form
    return best

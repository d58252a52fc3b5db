"""Documents into sentences."""

from __future__ import annotations

import regex

from umt.text.languages import is_spaced
from umt.types import Lang

_UNSPACED_CHARACTER = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")
_UNSPACED_LETTER = regex.compile(r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]")
_ABBREVIATION = regex.compile(
    r"(?:^|[\s(\"'])(?:\p{L}|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Gen|Sen|Rep|Gov|Capt|Lt|Col|vs|etc|No|Nos|Vol|Fig|cf"
    r"|[eE]\.g|[iI]\.e|M|Mme|Mlle|bzw|usw|z\.B|Nr|Abb)\.$"
)
_LONGEST_ABBREVIATION = 12
"""Characters before a full stop that may hold an abbreviation: looking no further keeps the time linear."""
_SPACED_END = regex.compile(r"(?:(?<![.!?])[.!?]++|…)[\"')\]»”’]*+(?=\s)|[。！？।॥۔؟።։]+[\"”」』）]*")
_STARTS = regex.compile(r"\s*[\"'(\[«“‘¿¡–—-]*\s?[\p{Lu}\p{Lt}\p{Lo}\p{N}]")
_UNSPACED_END = regex.compile(
    r"(?:[。！？!?။៕។]+|།(?:\s*།)*|…+)[”」』’）》\"]*|(?<=[\p{Han}\"”])\.(?=\s|$)|[;；](?=.{80})"
)


def estimated_words(line: str) -> int:
    """About how many words a line holds: spaces, and 1.6 Han characters or 4 Thai letters a word."""
    spaces = line.count(" ") + 1
    if line.isascii():
        return spaces
    letters = len(_UNSPACED_LETTER.findall(line)) / 4
    return spaces + int(len(_UNSPACED_CHARACTER.findall(line)) / 1.6 + letters)


def split_sentences(line: str, lang: Lang) -> list[str]:
    """The sentences of a document, in order; closing quotation marks stay with their sentence.

    A full stop after a title or an initial (Mr. J. Smith), or before a lower-case letter, ends nothing.
    Linear in the length of the line.
    """
    ends = _SPACED_END if is_spaced(lang) else _UNSPACED_END
    sentences, start = [], 0
    for end in ends.finditer(line):
        if ends is _SPACED_END and end.group()[0] in ".…!?":
            if not _STARTS.match(line, end.end()):
                continue
            before = max(start, end.start() - _LONGEST_ABBREVIATION)
            if end.group().startswith(".") and _ABBREVIATION.search(line, before, end.start() + 1):
                continue
        sentence = line[start : end.end()].strip()
        if sentence:
            sentences.append(sentence)
        start = end.end()
    rest = line[start:].strip()
    return [*sentences, rest] if rest else sentences

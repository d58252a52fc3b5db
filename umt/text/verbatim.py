"""What no translator changes: addresses, paths, text without a letter of the language it translates from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import regex

from umt.text.languages import is_spaced, other_script_share
from umt.text.punctuation import western_marks
from umt.types import Lang

_URL = r"[!-'*-;=?-~\p{Lu}\p{Ll}]"
_DOMAINS = "com|org|net|edu|gov|info|io|cn|uk|de|fr|jp|hk|tw|eu|example"
_PART = r"(?:[.@+-]*+[A-Za-z0-9_%]++)++"  # of a path
ADDRESS = regex.compile(
    rf"((?:(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9+.-]{{1,14}}://|www\.)"
    rf"(?:{_URL}|\({_URL}*\))*(?:[0-9/=#&%_~\p{{Lu}}\p{{Ll}}]|\({_URL}*\))"
    r"|(?<![A-Za-z0-9_.+-])(?:mailto:)?[A-Za-z0-9_.+-]++@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?:[:/][\w./-]*\w)?"
    rf"|(?<![A-Za-z0-9_.@/-])(?:[A-Za-z0-9-]{{1,63}}\.){{1,9}}(?:{_DOMAINS})(?![A-Za-z0-9]|[.-][A-Za-z0-9])"
    rf"(?:/{_URL}*[0-9/=#&%_\p{{Lu}}\p{{Ll}}])?"
    rf"|(?<![A-Za-z0-9_.@/~+-])(?:/{_PART}|~|\.\.?+)(?:/{_PART})++/?"
    rf"|(?<![A-Za-z0-9_])(?:[A-Za-z]:\\{_PART}|\\\\{_PART})(?:\\{_PART})*+"
    r"|(?<![\w.-])\d{4}-\d\d-\d\dT\d\d:\d\d[\d:.]*+(?:Z|[+-]\d\d:?\d\d)?)"
)
"""URLs with balanced brackets, e-mail and SSH addresses, hosts, paths of Unix and Windows, time stamps.

Time is linear in the text.
"""
_CLOSING, _OPENING = tuple(".,;:!?)]}"), tuple("([{")
_CAPITAL_WORD = regex.compile(r"\p{Lu}{2,}")
_SENTENCES = regex.compile(r"(?<=[.!?:][\"']?) ")


def translate_around(
    sentences: Sequence[str], source: Lang, target: Lang, translate: Callable[[list[str]], list[str]]
) -> list[str]:
    """Translations of normalised ``sentences``, which copy addresses, paths and text without words.

    A headline in capitals is translated as the sentence in small letters. Marks between addresses become
    western ones where the target language puts spaces between words.
    """
    parts = [[part.strip() for part in ADDRESS.split(sentence) if part.strip()] for sentence in sentences]
    outputs = iter(
        translate([_uncapitalised(part) for line in parts for part in line if _has_words(part, source)])
    )
    spaced = is_spaced(target)
    texts = ([next(outputs) if _has_words(part, source) else part for part in line] for line in parts)
    return [
        _joined(list(map(western_marks, line)) if spaced and line[1:] else line, spaced) for line in texts
    ]


def translated_parts(sentence: str, source: Lang) -> int:
    """How many parts of a normalised sentence `translate_around` has translated."""
    return sum(_has_words(part.strip(), source) for part in ADDRESS.split(sentence) if part.strip())


def _joined(parts: Sequence[str], spaced: bool) -> str:
    """The parts with the spaces that their language writes; Latin words always have one between them."""
    text = ""
    for part in parts:
        latin = (text[-1:] + part[:1]).isascii() and (text[-1:] + part[:1]).isalnum()
        apart = spaced and not part.startswith(_CLOSING) and not text.endswith(_OPENING)
        text += " " * bool(text and (latin or apart)) + part
    return text


def _has_words(part: str, lang: Lang) -> bool:
    letters = "".join(filter(str.isalpha, part))
    return bool(letters) and not ADDRESS.fullmatch(part) and other_script_share(letters, lang) < 1


def _uncapitalised(sentence: str) -> str:
    """Sentences, and text before a colon, of several words in capitals: small letters but their first."""
    return " ".join(map(_headline_as_sentence, _SENTENCES.split(sentence)))


def _headline_as_sentence(sentence: str) -> str:
    letters = filter(str.isalpha, sentence)  # 「NASA和ESA」 has letters that are neither
    if len(_CAPITAL_WORD.findall(sentence)) > 1 and all(map(str.isupper, letters)):
        small = sentence.lower()
        first = next(place for place, letter in enumerate(small) if letter.isalpha())
        return small[:first] + small[first:].capitalize()
    return sentence

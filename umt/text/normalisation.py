"""One spelling for what means the same: Unicode forms, quotes, dashes, spaces; per language.

Text is normalised the same way everywhere: when a corpus is prepared and when a sentence comes in to be
translated.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

import opencc
import regex

from umt.types import Lang

_INVISIBLE = regex.compile(r"[\p{Cc}\p{Cf}\p{Co}\p{Cn}\ufe0e\ufe0f\ufffd]+")
_SPACE = regex.compile(r"\s+")
_HAN = r"\p{Han}\u3007"

# Before NFKC, which would turn an acute accent used as an apostrophe into a space and a combining mark.
_APOSTROPHES = str.maketrans({"´": "'", "`": "'", "ʼ": "'", "＇": "'"})
_WESTERN = str.maketrans(
    {
        "“": '"',
        "”": '"',
        "„": '"',
        "‟": '"',
        "«": '"',
        "»": '"',
        "″": '"',
        "‘": "'",
        "’": "'",
        "‚": "'",
        "‛": "'",
        "′": "'",
        "‐": "-",
        "‑": "-",
        "‒": "–",
        "―": "—",
        "−": "-",
        "、": ",",
        "。": ".",
        "「": '"',
        "」": '"',
    }
)
_FRENCH = {code: char for code, char in _WESTERN.items() if chr(code) not in "«»"}
_DASH_BETWEEN_SPACES = regex.compile(r"(?<=\s)[-–—]{1,3}(?=\s|$)")
_DASH_HALF_SPACED = regex.compile(r"\s+—|—\s+")
_DASH_RUN = regex.compile(r"-{2,}|—{2,}")
_DASH_BETWEEN_DIGITS = regex.compile(r"(?<=\d)\s?[–—]\s?(?=\d)")
_CLOSING_SPACE = regex.compile(r"\s+(?=[,.;:!?%)\]}](?:\s|$))")
_SPACE_BEFORE_MARK = re.compile(r" [,.;:!?%)\]}]")
_FRENCH_HIGH = regex.compile(r"(?<=[\p{L}\p{M}\p{N})\"»])\s*([;:!?»]+)(?=\s|$)")
_FRENCH_OPEN = regex.compile(r"«\s*")

# Chinese writes these full-width; NFKC would make them ASCII, so they are parked while it runs.
_KEPT = "，！？：；（）…～—"
_PARK = {ord(char): 0xE000 + i for i, char in enumerate(_KEPT)}
_UNPARK = {0xE000 + i: char for i, char in enumerate(_KEPT)}
_PLAIN_CHINESE = re.compile(r"[ -~一-鿿，。！？：；、（）「」『』“”《》…—·]*")
_HALF_WIDTH = {",": "，", "!": "！", "?": "？", ":": "：", ";": "；", "(": "（", ")": "）"}
_HALF_AFTER_HAN = regex.compile(rf"(?<=[{_HAN}”」』》）])\s*[,!?:;()]|[()](?=\s*[{_HAN}])")
_STOP_AFTER_HAN = regex.compile(rf"(?<=[{_HAN}])\s*(?:\.(?=[”\"」』]?(?:\s|$|[{_HAN}]))|｡)")
_CHINESE_SPACE = regex.compile(r"(?<![!-~À-ɏ])\s+|\s+(?![!-~À-ɏ])")
_CHINESE_DOTS = regex.compile(r"…+|\.{3,}(?![!-~])|(?<![!-~])\.{3,}")
_LONG_DASH = regex.compile(r"-{2,}|—+(?=—)—|―+|─+")


def _nfkc(sentence: str) -> str:
    """NFKC without invisible characters, with single spaces."""
    if sentence.isascii() and sentence.isprintable():
        return " ".join(sentence.split())
    sentence = unicodedata.normalize("NFKC", sentence.translate(_APOSTROPHES))
    sentence = _INVISIBLE.sub(lambda found: " " if "\t" in found.group() else "", sentence)
    return " ".join(sentence.split())


def _normalise_latin(sentence: str) -> str:
    sentence = _nfkc(sentence)
    if not sentence.isascii():
        sentence = _nfkc(sentence.translate(_WESTERN))
    sentence = _dashes(sentence)
    if _SPACE_BEFORE_MARK.search(sentence):
        sentence = _CLOSING_SPACE.sub("", sentence)
    return sentence


def _dashes(sentence: str) -> str:
    """En dashes stand between spaces, em dashes and hyphens touch their neighbours."""
    if "-" in sentence or "–" in sentence or "—" in sentence:
        sentence = _DASH_RUN.sub("—", _DASH_BETWEEN_SPACES.sub("–", sentence))
        sentence = _DASH_HALF_SPACED.sub("—", _DASH_BETWEEN_DIGITS.sub("-", sentence))
    return sentence


def _french(sentence: str) -> str:
    sentence = _nfkc(_nfkc(sentence).translate(_FRENCH))
    sentence = _dashes(sentence)
    return " ".join(_FRENCH_OPEN.sub("« ", _FRENCH_HIGH.sub(r" \1", sentence)).split())


@lru_cache(maxsize=1)
def _traditional() -> tuple[opencc.OpenCC, re.Pattern[str]]:
    """The converter, and a pattern of the characters that it changes: most lines need no conversion."""
    converter = opencc.OpenCC("t2s")
    characters = [chr(code) for code in range(0x3400, 0xA000)]
    simplified = converter.convert("\n".join(characters)).split("\n")
    changed = "".join(old for old, new in zip(characters, simplified, strict=True) if old != new)
    return converter, re.compile(f"[{changed}]")  # `re` keeps large classes as bitmaps: 200 times faster


def _chinese(sentence: str) -> str:
    if not (sentence.isprintable() and _PLAIN_CHINESE.fullmatch(sentence)):
        sentence = unicodedata.normalize("NFKC", sentence.translate(_PARK)).translate(_UNPARK)
        sentence = _INVISIBLE.sub(lambda found: " " if "\t" in found.group() else "", sentence)
    converter, traditional = _traditional()
    if traditional.search(sentence):
        sentence = converter.convert(sentence)
    if " " in sentence:
        sentence = _CHINESE_SPACE.sub("", _SPACE.sub(" ", sentence))
    for _ in range(2):  # a bracket that becomes full-width makes the mark after it full-width
        sentence, changed = _HALF_AFTER_HAN.subn(lambda found: _HALF_WIDTH[found.group().strip()], sentence)
        if not changed:
            break
    sentence = _STOP_AFTER_HAN.sub("。", sentence)
    sentence = _LONG_DASH.sub("——", _CHINESE_DOTS.sub("……", sentence))
    tight: str = _CHINESE_SPACE.sub("", sentence)
    return tight


def normaliser(lang: Lang) -> Callable[[str], str]:
    """The function that normalises a sentence of a language: a raw line in, one clean line out.

    Chinese keeps its own punctuation and becomes simplified (OpenCC t2s); other languages get ASCII
    quotes and punctuation; French keeps its guillemets and its space before ``; : ! ?``.  Idempotent.
    """
    return {"zh": _chinese, "fr": _french}.get(lang, _normalise_latin)

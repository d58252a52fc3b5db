"""The path of raw text: character references, tags, Unicode forms, quotes, dashes, spaces; per language.

`normaliser` serves every sentence: of corpora, held-out sets, dictionaries and what is to be translated.
`line_cleaner` is the same for lines of corpora and what is compared with them: it also takes off Markdown,
stage directions and speaker labels, which nobody who asks for a translation wants to lose.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import partial

import regex

from umt.text.languages import primary
from umt.text.markup import decode_references, strip_markup, strip_tags
from umt.text.script import in_script
from umt.text.verbatim import ADDRESS
from umt.types import Lang

# Joiners are part of the spelling in Arabic and Indic scripts, and of one picture made of several.
_JOINER = (
    r"(?<=[\p{Arabic}\p{Syriac}\p{Mongolian}\p{ccc=9}])[\u200c\u200d]"
    r"|(?<=[\p{ExtPict}\p{EMod}]\ufe0f?)\u200d(?=\p{ExtPict})"
)
_INVISIBLE = regex.compile(rf"(?:(?!{_JOINER})[\p{{Cc}}\p{{Cf}}\p{{Co}}\p{{Cn}}\ufe0e\ufe0f\ufffd])+")
_NUMERIC_SIGNS = re.compile(r"([⁰¹²³⁴-⁹⁺⁻¼-¾⅐-⅞™℠]+)")
"""What NFKC would make another number or word of: 10⁶ 106, 3½ 31⁄2, a trade mark a word in TM."""
_SPACE = regex.compile(r"\s+")
_HAN = r"\p{Han}\u3007"

# Before NFKC, which would turn an acute accent used as an apostrophe into a space and a combining mark.
_APOSTROPHES = str.maketrans({"´": "'", "`": "'", "ʼ": "'", "＇": "'"})
_WESTERN = str.maketrans("“”„‟«»″「」‘’‚‛′‐‑−‒―、。", '"' * 9 + "'" * 5 + "---–—,.")
_FRENCH = {code: char for code, char in _WESTERN.items() if chr(code) not in "«»"}
_DASH_BETWEEN_SPACES = regex.compile(r"(?<=\s)[-–—]{1,3}(?=\s|$)")
_DASH_HALF_SPACED = regex.compile(r"\s+—|—\s+")
_DASH_RUN = regex.compile(r"-{2,}|—{2,}")
_DASH_BETWEEN_DIGITS = regex.compile(r"(?<=\d)\s?[–—]\s?(?=\d)")
_CLOSING_SPACE = regex.compile(r"\s+(?=[,.;:!?%)\]}](?:\s|$))")
_SPACE_BEFORE_MARK = re.compile(r" [,.;:!?%)\]}]")
_FRENCH_HIGH = regex.compile(r"(?<=[\p{L}\p{M}\p{N})\"»])\s*([;:!?»]{1,20})(?=\s|$)")
_FRENCH_OPEN = regex.compile(r"«\s*")

# Chinese writes these full-width; NFKC would make them ASCII, so other code points stand for them meanwhile.
_FULL_WIDTH = "，！？：；（）…～—"
_PARK = {ord(char): 0xFDD0 + i for i, char in enumerate(_FULL_WIDTH)}  # no characters, so in no text
_UNPARK = {code: char for char, code in _PARK.items()}
# The separators of a number are as wide as its digits: １，２３４．５６, but not the list ３，５，７.
_WIDE_THOUSANDS = re.compile(r"(?<![０-９，])[０-９]{1,3}(?:，[０-９]{3})+(?![０-９]|，[０-９])")
_WIDE_COLON = re.compile(r"(?<=[０-９])：(?=[０-９])")
_PLAIN_CHINESE = re.compile(r"[ -~一-鿿，。！？：；、（）「」『』“”《》…—·]*")
_HALF_WIDTH = {",": "，", "!": "！", "?": "？", ":": "：", ";": "；", "(": "（", ")": "）"}
_HALF_AFTER_HAN = regex.compile(rf"(?<=[{_HAN}”」』》）])\s*[,!?:;()]|[()](?=\s*[{_HAN}])")
_STOP_AFTER_HAN = regex.compile(rf"(?<=[{_HAN}])\s*(?:\.(?=[”\"」』]?(?:\s|$|[{_HAN}]))|｡)")
_CHINESE_SPACE = regex.compile(r"(?<![!-~À-ɏ])\s+|\s+(?![!-~À-ɏ])")
_CHINESE_DOTS = regex.compile(r"…+|(?<!\.)\.{3,}(?![!-~])|(?<![!-~])\.{3,}")
_LONG_DASH = regex.compile(r"-{2,}|—+(?=—)—|―+|─+")


def _compatible(sentence: str) -> str:
    """NFKC of all but numeric signs."""
    parts = _NUMERIC_SIGNS.split(sentence)
    parts[::2] = (unicodedata.normalize("NFKC", part) for part in parts[::2])
    return "".join(parts)


def _nfkc(sentence: str) -> str:
    """NFKC without invisible characters, with single spaces."""
    if sentence.isascii() and sentence.isprintable():
        return " ".join(sentence.split())
    sentence = _compatible(sentence.translate(_APOSTROPHES))
    sentence = _INVISIBLE.sub(_space_or_nothing, sentence)
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
    """En dashes stand between spaces, em dashes and hyphens touch their neighbours; addresses keep theirs."""
    if "--" in sentence and ADDRESS.search(sentence):
        parts = ADDRESS.split(sentence)
        parts[::2] = map(_dashes_of_text, parts[::2])
        return "".join(parts)
    return _dashes_of_text(sentence)


def _dashes_of_text(sentence: str) -> str:
    if "-" in sentence or "–" in sentence or "—" in sentence:
        sentence = _DASH_RUN.sub("—", _DASH_BETWEEN_SPACES.sub("–", sentence))
        sentence = _DASH_HALF_SPACED.sub("—", _DASH_BETWEEN_DIGITS.sub("-", sentence))
    return sentence


def _french(sentence: str) -> str:
    sentence = _nfkc(_nfkc(sentence).translate(_FRENCH))
    sentence = _dashes(sentence)
    return " ".join(_FRENCH_OPEN.sub("« ", _FRENCH_HIGH.sub(r" \1", sentence)).split())


def _space_or_nothing(invisible: regex.Match[str]) -> str:
    """Invisible characters vanish, but white space among them (tab, CR, VT, FF, NEL) still parts words."""
    return " " if any(map(str.isspace, invisible.group())) else ""


def _vowel_am(sentence: str) -> str:
    """Thai and Lao, with the vowel am as one character, which NFKC would take apart."""
    return _normalise_latin(sentence).replace("\u0e4d\u0e32", "\u0e33").replace("\u0ecd\u0eb2", "\u0eb3")


def _chinese(lang: Lang, sentence: str) -> str:
    if not (sentence.isprintable() and _PLAIN_CHINESE.fullmatch(sentence)):
        sentence = _WIDE_THOUSANDS.sub(lambda number: str(number[0]).replace("，", ","), sentence)
        sentence = _WIDE_COLON.sub(":", sentence)
        sentence = _compatible(sentence.translate(_PARK)).translate(_UNPARK)
        sentence = _SPACE.sub(" ", _INVISIBLE.sub(_space_or_nothing, sentence))
    if primary(lang) == "zh":
        sentence = in_script(sentence, lang)
    if " " in sentence:
        sentence = _CHINESE_SPACE.sub("", _SPACE.sub(" ", sentence))
    for _ in range(2):  # a bracket that becomes full-width makes the mark after it full-width
        sentence, changed = _HALF_AFTER_HAN.subn(lambda mark: _HALF_WIDTH[mark.group().strip()], sentence)
        if not changed:
            break
    sentence = _STOP_AFTER_HAN.sub("。", sentence)
    parts = ADDRESS.split(sentence) if "--" in sentence else [sentence]
    parts[::2] = (_LONG_DASH.sub("——", _CHINESE_DOTS.sub("……", part)) for part in parts[::2])
    sentence = "".join(parts)
    tight: str = _CHINESE_SPACE.sub("", sentence)
    return tight


def normaliser(lang: Lang) -> Callable[[str], str]:
    """The function that normalises a sentence of a language: a raw line in, one clean line out.

    Character references are decoded and tags removed.  Chinese and Japanese keep their own punctuation;
    Chinese becomes simplified, or traditional where ``lang`` says so (zh_hant); other languages get ASCII
    quotes and punctuation; French keeps its guillemets and its space before ``; : ! ?``.  Idempotent.
    """
    han = partial(_chinese, lang)
    special: dict[str, Callable[[str], str]]
    special = {"zh": han, "ja": han, "fr": _french, "th": _vowel_am, "lo": _vowel_am}
    spelling = special.get(primary(lang), _normalise_latin)

    def normalise(sentence: str) -> str:
        if "&" in sentence or "<" in sentence:
            sentence = strip_tags(decode_references(sentence))
        return spelling(sentence)

    return normalise


def line_cleaner(lang: Lang) -> Callable[[str], str]:
    """The function that cleans a line of a corpus or of what is compared with one: markup off, normalised."""
    normalise = normaliser(lang)
    return lambda line: normalise(strip_markup(line))

"""Chinese script: traditional characters into simplified ones and back, and telling the two apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple, cast

import opencc

from umt.text.languages import script_code
from umt.types import Lang

_STANDARD = frozenset("吒拚捱榘薹袷瞭昇甯堃喆")
"""Characters that OpenCC takes for traditional and the simplified standard has, too: they prove nothing."""
_STANDARD_WITHIN = {
    "徵": "(?<![角魏])徵(?!羽)",
    "麽": "(?<!幺)麽",
    "夥": "(?<!甚)夥",
    "乾": "乾(?=[旱净淨燥杯枯脆涸果粮糧洗裂瘪癟扁货貨咳渴爹妈媽草柴冰])|(?<=[饼餅晒曬烘擦])乾",
}
"""Characters that the standard has in some words (乾坤, 角徵羽): where they stand in others."""


class _Tables(NamedTuple):
    """converter: OpenCC t2s, by phrases; characters: traditional character -> its simplified form; hint,
    traditional: patterns of these, the second where only traditional script has them; simplified: a pattern
    of the characters that only simplified script has."""

    converter: opencc.OpenCC
    characters: Mapping[str, str]
    hint: re.Pattern[str]
    traditional: re.Pattern[str]
    simplified: re.Pattern[str]

    def has_traditional(self, sentence: str) -> bool:
        """Whether a sentence holds a character that only traditional script writes."""
        return self.hint.search(sentence) is not None and self.traditional.search(sentence) is not None


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    converter = opencc.OpenCC("t2s")
    characters = [chr(code) for code in range(0x3400, 0xA000)]
    converted = converter.convert("\n".join(characters)).split("\n")
    mapped = {
        old: new
        for old, new in zip(characters, converted, strict=True)
        if old != new and old not in _STANDARD
    }
    reverted = opencc.OpenCC("s2t").convert("\n".join(characters)).split("\n")
    only_simplified = [
        old
        for old, new in zip(characters, reverted, strict=True)
        if old != new and not _encodable(old, "big5")
    ]
    unconditional = [character for character in mapped if character not in _STANDARD_WITHIN]
    return _Tables(  # `re` keeps large classes as bitmaps: 200 times as fast as `regex`
        converter,
        mapped,
        re.compile(f"[{''.join(mapped)}]"),
        re.compile("|".join([f"[{''.join(unconditional)}]", *_STANDARD_WITHIN.values()])),
        re.compile(f"[{''.join(only_simplified)}]"),
    )


def _encodable(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def simplified(sentence: str) -> str:
    """A Chinese sentence in simplified characters (OpenCC t2s).

    A sentence without a character that only traditional script writes stays as it is (乾清宫 is a name); in
    one that mixes both scripts single characters are replaced, by no phrase.
    """
    tables = _tables()
    if not tables.has_traditional(sentence):
        return sentence
    if tables.simplified.search(sentence):
        return tables.traditional.sub(lambda match: tables.characters[match[0]], sentence)
    return cast(str, tables.converter.convert(sentence))


@lru_cache
def _converter(name: str) -> opencc.OpenCC:
    return opencc.OpenCC(name)


def traditional(sentence: str, lang: Lang) -> str:
    """A Chinese sentence in the traditional characters of Taiwan, or of Hong Kong where ``lang`` names it.

    Sentences with simplified characters get the phrases of the region, too (OpenCC s2twp, s2hkp: 软件 becomes
    軟體). One that holds a traditional character keeps its words; in one whose characters both scripts have,
    single characters are replaced (s2tw, s2hk).
    """
    tables = _tables()
    region = "hk" if "hk" in lang.lower() else "tw"
    if tables.has_traditional(sentence):
        return tables.simplified.sub(lambda match: _converter("s2t").convert(match[0]), sentence)
    phrases = "p" if tables.simplified.search(sentence) else ""
    return cast(str, _converter(f"s2{region}{phrases}").convert(sentence))


def in_script(sentence: str, lang: Lang) -> str:
    """A Chinese sentence in the characters of ``lang``: traditional for zh_hant, zh_tw and zh_hk."""
    return traditional(sentence, lang) if script_code(lang) == "Hant" else simplified(sentence)


def is_traditional(lines: Iterable[str]) -> bool:
    """Whether a tenth of the lines or more hold a character that only traditional script writes."""
    traditional = list(map(_tables().has_traditional, lines))
    return bool(traditional) and sum(traditional) >= 0.1 * len(traditional)

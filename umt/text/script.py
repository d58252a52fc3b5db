"""Chinese script: traditional characters into simplified ones, and telling the two apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple, cast

import opencc

_STANDARD = frozenset("乾吒夥徵拚捱摺榘菸薹袷醣麴麽瞭昇甯堃喆")
"""Characters that OpenCC takes for traditional and the simplified standard has, too: they prove nothing."""


class _Tables(NamedTuple):
    """converter: OpenCC t2s, by phrases; traditional, simplified: patterns of the characters that only one
    script writes; characters: code point of a traditional character -> its simplified form."""

    converter: opencc.OpenCC
    traditional: re.Pattern[str]
    simplified: re.Pattern[str]
    characters: Mapping[int, str]


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
    return _Tables(  # `re` keeps large classes as bitmaps: 200 times as fast as `regex`
        converter,
        re.compile(f"[{''.join(mapped)}]"),
        re.compile(f"[{''.join(only_simplified)}]"),
        {ord(old): new for old, new in mapped.items()},
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
    if not tables.traditional.search(sentence):
        return sentence
    if tables.simplified.search(sentence):
        return sentence.translate(tables.characters)
    return cast(str, tables.converter.convert(sentence))


def is_traditional(lines: Iterable[str]) -> bool:
    """Whether a tenth of the lines or more hold a character that only traditional script writes."""
    traditional, total = 0, 0
    for line in lines:
        total += 1
        traditional += _tables().traditional.search(line) is not None
    return total > 0 and traditional >= 0.1 * total

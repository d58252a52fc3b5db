"""Markup in raw lines: character references, HTML tags, Markdown, stage directions, speaker labels.

Markup is removed only where it cannot be text: tags by their names, emphasis by its pairs, links by their
addresses.  Each pattern is linear in the length of a line.
"""

from __future__ import annotations

import html
import re
from collections import Counter

_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_DOUBLE_ESCAPE = re.compile(r"&(?:amp;)+(?=#?\w{1,32};)")  # &amp;lt; is &lt;, escaped twice
_NAMES = (
    "a|abbr|acronym|address|article|b|bdi|bdo|big|blockquote|body|br|button|caption|center|cite|code|col|"
    "colgroup|dd|del|dfn|div|dl|doc|docid|dt|em|figcaption|figure|font|footer|form|h[1-6]|head|header|hl|hr|"
    "html|i|iframe|img|input|ins|kbd|label|li|link|main|mark|meta|nav|nobr|noscript|ol|option|p|para|pre|q|"
    "refset|rp|rt|ruby|s|samp|script|sec|section|seg|select|small|source|span|srcset|strike|strong|style|sub|"
    "sup|svg|table|tbody|td|textarea|tfoot|th|thead|title|tr|tstset|tt|u|ul|url|var|video|wbr"
)
_TAG = re.compile(
    rf"</?(?:{_NAMES})\s{{0,4}}/?>"
    r"|<[A-Za-z][\w:.-]{0,30}"
    r"(?:\s{1,4}[\w:.-]{1,40}\s?=\s?(?:\"[^\"<>]{0,300}\"|'[^'<>]{0,300}'|[^\s\"'<>=]{1,300})){1,12}\s{0,4}/?>"
    r"|<!--[^<>]{0,300}-->|<\d{2}:\d{2}:\d{2}[.,]\d{3}>",
    re.IGNORECASE,
)
_LETTER_TAG = re.compile(r"<([A-Za-z])>")
_CLOSED_LETTER = re.compile(r"</([A-Za-z])>")
_BARE_TAG = re.compile(r"(?<![A-Za-z0-9])<(/?[A-Za-z]\w{1,20})>")
_LINK = re.compile(
    r"!?\[([^\[\]]*)\]\((?=[^()\s]*[./#])(?=[A-Za-z/.#])(?:[^()\s]|\([^()\s]*\))*(?:\s\"[^\"()]*\")?\)"
)
# Emphasis stands around words, never between Latin letters or digits (2*3*4, snake_case, don`t).
_STARRED = re.compile(r"(?<![A-Za-z0-9*)])(\*{1,3})(?=[^\s*])([^*]*)(?<=[^\s*])\1(?![A-Za-z0-9*(])")
_LOOSE_STARS = re.compile(
    r"(?<![A-Za-z0-9*)])\*{2,3}(?=[^\W\d])|(?<=[^\W\d])\*{2,3}(?![A-Za-z0-9*(])|^\s*\*(?=[^\W\d])"
)
_UNDERLINED = re.compile(r"(?<!\w)__(?=[^\s_])([^_]*)(?<=[^\s_])__(?!\w)")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*")  # __init__ is a name
_CODE = re.compile(r"(?<![A-Za-z0-9_])`([^`]*)`(?![A-Za-z0-9_])|`{2,}")
_LEADING = re.compile(r"^\s*(?:#{1,6}\s|>+(?![\d=>])|[-–—*•]+\s|[-–—](?=[^\W\d])|\|)+\s*")
_EVENT = (
    r"(?:laugh(?:s|ter|ing)?|applau(?:se|ds?|ding)|music|cheer(?:s|ing)?|videos?|audio|sing(?:s|ing)|unclear|"
    r"inaudible|crosstalk|sigh(?:s|ing)?|scream(?:s|ing)?|plays?|playing|begins?|starts?|ends?|stops?|continues?)"
)
_CHINESE_EVENT = "(?:掌声|笑声|欢呼声|音乐声?|鼓掌|笑|视频|听不清)"
_ASIDE = re.compile(
    rf"[\[(（【]\s{{0,4}}{_EVENT}(?:[\s,.;:!/-]{{1,3}}(?:and\s)?{_EVENT}){{0,4}}[\s.!]{{0,4}}[\])）】]"
    rf"|[\[(（【]{_CHINESE_EVENT}(?:[、，和及与]{_CHINESE_EVENT})?[\])）】]"
    r"|[\[【]\d{1,2}[:：]\d{2}(?:[:：]\d{2})?(?:[.,]\d{1,3})?[\]】]|[(（]\d{1,2}[:：]\d{2}[:：]\d{2}[)）]"
    r"|^\s*[(（]\d{1,2}[:：]\d{2}[)）]"
    r"|\[\s?_{2,}\s?\]",  # a word that a subtitle leaves out
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"^\s*\[?(?:(?:speaker|interviewer|narrator|host|guest|moderator|说话人|发言人|讲者|主持人|嘉宾|旁白|记者)\s?\w{0,2}"
    r"\]?\s*[:：]|(?-i:[A-Z][A-Z.'-]+(?:\s[A-Z.'-]+){0,2}):\s|[㐀-鿿]{2,6}:(?!\d))\s*",
    re.IGNORECASE,
)
_SUSPECT = re.compile(r"[<&*#\[\](){}`>_|•（【:：]")  # one class, which `re` scans by a bitmap
_BRACKET = re.compile(r"[\[(（【]")


def decode_references(line: str) -> str:
    """A line with HTML character references (&amp;amp;) as characters; what lacks a semicolon is text."""
    if "&" not in line:
        return line
    return _REFERENCE.sub(lambda match: html.unescape(match[0]), _DOUBLE_ESCAPE.sub("&", line))


def strip_tags(line: str) -> str:
    """A line without HTML and XML tags, known by their names or attributes, or since they come in pairs.

    Other angle brackets are text; so is a tag of one letter within a word that is never closed (``x<i>y``).
    """
    if "<" not in line:
        return line
    closed = {letter.lower() for letter in _CLOSED_LETTER.findall(line)}

    def removed(match: re.Match[str]) -> str:
        letter = _LETTER_TAG.fullmatch(match[0])
        if letter is None or letter[1].lower() in closed or not match.start():
            return ""
        before, after = line[match.start() - 1], line[match.end() : match.end() + 1]
        return match[0] if before.isalnum() and after.isalnum() else ""

    line = _TAG.sub(removed, line)
    names = Counter(name.lstrip("/") for name in _BARE_TAG.findall(line))
    return _BARE_TAG.sub(lambda match: "" if names[match[1].lstrip("/")] > 1 else match[0], line)


def strip_markup(line: str) -> str:
    """A line without character references, tags, Markdown, stage directions and speaker labels."""
    if not _SUSPECT.search(line) and line.lstrip()[:1] not in ("-", "–", "—"):
        return line
    line = strip_tags(decode_references(line))
    if _BRACKET.search(line):
        line = _ASIDE.sub(" ", _LINK.sub(r"\1", line))
    line = _emphasis(line)
    return _LABEL.sub("", _LEADING.sub("", line), count=1)


def _emphasis(line: str) -> str:
    """A line without the marks of Markdown's emphasis and code."""
    if "*" in line:
        line = _LOOSE_STARS.sub("", _STARRED.sub(r"\2", line))
    if "`" in line:
        line = _CODE.sub(lambda match: match[1] or "", line)
    if "__" in line:
        line = _UNDERLINED.sub(lambda match: match[0] if _IDENTIFIER.fullmatch(match[1]) else match[1], line)
    return line

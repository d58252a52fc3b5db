"""Sentences into words and words back into sentences, per language.

``join`` undoes ``words`` for normalised sentences (`umt.text.normalisation`), because BLEU is scored on
detokenised text; only US comes back as U.S.  A word never holds white space; punctuation and numbers are
words of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import accumulate, pairwise
from typing import NamedTuple, Protocol

import regex
import rjieba

from umt.text.languages import is_spaced, primary, script_code
from umt.text.script import simplified
from umt.types import BadInput, Lang

if find_spec("icu4py"):
    from icu4py.breakers import WordBreaker

_CLITICS = r"(?:s|re|ve|ll|d|m)"
_ELISIONS = r"(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu)"
_WORD = r"[\p{L}\p{M}\p{N}_]"
_NUMBER = rf"\p{{N}}+(?:[.,:⁺⁻]\p{{N}}+)+{_WORD}*"
_DOTTED = rf"(?:\p{{L}}\.){{2,}}|{_WORD}+(?:\.\p{{Ll}}{_WORD}*)+|\p{{L}}+(?:&\p{{L}}+)+"
_REST = r"\.{2,}|…+|—+|\S"
_APOSTROPHE = rf"\p{{L}}(?:\+\+|#)(?!{_WORD})|{_WORD}+(?:'(?!{_CLITICS}\b){_WORD}+)*"
_ENGLISH = regex.compile(
    rf"{_NUMBER}|{_DOTTED}|\p{{L}}+(?=n't\b)|n't\b|'{_CLITICS}\b|{_APOSTROPHE}|{_REST}", regex.IGNORECASE
)
_FRENCH = regex.compile(
    rf"{_NUMBER}|{_DOTTED}|\b{_ELISIONS}'(?={_WORD})|{_WORD}+(?:'{_WORD}+)*|{_REST}", regex.IGNORECASE
)
_OTHER = regex.compile(rf"{_NUMBER}|{_DOTTED}|{_WORD}+(?:'{_WORD}+)*|{_REST}")
# What the Chinese segmenter would tear apart.
_CHINESE_SPECIAL = regex.compile(
    r"([0-9]+(?:[.,:][0-9]+)+%?|[0-9]+[⁰¹²³⁴-⁹⁺⁻¼-¾⅐-⅞]+"
    r"|[A-Za-z]*[À-ɏ][A-Za-zÀ-ɏ]*|[A-Za-z]+(?:['&][A-Za-z]+)+|(?:[A-Za-z]\.){2,}|…+|—+|\.{2,})"
)
_CHINESE_HINT = re.compile(r"[.,:'&…—À-ɏ²³¹⁰-⁹⁺⁻¼-¾⅐-⅞]")  # `re`: a cheap look before the costly one
_MEASURE = (
    "个位名只条张本台辆座片把件首支枝段副间头匹棵朵枚项种家次场份块句套步笔篇期代群批款类幅部层遍轮波股"
    "面扇封颗粒幢栋艘架列株根瓶杯碗盒袋包双对串滴团堆排队组册顶道门阵缕盏口顿回趟番圈声所元米倍秒天年周岁"
)
# What jieba takes for one word: a numeral or demonstrative and its measure word, an adverb and its verb.
_NUMERAL = "[零〇一二两三四五六七八九十百千万几这那每某各哪]"
_COUNTED = rf"([{_MEASURE}]|小时|分钟|公里|美元|(?<=[这那])是)((?<=个)月)?"
_ADVERB_VERB = r"([不就也都只更却我你他她它人])([是会能想用敢让]|要(?<!只要))|(是)(因为|从|在)"
_FUSED = re.compile(f"({_NUMERAL}+){_COUNTED}|{_ADVERB_VERB}")
_FUSED_HINT = re.compile(f"{_NUMERAL}{_COUNTED}|{_ADVERB_VERB}")  # one numeral: linear in a run of them
_US_ABBREVIATION = regex.compile(
    r"(?<![\p{L}\p{N}_.&'])(?:US|U\.S(?:\.(?!\p{L}))?)(?![\p{L}\p{N}_&]|\.\p{L})"
)
"""The States in small letters would be *us*."""
_ABBREVIATION = regex.compile(r"(?:\p{L}\.){2,}")
_CLITIC = regex.compile(rf"n't|'{_CLITICS}", regex.IGNORECASE)
_ELISION = regex.compile(rf"{_ELISIONS}'", regex.IGNORECASE)
_SPACED_CHARACTER = regex.compile(r"[!-~À-ɏ]")

_LEFT = frozenset(",.!?;:%)]}°…") | {"...", ".."}
_RIGHT = frozenset("([{#@¿¡~")
_CURRENCIES = frozenset("$£€¥")
_BOTH = frozenset("-/—_\\^")
_FRENCH_SPACED = frozenset(";:!?»")
_SPACE_WORD = "␣"
_TSHEG = "་"
_TIBETAN_JOINT = re.compile("(?<=[ཀ-ྼ]) (?=[ཀ-ཬ])|(?<=^ང) (?=།)|(?<= ང) (?=།)")
"""Where a tsheg is written between words that spaces part: between syllables, and behind ང before a shad."""
_WITHIN_CHINESE = Lang("en")
_REMEMBERED = 400_000


class Segmenter(Protocol):
    """Words of a language."""

    def words(self, sentence: str) -> list[str]:
        """The words of a normalised sentence; none of them holds a space."""
        ...

    def segment_line(self, sentence: str) -> str:
        """The same words, joined by one space: the form that files hold."""
        ...

    def batch(self, sentences: Iterable[str]) -> list[list[str]]:
        """`words` for many sentences."""
        ...

    def join(self, words: Sequence[str]) -> str:
        """The sentence that has these words, with the spaces that the language writes."""
        ...


def _join_spaced(words: Sequence[str], lang: Lang) -> str:
    """Spaces between words, none around punctuation that leans on its neighbour."""
    french, pieces = lang == "fr", list[str]()
    glued, pending = True, set[str]()
    lone_quotes = _LoneQuotes.of(words)
    for place, word in enumerate(words):
        space, lean = not glued, False
        if word in ('"', "'"):
            closes = word in pending or (place > 0 and lone_quotes.closes(words, place))
            if closes:
                space = False
                pending.discard(word)
            else:
                lean = True
                pending.add(word)
        elif french and word in _FRENCH_SPACED:
            space = bool(pieces) and (word == "»" or words[place - 1] not in _FRENCH_SPACED - {"»"})
        elif word in _LEFT or (not french and _CLITIC.fullmatch(word)):
            space = False
        elif (
            word in _RIGHT or (word in _CURRENCIES and lang == "en") or (french and _ELISION.fullmatch(word))
        ):
            lean = True
        elif word in _BOTH:
            space, lean = False, True
        if word == "." and place and _ABBREVIATION.fullmatch(words[place - 1]):
            continue  # one stop ends both
        if space and pieces:
            pieces.append(" ")
        pieces.append(word)
        glued = lean
    return "".join(pieces)


class _LoneQuotes(NamedTuple):
    """Whether a quotation mark without an opening one before it closes a quotation; one pass a sentence.

    last_word: the place of the last word that begins with a letter or digit; first, counts: of each mark.
    """

    last_word: int
    first: dict[str, int]
    counts: dict[str, int]

    @staticmethod
    def of(words: Sequence[str]) -> _LoneQuotes:
        first, counts = dict[str, int](), dict[str, int]()
        if '"' in words or "'" in words:
            for mark in ('"', "'"):
                if mark in words:
                    first[mark], counts[mark] = words.index(mark), words.count(mark)
            last = max((place for place, word in enumerate(words) if word[0].isalnum()), default=-1)
            return _LoneQuotes(last, first, counts)
        return _LoneQuotes(-1, first, counts)

    def closes(self, words: Sequence[str], place: int) -> bool:
        """Of the mark at ``place``, which is not the first word."""
        word, before = words[place], words[place - 1]
        if place >= self.last_word:
            return True
        if word == "'":
            return before.endswith("s")
        odd = self.counts[word] % 2 == 1 and self.first[word] == place
        return odd and before in {",", ".", "!", "?"} and words[place + 1][0].islower()


@dataclass(frozen=True)
class SpacedSegmenter:
    """Languages that put spaces between words: a Unicode-aware pattern applied between the spaces.

    English contractions split off (do n't, it 's), French elisions too (l' eau); US is written U.S., that
    it may differ from us in small letters.  Pieces between spaces repeat like words do, so they are
    remembered: a piece is matched once.
    """

    lang: Lang
    _memory: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def words(self, sentence: str) -> list[str]:
        return self.segment_line(sentence).split()

    def segment_line(self, sentence: str) -> str:
        pieces = sentence.split()
        try:
            return " ".join([self._memory[piece] for piece in pieces])
        except KeyError:
            pattern = {"en": _ENGLISH, "fr": _FRENCH}.get(self.lang, _OTHER)
            if len(self._memory) > _REMEMBERED:
                self._memory.clear()
            for piece in pieces:
                if piece not in self._memory:
                    read = (
                        _US_ABBREVIATION.sub("U.S.", piece) if self.lang == "en" and "S" in piece else piece
                    )
                    self._memory[piece] = " ".join(pattern.findall(read))
            return " ".join([self._memory[piece] for piece in pieces])

    def batch(self, sentences: Iterable[str]) -> list[list[str]]:
        return [self.words(sentence) for sentence in sentences]

    def join(self, words: Sequence[str]) -> str:
        return _join_spaced(words, self.lang)


@dataclass(frozen=True)
class ChineseSegmenter:
    """Chinese by jieba's dictionary and hidden Markov model (rjieba).

    Numbers with their separators and English contractions stay whole. Measure words stand alone, as in
    the Penn Chinese Treebank: 一位 and 一本 are 一 and what it counts by, so *a* meets one word, not many.
    So do 不 and 是 in 不是, for *is not* are two words. Traditional text is cut where its simplified form is.
    """

    lang: Lang

    def words(self, sentence: str) -> list[str]:
        if script_code(self.lang) != "Hant":
            return self._simplified_words(sentence)
        words, written = self._simplified_words(simplified(sentence)), "".join(sentence.split())
        ends = [*accumulate(map(len, words), initial=0)]
        if ends[-1] != len(written):  # a phrase of another length: the dictionary knows what it knows
            return self._simplified_words(sentence)
        return [written[start:end] for start, end in pairwise(ends)]

    def _simplified_words(self, sentence: str) -> list[str]:
        if not _CHINESE_HINT.search(sentence):
            words = rjieba.cut(sentence)
        else:
            words = []
            for place, piece in enumerate(_CHINESE_SPECIAL.split(sentence)):
                words += (piece,) if place % 2 else rjieba.cut(piece)
        if " " in sentence or "\u3000" in sentence:
            words = [word for word in words if not word.isspace()]
        if not _FUSED_HINT.search(sentence):
            return words
        return [part for word in words for part in _split_fused(word)]

    def segment_line(self, sentence: str) -> str:
        return " ".join(self.words(sentence))

    def batch(self, sentences: Iterable[str]) -> list[list[str]]:
        return [self.words(sentence) for sentence in sentences]

    def join(self, words: Sequence[str]) -> str:
        """No spaces, except inside runs of Latin words, which are joined as English is."""
        pieces: list[str] = []
        run: list[str] = []
        for word in words:
            if _SPACED_CHARACTER.match(word) and _SPACED_CHARACTER.match(word[-1]):
                run.append(word)
                continue
            if run:
                pieces.append(_join_spaced(run, _WITHIN_CHINESE))
                run = []
            pieces.append(word)
        if run:
            pieces.append(_join_spaced(run, _WITHIN_CHINESE))
        return "".join(pieces)


@dataclass(frozen=True)
class IcuSegmenter:
    """Languages without spaces, by the dictionaries of ICU; Tibetan by syllables, without the marks between.

    A space parts clauses there and would be lost, so it is a word, ␣.
    """

    lang: Lang

    def words(self, sentence: str) -> list[str]:
        pieces = WordBreaker(sentence.replace(" ", _SPACE_WORD), primary(self.lang))
        return [piece for piece in map(str, pieces) if piece != _TSHEG]

    def segment_line(self, sentence: str) -> str:
        return " ".join(self.words(sentence))

    def batch(self, sentences: Iterable[str]) -> list[list[str]]:
        return [self.words(sentence) for sentence in sentences]

    def join(self, words: Sequence[str]) -> str:
        line = " ".join(words)
        if primary(self.lang) == "bo":
            line = _TIBETAN_JOINT.sub(_TSHEG, line)
        return line.replace(" ", "").replace(_SPACE_WORD, " ")


@lru_cache(1 << 16)
def _split_fused(word: str) -> tuple[str, ...]:
    fused = _FUSED.fullmatch(word)
    return tuple(filter(None, fused.groups())) if fused else (word,)


@cache
def segmenter(lang: Lang) -> Segmenter:
    """The segmenter of a language. Raises `BadInput` where one without spaces needs ICU and there is none."""
    if primary(lang) == "zh":
        return ChineseSegmenter(lang)
    if is_spaced(lang):
        return SpacedSegmenter(lang)
    if not find_spec("icu4py"):
        raise BadInput(f"languages={lang}: words are written without spaces: pip install 'umt[segmentation]'")
    return IcuSegmenter(lang)

"""Endings as words of their own: walked is "walk ˍed", for Chinese says -ed and -ing by words, 了 and 正在.

Split off, they make a language like its counterpart (Popović and Ney, 2004, "Towards the use of word stems
and suffixes for statistical machine translation"): the forms of a word share what is known of it, and an
ending meets what it corresponds to. Which words are forms of which is learned from the text itself, with the
spelling rules of the language and a list of its irregular words. Nothing is lost: `SuffixSplitter.join`
undoes `SuffixSplitter.cut`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path

from umt.runtime.saved_arrays import SavedJson, damaged, strings
from umt.text.languages import primary
from umt.types import Lang

SUFFIX_MARK = "ˍ"
"""Begins an ending; a letter to every pattern, and in hardly any text."""
FILE = "endings.json"

Parts = tuple[str, str]
"""Stem and ending, without the mark."""

# base past participle, where both differ from the regular form; what is more often another word is left out
_VERBS = """
arise arose arisen; awake awoke awoken; beat beat beaten; become became become; begin began begun;
bend bent; bite - bitten; bleed bled; blow blew blown; break broke broken; breed bred; bring
brought; build built; burn burnt; buy bought; catch caught; choose chose chosen; cling clung; come
came come; creep crept; deal dealt; dig dug; do did done; draw drew drawn; dream dreamt; drink drank
drunk; drive drove driven; dwell dwelt; eat ate eaten; fall fell fallen; feed fed; feel felt; fight
fought; find found; flee fled; fly flew flown; forbid forbade forbidden; forget forgot forgotten;
forgive forgave forgiven; freeze froze frozen; get got gotten; give gave given; go went gone; grow
grew grown; hang hung; have had; hear heard; hide hid hidden; hold held; keep kept; kneel knelt;
know knew known; lay laid; lead led; leap leapt; learn learnt; leave left; lend lent; lose lost;
make made; mean meant; meet met; mistake mistook mistaken; overcome overcame overcome; pay paid;
prove - proven; ride rode ridden; ring rang rung; rise rose risen; run ran run; say said; see saw
seen; seek sought; sell sold; send sent; sew - sewn; shake shook shaken; shine shone; shoot shot;
show - shown; shrink shrank shrunk; sing sang sung; sink sank sunk; sit sat; sleep slept; slide
slid; speak spoke spoken; spend spent; spin spun; spring sprang sprung; stand stood; steal stole
stolen; stick stuck; sting stung; strike struck stricken; strive strove striven; swear swore sworn;
sweep swept; swim swam swum; swing swung; take took taken; teach taught; tear tore torn; tell told;
think thought; throw threw thrown; understand understood; undertake undertook undertaken; wake woke
woken; wear wore worn; weave wove woven; weep wept; win won; withdraw withdrew withdrawn; write
wrote written
"""
_PLURALS = (
    "child children; foot feet; goose geese; half halves; knife knives; man men; mouse mice; shelf shelves; "
    "thief thieves; tooth teeth; wife wives; wolf wolves; woman women; ox oxen; calf calves; loaf loaves"
)
_THIRD, _GERUNDS = "do does; go goes; have has", "do doing; go going"
_WHOLE = frozenset(
    """
    afterwards always anything as being besides building ceiling during evening everything his hers
    hundred indeed interesting is its lens less meeting morning news nothing ours perhaps plus
    series sibling something sometimes species theirs this thus towards united unless us was wedding
    whereas yes yours
    """.split()  # noqa: SIM905
)
"""Words that only look like forms of others, or have gone their own way."""
_WITHOUT_ENDINGS = frozenset({"zh", "vi", "th", "lo", "km", "my"})
"""Languages that say by words what others say by endings."""
_LEAST, _SHARE = 3, 0.02
"""A stem must be found so often, and so often per occurrence of the form."""
_REMEMBERED = 1_000_000
_WORD = re.compile(r"(?<!\w)[A-Za-z]+(?!\w|'\w)")
_JOINT = re.compile(rf"{SUFFIX_MARK}{SUFFIX_MARK}|([A-Za-z]+)?((?: ?{SUFFIX_MARK}[a-z]+)+)")
_ENDING = re.compile(rf"{SUFFIX_MARK}([a-z]+)")


@dataclass(frozen=True)
class SuffixSplitter:
    """Which words of a language are stems with endings; none where nothing is known of the language.

    parts: form -> stem and ending, all in small letters.
    """

    stem_and_suffix: Mapping[str, Parts] = field(default_factory=dict)

    @classmethod
    def learn(cls, lang: Lang, other: Lang, sentences: Iterable[list[str]]) -> SuffixSplitter:
        """From sentences of words with their case; none if ``other``, opposite it, has endings, too."""
        if lang != "en" or primary(other) not in _WITHOUT_ENDINGS:
            return cls()
        counts = Counter(chain.from_iterable(sentences))
        small = Counter[str]()
        names = Counter[str]()
        for word, count in counts.items():
            if word.isascii() and word.isalpha():
                (small if word.islower() else names)[word.lower()] += count
        known = Counter({word: count for word, count in small.items() if count >= names[word]})
        parts = {
            form: part
            for form, part in _irregular()
            if known[part[0]] and known[form] > known[regular_form(*part)]
        }
        taken = set(parts.values())
        for word, count in known.most_common():
            if word in parts or word in _WHOLE:
                continue
            for ending in ("ing", "ed", "s"):
                stems = [
                    stem
                    for stem in _stems(word, ending)
                    if len(stem) > 2
                    and known[stem] >= max(_LEAST, _SHARE * count)
                    and (stem, ending) not in taken
                ]
                if stems:
                    stem = max(stems, key=lambda stem: (_support(stem, known), known[stem]))
                    if ending == "s" or _support(stem, known) > 1:
                        parts[word] = stem, ending
                        taken.add(parts[word])
                    break
        return cls(parts)

    @cached_property
    def forms(self) -> dict[Parts, str]:
        """`parts`, looked up from the other side."""
        return {parts: form for form, parts in self.stem_and_suffix.items()}

    @cached_property
    def stem_of(self) -> dict[str, str]:
        """Form -> stem."""
        return {form: stem for form, (stem, _) in self.stem_and_suffix.items()}

    @cached_property
    def stems(self) -> frozenset[str]:
        """Every word that takes an ending."""
        return frozenset(stem for stem, _ in self.forms)

    def split_words(self, words: Sequence[str]) -> list[str]:
        """Words with their case, each ending a word of its own, marked; capitals stay at the stem."""
        if not self.stem_and_suffix:
            return list(words)
        memory = self._memory
        return [part for word in words for part in memory.get(word) or self._split(word)]

    def join_words(self, words: Sequence[str]) -> list[str]:
        """The words that `split` would split so.

        Of several endings of a word the first counts; an ending of a word that takes none is left out.
        """
        match: list[str] = []
        ended = True
        for word in words:
            if not word.startswith(SUFFIX_MARK):
                match.append(word)
                ended = False
            elif not ended:
                match[-1] = self._inflected(match[-1], word[1:])
                ended = True
        return match

    def split_text(self, sentence: str) -> str:
        """Text with each ending after a space and marked; a mark that stands there already is doubled."""
        if not self.stem_and_suffix:
            return sentence
        return _WORD.sub(
            lambda match: " ".join(self._split(match[0])), sentence.replace(SUFFIX_MARK, 2 * SUFFIX_MARK)
        )

    def join_text(self, sentence: str) -> str:
        """The text that `cut` would cut so; what it never writes is read as by `whole`."""
        return _JOINT.sub(self._join, sentence) if SUFFIX_MARK in sentence else sentence

    @cached_property
    def _memory(self) -> dict[str, tuple[str, ...]]:
        return {}

    def _split(self, word: str) -> tuple[str, ...]:
        """The parts of a word, which are remembered, since words of a text repeat."""
        parts = self.stem_and_suffix.get(word.lower())
        split: tuple[str, ...] = (word,)
        if parts and (word.islower() or word[1:].islower()):
            split = _like(word, parts[0]), SUFFIX_MARK + parts[1]
        if len(self._memory) >= _REMEMBERED:
            self._memory.clear()
        self._memory[word] = split
        return split

    def _join(self, match: re.Match[str]) -> str:
        if match[0] == 2 * SUFFIX_MARK:
            return SUFFIX_MARK
        return self._inflected(match[1] or "", _ENDING.findall(match[2])[0])

    def _inflected(self, stem: str, ending: str) -> str:
        form = self.forms.get((stem.lower(), ending))
        if form is None and stem.lower() in self.stems:
            form = regular_form(stem.lower(), ending)
        return stem if form is None else _like(stem, form)


def save(inflections: Mapping[Lang, SuffixSplitter], directory: Path) -> None:
    """Write ``endings.json``."""
    content = {lang: dict(each.stem_and_suffix) for lang, each in inflections.items()}
    (directory / FILE).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def load(directory: Path) -> dict[Lang, SuffixSplitter]:
    """Read what `save` wrote; nothing where it wrote nothing. Raises BadInput when it is damaged."""
    if not (directory / FILE).exists():
        return {}
    saved = SavedJson.read(directory / FILE)
    splitters = {}
    for lang in saved.content:
        parts = saved.get(lang, dict)
        for form, pair in parts.items():
            if len(strings(saved.path, f"{lang}.{form}", pair)) != 2 or not all((form, *pair)):
                raise damaged(saved.path, f"{lang}.{form} is no stem and ending")
        splitters[Lang(lang)] = SuffixSplitter(
            {form: (stem, ending) for form, (stem, ending) in parts.items()}
        )
    return splitters


def _like(model: str, word: str) -> str:
    return word[0].upper() + word[1:] if model[0].isupper() else word


def _irregular() -> Iterator[tuple[str, Parts]]:
    for line in _VERBS.replace("\n", " ").split(";"):
        base, past, *participle = line.split()
        if past not in ("-", base):
            yield past, (base, "ed")
        if participle and participle[0] not in (base, past):
            yield participle[0], (base, "en")
    for lines, ending in ((_PLURALS, "s"), (_THIRD, "s"), (_GERUNDS, "ing")):
        for line in lines.split(";"):
            base, form = line.split()
            yield form, (base, ending)


def regular_form(stem: str, ending: str) -> str:
    """An English word with ``ending`` (s, ed, en or ing) by the rules of spelling: try, s -> tries."""
    if ending == "en":
        return regular_form(stem, "ed")
    consonant_y = re.search(r"[^aeiou]y$", stem)
    if ending == "s":
        if consonant_y:
            return f"{stem[:-1]}ies"
        return f"{stem}es" if re.search(r"(?:s|x|z|ch|sh)$", stem) else f"{stem}s"
    if ending == "ed":
        if consonant_y:
            return f"{stem[:-1]}ied"
        return f"{stem}d" if stem.endswith("e") else f"{_doubled(stem)}ed"
    if stem.endswith("ie"):
        return f"{stem[:-2]}ying"
    silent = stem.endswith("e") and not stem.endswith(("ee", "oe", "ye"))
    return f"{stem[:-1]}ing" if silent else f"{_doubled(stem)}ing"


def _doubled(stem: str) -> str:
    return stem + stem[-1] if re.fullmatch(r"[^aeiou]*[aeiou][bdgklmnprt]", stem.removeprefix("qu")) else stem


def _stems(form: str, ending: str) -> Iterator[str]:
    """What a form could be the regular form of."""
    if not form.endswith(ending) or len(rest := form[: -len(ending)]) < 2:
        return
    if ending == "s":
        if rest.endswith("ie"):
            yield f"{rest[:-2]}y"
        if re.search(r"(?:s|x|z|ch|sh|o)e$", rest):
            yield rest[:-1]
        if rest[-1] != "s":
            yield rest
        return
    if rest[-1] == rest[-2]:
        yield rest[:-1]
    if ending == "ed" and rest[-1] == "i":
        yield f"{rest[:-1]}y"
    if ending == "ing" and rest[-1] == "y":
        yield f"{rest[:-1]}ie"
    yield rest
    yield f"{rest}e"


def _support(stem: str, known: Mapping[str, int]) -> int:
    """How many of its regular forms are found."""
    return sum(known[regular_form(stem, ending)] > 0 for ending in ("s", "ed", "ing"))

"""Held-out sentences of one language: checked, and indexed so that they can be kept out of training."""

from __future__ import annotations

from collections.abc import Sequence

from umt.corpus import HeldOut
from umt.corpus.preparation.deduplication import key
from umt.corpus.preparation.leak_index import LeakIndex
from umt.text.identification import other_language
from umt.text.languages import is_spaced, other_script_share
from umt.text.normalisation import line_cleaner
from umt.text.sentence_splitting import estimated_words, split_sentences
from umt.types import BadInput, Lang

_SAMPLE = 1000


def is_other_language(lines: Sequence[str], lang: Lang, other: Lang) -> bool:
    """Whether the lines are clearly not ``lang``: most in another script, or in ``other``."""
    sample = lines[:: len(lines) // _SAMPLE + 1]
    if other_script_share("".join(filter(str.isalpha, "".join(sample))), lang) > 0.5:
        return True
    return other_language((key(line, spaced=True) for line in sample), lang, other) is not None


def leak_index(lang: Lang, other: Lang, held_out: Sequence[HeldOut], split_above: int) -> LeakIndex:
    """The sentences of one language of all sets; what has more words than ``split_above`` also in parts.

    Raises BadInput when a set is the wrong way round.
    """
    cleaned = line_cleaner(lang)
    sentences: dict[str, str] = {}
    for test_set in held_out:
        side = test_set.unpaired_side(lang)
        if is_other_language(side, lang, other):
            raise BadInput(
                f"most of the {lang} side of held-out set {test_set.name} is not {lang}: is it swapped?"
            )
        for raw in side:
            sentence = cleaned(raw)
            sentences.setdefault(sentence, test_set.name)
            if estimated_words(sentence) > split_above:
                for part in split_sentences(sentence, lang):
                    sentences.setdefault(part, test_set.name)
    keys: dict[str, str] = {}
    for sentence, name in sentences.items():
        if sentence_key := key(sentence, is_spaced(lang)):
            keys.setdefault(sentence_key, name)
    return LeakIndex(sentences, keys, is_spaced(lang))


def leaked_lines(lines: Sequence[str], lang: Lang, index: LeakIndex) -> set[int]:
    """Which of the lines stand in a held-out set, or share a long run of words with one."""
    sentences = list(map(line_cleaner(lang), lines))
    keys = [key(sentence, is_spaced(lang)) for sentence in sentences]
    same = (
        place
        for place, (sentence, sentence_key) in enumerate(zip(sentences, keys, strict=True))
        if index.exact_match(sentence, sentence_key) is not None
    )
    return {*same, *index.shared_runs(keys)}

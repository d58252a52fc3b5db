"""A tokenizer of ``tokenizers`` alone that takes and gives plain text, for programs that are not this one.

What `umt.text.normalisation` and `umt.text.morphology` do around the subwords becomes replacements inside
``tokenizer.json``. Endings are exact both ways. Of normalisation there is what text of good make needs:
quotes, dashes, spaces and, in Chinese, the width of marks; HTML, traditional characters and odd numbers are
left as they are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from tokenizers import Regex, decoders, normalizers
from tokenizers import Tokenizer as Subwords
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from umt.text.languages import primary
from umt.text.morphology import SUFFIX_MARK, Parts, SuffixSplitter, regular_form
from umt.text.tokenizer import END, MASK, PAD, Tokenizer
from umt.types import Lang

_M = SUFFIX_MARK
_AFTER_HAN = r"(?<=[\p{Han}”」』》）])\s*"
_LATIN = (
    *(("[´`ʼ＇‘’‚‛′]", "'"), ("[“”„‟«»″「」]", '"'), ("[‐‑−]", "-"), ("‒", "–"), ("―", "—")),
    *(("、", ","), ("。", "."), (r"(?<=\s)[-–—]{1,3}(?=\s|$)", "–"), ("-{2,}|—{2,}", "—")),
    *((r"(?<=\d)\s?[–—]\s?(?=\d)", "-"), (r"\s+—|—\s+", "—"), (r"\s+(?=[,.;:!?%)\]}](?:\s|$))", "")),
)
_CHINESE = (
    *((rf"{_AFTER_HAN}\{half}", wide) for half, wide in zip(",!?:;()", "，！？：；（）", strict=True)),
    (r"(?<=\p{Han})\s*(?:\.(?=[”\"」』]?(?:\s|$|\p{Han}))|｡)", "。"),
    *((r"\((?=\s*\p{Han})", "（"), (r"\)(?=\s*\p{Han})", "）"), ("…+", "……"), ("-{2,}|—+(?=—)—|―+|─+", "——")),
    (r"(?<![!-~À-ɏ])\s+|\s+(?![!-~À-ɏ])", ""),
)
"""(pattern, replacement), in the order of `umt.text.normalisation`."""
_ENDINGS = ("s", "ed", "en", "ing")


def plain_text_tokenizer(tokenizer: Tokenizer, source: Lang, target: Lang) -> PreTrainedTokenizerFast:
    """Plain text of ``source`` to subwords behind its tag, and subwords of ``target`` to plain text.

    Raises ValueError for a vocabulary in parts, which no ``tokenizer.json`` holds.
    """
    if len(tokenizer.parts) > 1:
        raise ValueError("a vocabulary in parts cannot be saved as one")
    subwords = Subwords.from_str(tokenizer.parts[0].to_str())
    rules = (
        _CHINESE if primary(source) == "zh" else (*_LATIN, *_split_rules(tokenizer.inflections.get(source)))
    )
    subwords.normalizer = normalizers.Sequence(
        [
            *([] if primary(source) == "zh" else [normalizers.NFKC()]),
            *(normalizers.Replace(Regex(pattern), new) for pattern, new in [(r"\s+", " "), *rules]),
            normalizers.Strip(),
        ]
    )
    joints = _join_rules(tokenizer.inflections.get(target))
    subwords.decoder = decoders.Sequence(
        [
            decoders.ByteLevel(),
            *(decoders.Replace(Regex(pattern), new) for pattern, new in [*joints, (r"^\s+|\s+$", "")]),
        ]
    )
    tag = f"<{source}>"
    subwords.post_processor = TemplateProcessing(f"{tag} $A", special_tokens=[(tag, tokenizer.tag(source))])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=subwords,
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,  # a "<mask>" in somebody's text is text
        **{"pad_token": PAD, "eos_token": END, "mask_token": MASK, "bos_token": f"<{target}>"},
        additional_special_tokens=[tag],
    )


def _split_rules(splitter: SuffixSplitter | None) -> Iterator[tuple[str, str]]:
    """What splits endings off: one pattern for all words whose spelling changes alike."""
    if splitter is None:
        return
    yield _M, 2 * _M
    changes = ((form, f"{stem} {_M}{ending}") for form, (stem, ending) in splitter.stem_and_suffix.items())
    for words, old, new in _alike(changes):
        yield rf"(?<!\w)(?:{words})\K{old}(?!\w|'\w| {_M}[a-z])", new


def _join_rules(splitter: SuffixSplitter | None) -> Iterator[tuple[str, str]]:
    """What joins them again: of several endings the first, none where the word takes none."""
    if splitter is None:
        return
    yield rf"(?<!{_M}){_M}[a-z]+\K(?: ?(?<!{_M}){_M}[a-z]+)+", ""
    known = splitter.forms | {
        (stem, ending): splitter.forms.get((stem, ending), regular_form(stem, ending))
        for stem in splitter.stems
        for ending in _ENDINGS
    }
    for ending in _ENDINGS:
        # what is no ending is read as the last, as by `SuffixSplitter.join_text`
        joint = f" ?{_M}[a-z]+" if ending == _ENDINGS[-1] else f" ?{_M}{ending}(?![a-z])"
        changes = ((f"{stem}\0", f"{form}\0") for (stem, each), form in known.items() if each == ending)
        for words, old, new in _alike(changes):
            yield rf"(?<![A-Za-z])(?:{words})\K{old.replace(re.escape(chr(0)), joint)}", new.replace("\0", "")
    yield rf" ?(?<!{_M}){_M}(?!{_M})[a-z]+", ""
    yield 2 * _M, _M


def _alike(changes: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Beginnings of words that change alike, as one pattern, what follows them, and what is to follow.

    The first letter may be a capital.
    """
    groups: Mapping[Parts, set[str]] = defaultdict(set)
    for before, after in changes:
        for one, other in ((before, after), (before[0].upper() + before[1:], after[0].upper() + after[1:])):
            pairs = enumerate(zip(one, other, strict=False))
            stem = next((place for place, (letter, new) in pairs if letter != new), min(len(one), len(other)))
            groups[one[stem:], other[stem:]].add(one[:stem])
    for (old, new), beginnings in groups.items():
        yield "|".join(sorted(beginnings, reverse=True)), re.escape(old), new

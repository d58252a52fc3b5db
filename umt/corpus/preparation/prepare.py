"""Raw text becomes clean, segmented sentences in a directory; `umt.corpus.prepared_text` reads them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import islice, product, zip_longest
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import regex

from umt.corpus import HasReadingWarnings, HeldOut, Source
from umt.corpus.preparation.alignment_check import ALIGNED, accidental_alignment
from umt.corpus.preparation.cleaning import (
    OTHER_LANGUAGE,
    CleanedChunk,
    Cleaner,
    Preparation,
    SideStatistics,
)
from umt.corpus.preparation.deduplication import key
from umt.corpus.preparation.held_out_filter import leak_index
from umt.corpus.preparation.leak_index import LEAKS
from umt.corpus.preparation.parallel_cleaning import clean_in_parallel
from umt.corpus.preparation.tally import SideWriter
from umt.corpus.prepared_text import lines_of
from umt.runtime.files import atomic_text
from umt.runtime.processes import cores
from umt.text import morphology
from umt.text.identification import are_swapped, other_language
from umt.text.languages import LanguageClassifier, primary, script_code, scripts
from umt.text.morphology import SuffixSplitter
from umt.text.normalisation import normaliser
from umt.text.script import is_traditional
from umt.types import BadInput, Lang, ProgressCallback

_SAMPLE = 20_000
_MARKS = regex.compile(r"[\p{P}\p{S}\s]+")


def prepare_text(
    source: Source,
    held_out: Sequence[HeldOut],
    preparation: Preparation,
    directory: Path,
    progress: ProgressCallback,
) -> dict[str, Any]:
    """Clean, segment and audit both sides of a corpus; the number of processes changes nothing.

    Writes ``{lang}.txt``, ``{lang}.words``, ``endings.json`` and ``report.json`` into ``directory`` and
    returns the report: ``summary``, ``warnings``, and under ``sides`` what was kept and dropped and why;
    ``leaks`` counts the held-out sentences removed from training; ``alignment`` says whether the sides are
    aligned by accident; ``relation`` is what the source states about its two sides, None: nothing.
    Raises `BadInput` when a side cannot be read, holds a single line, or is not in its language; when both
    hold the same text; when nothing is left; and, with ``audit=strict``, when the audit finds anything.
    """
    cleaners = partial(_cleaners, source, held_out, preparation)
    sides = _clean_sides(source, cleaners, preparation, directory, progress)
    progress("endings", 0, None)
    first, second = source.languages
    pairs = ((first, second), (second, first)) if preparation.split_suffixes else ()
    inflections = {lang: _cut_endings(lang, other, directory) for lang, other in pairs}
    morphology.save(inflections, directory)
    # The generator only breaks ties and draws the null of a test, the same in every run.
    ours, theirs = (SideStatistics.concatenated(side.traces) for side in sides.values())
    alignment = accidental_alignment(ours, theirs, np.random.default_rng(0))
    report = _report(sides, held_out, alignment, inflections)
    findings = report["warnings"]
    if preparation.audit == "strict" and findings:
        raise BadInput(
            f"audit=strict: {'; '.join(findings)}; take the cause out of the "
            f"training text or run with audit=report"
        )
    foreign = [
        f"the text given for {lang} looks like {side.looks_like}: is languages right?"
        for lang, side in sides.items()
        if side.looks_like
    ]
    warnings = [*findings, *foreign, *_input_warnings(source, held_out)]
    report |= {"warnings": warnings, "relation": source.relation}
    written = json.dumps(report, ensure_ascii=False, indent=1)
    (directory / "report.json").write_text(written, encoding="utf-8")
    return report


def _clean_sides(
    source: Source,
    make_cleaners: Callable[[], dict[Lang, Cleaner]],
    preparation: Preparation,
    directory: Path,
    progress: ProgressCallback,
) -> dict[Lang, SideWriter]:
    """Write ``{lang}.txt`` and ``{lang}.words`` of both sides; what was read, and dropped and why.

    Raises `BadInput` as `prepare_text` does, for a side in another language already after its first chunk.
    """
    first, second = source.languages
    with ExitStack() as stack:
        text, words = (
            {lang: stack.enter_context(_writable(directory / f"{lang}.{kind}")) for lang in source.languages}
            for kind in ("txt", "words")
        )
        sides = {lang: SideWriter(lang, text[lang], words[lang]) for lang in source.languages}
        openings: dict[Lang, CleanedChunk] = {}
        for chunk in clean_in_parallel(source, make_cleaners, cores(preparation.workers)):
            side = sides[chunk.lang]
            if chunk.lang not in openings:
                openings[chunk.lang] = chunk
                _check_language(chunk, second if chunk.lang == first else first)
                side.looks_like = other_language(chunk.sentences, chunk.lang)
                if len(openings) == 2:
                    _check_different(*openings.values())
            side.add(chunk, preparation.keep_duplicates)
            progress("lines", sum(tally.counts["lines"] for tally in sides.values()), None)
    for side in sides.values():
        _check_enough(side)
    return sides


def _cut_endings(lang: Lang, other: Lang, directory: Path) -> SuffixSplitter:
    """Learn the endings of a language from its words, and write these anew."""
    path = directory / f"{lang}.words"
    splitter = SuffixSplitter.learn(lang, other, (line.split(" ") for line in lines_of(path)))
    if splitter.stem_and_suffix:
        with atomic_text(path) as file:
            file.writelines(" ".join(splitter.split_words(line.split(" "))) + "\n" for line in lines_of(path))
    return splitter


def _cleaners(source: Source, held_out: Sequence[HeldOut], preparation: Preparation) -> dict[Lang, Cleaner]:
    """One cleaner a language; it knows the held-out sentences and, where both share a script, both languages.

    Raises `BadInput` when a side is in the other's language.
    """
    first, second = source.languages
    profile = None
    if scripts(first) == scripts(second):
        samples = {
            lang: [key(line, spaced=True) for line in islice(source.sentences(lang), _SAMPLE)]
            for lang in (first, second)
        }
        if are_swapped(samples[first], samples[second], (first, second)):
            raise BadInput(
                f"the text given for {first} is {second} and the other way round: "
                f"swap corpus.source and corpus.target, or languages"
            )
        for lang, other in ((first, second), (second, first)):
            if other_language(samples[lang], lang, other):
                raise BadInput(
                    f"the text given for {lang} looks like {other}: each language needs its own text"
                )
        profile = LanguageClassifier.learn(first, samples[first], samples[second])
    return {
        lang: Cleaner(lang, preparation, leak_index(lang, other, held_out, preparation.split_above), profile)
        for lang, other in ((first, second), (second, first))
    }


def _input_warnings(source: Source, held_out: Sequence[HeldOut]) -> list[str]:
    """What was left unread, and references in another writing than translations have."""
    warnings = list(source.reading_warnings()) if isinstance(source, HasReadingWarnings) else []
    for test_set, lang in product(held_out, source.languages):
        side = test_set.unpaired_side(lang)
        if primary(lang) == "zh" and script_code(lang) == "Hans" and is_traditional(side):
            warnings.append(
                f"the zh side of held-out set {test_set.name} is in traditional characters, translations are "
                f"in simplified ones: as references it scores them far too low; convert it with opencc -c t2s"
            )
        elif changed := written_otherwise(side, normaliser(lang)):
            warnings.append(
                f"the {lang} side of held-out set {test_set.name} is not written as translations are "
                f"({changed[0][:20]!r} for {changed[1][:20]!r}): as references it scores them too low"
            )
    return warnings


def written_otherwise(lines: Sequence[str], normalise: Callable[[str], str]) -> tuple[str, str] | None:
    """A word and its normal form, where normalisation changes words in a tenth of the lines or more."""
    pairs = [(line.split(), normalise(line).split()) for line in lines]
    changed = [pair for pair in pairs if _letters(pair[0]) != _letters(pair[1])]
    if len(changed) < max(1, 0.1 * len(lines)):
        return None
    words = zip_longest(*changed[0], fillvalue="")
    return next((old, new) for old, new in words if _letters([old]) != _letters([new]))


def _letters(words: Sequence[str]) -> str:
    letters: str = _MARKS.sub("", "".join(words))
    return letters


def _check_language(opening: CleanedChunk, other: Lang) -> None:
    wrong = opening.drops[OTHER_LANGUAGE]
    if wrong > len(opening.sentences) and wrong > 1:
        raise BadInput(
            f"most of the text given for {opening.lang} is not {opening.lang} (for example: "
            f"{opening.examples[OTHER_LANGUAGE][:60]!r}): are the sides swapped with {other}?"
        )


def _check_different(first: CleanedChunk, second: CleanedChunk) -> None:
    shared = np.isin(first.exact, second.exact).sum()
    if shared > 0.5 * max(1, min(len(first.exact), len(second.exact))):
        raise BadInput(
            f"the text given for {first.lang} and for {second.lang} is the same: each language needs its own"
        )


def _check_enough(side: SideWriter) -> None:
    if side.counts["lines"] < 2:
        raise BadInput(
            f"the {side.lang} text holds {side.counts['lines']} line: "
            f"give one sentence or one document per line, many of them"
        )
    if side.counts["kept"] < 2:
        reason, count = side.drops.most_common(1)[0]
        raise BadInput(
            f"cleaning left {side.counts['kept']} of {side.counts['lines']:,} lines of {side.lang} "
            f"text, mostly because of: {reason} ({count:,} times): "
            "give other text, or relax options of preparation"
        )


def _report(
    sides: dict[Lang, SideWriter],
    held_out: Sequence[HeldOut],
    alignment: dict[str, Any],
    inflections: dict[Lang, SuffixSplitter],
) -> dict[str, Any]:
    """What `prepare_text` returns."""
    kinds = {lang: {kind: side.drops[kind] for kind in LEAKS} for lang, side in sides.items()}
    by_set = {
        test_set.name: {
            lang: sum(count for (_, name), count in side.leaked.items() if name == test_set.name)
            for lang, side in sides.items()
        }
        for test_set in held_out
    }
    leaks = {lang: sum(counts.values()) for lang, counts in kinds.items()}
    warnings = []
    if any(leaks.values()):
        counted = " and ".join(f"{count:,} {lang}" for lang, count in leaks.items())
        warnings.append(f"held-out sentences in the training text: {counted}, removed")
    if alignment["answer"] == ALIGNED:
        warnings.append(alignment["statement"])
    sizes = ", ".join(
        f"{side.counts['kept']:,} {lang} sentences of {side.counts['lines']:,} lines"
        for lang, side in sides.items()
    )
    endings = {lang: len(learnt.stem_and_suffix) for lang, learnt in inflections.items()}
    cut = [f"{count:,} {lang} words cut at their endings" for lang, count in endings.items() if count]
    summary = f"{sizes}; {sum(leaks.values()):,} leaks removed; {alignment['statement']}"
    return {
        "languages": list(sides),
        "summary": "; ".join([summary, *cut]),
        "warnings": warnings,
        "sides": {lang: side.report() for lang, side in sides.items()},
        "leaks": {"removed": kinds, "by_set": by_set},
        "alignment": alignment,
        "endings": endings,
    }


def _writable(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="\n")

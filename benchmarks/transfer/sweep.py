"""Does a code length predict translation? Small runs over the dials of the generated world.

Each run prepares the text, makes word vectors, aligns, and translates with a phrase-based system. Before
anything is translated it measures how many bits the other language and the alignment save a code. The
dictionary and the dev set are read last, to measure.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
from hydra.utils import instantiate
from torch import Generator

from benchmarks.criterion.corpora import configuration
from benchmarks.transfer import dials
from benchmarks.transfer.records import Job, Record
from umt.align import Alignment
from umt.align.agreement import Matches
from umt.align.baseline_criteria import mean_cosine, mutual_share
from umt.compression.mixing import context_mixing
from umt.compression.mixing.cooccurrence_expert import CooccurrenceExpert
from umt.compression.mixing.prefix_code import PrefixCode
from umt.compression.symbols import CodedText
from umt.corpus.preparation.prepare import prepare_text
from umt.corpus.prepared_text import PreparedText
from umt.embeddings.counts import Counts, read_tokens
from umt.embeddings.lexicon import Lexicon
from umt.evaluation.lexicon_precision import precision
from umt.evaluation.metrics import bleu_metric, reference_streams
from umt.pipeline.artefact import commit
from umt.types import F32, BadInput, Lang, ProgressCallback

OVERRIDES = (
    "words.dim=100",
    "aligner.max_rounds=1",
    "aligner.null_runs=2",
    "aligner.settings.clip=[99]",
    "aligner.compared_words=500",
    "aligner.aligner.words=500",
    "aligner.count_augmentation.transliteration=null",
    "bootstrap.rounds=1",
    "bootstrap.sentences=500",
    "bootstrap.beam=10",
    "runtime.workers=1",
    "runtime.threads=1",
)
"""What makes a run of ``train.py`` as small."""
WORDS, KNOWN, CODED = 1000, 60_000, 5_000
"""The most frequent words are symbols; symbols of the text that is known, and of the one that is coded."""
EXPERT = CooccurrenceExpert(cast(Any, object()), cast(Any, object()), doublings=4)
"""It is given its lexicon, and finds none."""
quiet: ProgressCallback = lambda *_: None  # noqa: E731


def jobs() -> Iterator[Job]:
    """One run a setting."""
    config = configuration(*OVERRIDES)
    parts = {name: instantiate(config[name]) for name in ("preparation", "words", "aligner", "bootstrap")}
    for setting in dials.settings():
        yield Job({"experiment": "sweep", "corpus": "world", **setting}, partial(_measure, setting, parts))


def _measure(setting: dict[str, Any], parts: dict[str, Any], folder: Path) -> Record:
    """All values of one setting; where its text does not suffice, the message that says so."""
    start = time.process_time()
    try:
        result = _values(setting, parts, folder)
    except BadInput as error:
        result = {"error": str(error)}
    return {**result, "commit": commit(), "seconds": round(time.process_time() - start, 1)}


def _values(setting: dict[str, Any], parts: dict[str, Any], folder: Path) -> Record:
    """Code lengths, unsupervised criteria, P@1 and BLEU of one setting."""
    for name, fresh in (("text", False), ("fresh", True)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        prepare_text(dials.source(setting, fresh), (), parts["preparation"], folder / name, quiet)
    text, generator = PreparedText(folder / "text"), Generator().manual_seed(setting["seed"])
    source, target = (
        parts["words"].build(lang, read_tokens(text.directory / f"{lang}.words"), generator)
        for lang in text.languages
    )
    alignment: Alignment = parts["aligner"].align(source, target, generator)
    matches = Matches.read(alignment, source, target, 500)
    result: Record = {
        "agreement": round(alignment.verdict.score, 4),
        "null": round(alignment.verdict.null_score, 4),
        "verdict": alignment.verdict.label,
        "cosine": round(mean_cosine(alignment, 500), 4),
        "mutual": round(mutual_share(matches), 4),
        **gains(text, PreparedText(folder / "fresh"), alignment, setting["seed"]),
    }
    translators = parts["bootstrap"].fit(
        text, *text.languages, alignment.lexicon, alignment.reverse_lexicon, generator, quiet,
        alignment.verdict.estimated_precision,
    )  # fmt: skip
    forward, backward = (each.with_smaller_beam() for each in translators)
    real = [[*islice(text.sentences(lang), 50)] for lang in text.languages]
    result["round trip"] = round(
        np.mean([
            bleu(two.translate(one.translate(lines)), [(line,) for line in lines], lang)
            for one, two, lines, lang in zip(
                (forward, backward), (backward, forward), real, text.languages, strict=True
            )
        ]).item(),
        2,
    )  # fmt: skip
    truth, pairs = dials.world(setting).dictionary("all"), dials.dev(setting).pairs().sides
    ways = (alignment.lexicon, truth), (alignment.reverse_lexicon, truth.reversed())
    scores = [{one.name: one.value for one in precision(*way, (1,))} for way in ways]
    x, y = text.languages
    measured = {
        "p@1": [round(way["p@1 covered"], 4) for way in scores],
        "bleu": [
            round(bleu(one.translate([item[0] for item in pairs[here]]), pairs[there], there), 2)
            for one, here, there in ((forward, x, y), (backward, y, x))
        ],
    }
    return {**result, **measured}


def bleu(hypotheses: list[str], references: Any, target: Lang) -> float:
    """BLEU without an interval."""
    return float(
        bleu_metric(target).corpus_score(hypotheses, reference_streams(hypotheses, references)).score
    )


def gains(text: PreparedText, fresh: PreparedText, alignment: Alignment, seed: int) -> dict[str, float]:
    """Percent of the bits of ``fresh`` target text that the source text saves, by co-occurrence alone.

    lexicon: through the lexicon that was found in ``text``, whose bits are not counted; it knows nothing of
    the text that is coded. permuted: with its rows permuted. reverse, reverse permuted: of the source text.
    """
    x, y = text.languages
    words = {lang: side.words[:WORDS] for lang, side in zip((x, y), alignment.sides, strict=True)}
    result = {}
    for prefix, lexicon, source, target in (
        ("", alignment.lexicon, x, y),
        ("reverse ", alignment.reverse_lexicon, y, x),
    ):
        known = coded_words(text.words(source), words[source], source, KNOWN)
        coded = coded_words(fresh.words(target), words[target], target, CODED)
        assert (lexicon.source[:WORDS], lexicon.target[:WORDS]) == (words[source], words[target])
        table = lexicon_matrix(lexicon, known, coded)
        order, there = np.arange(table.shape[0]), np.flatnonzero(np.diff(table.indptr))
        order[there] = np.random.default_rng(seed).permutation(there)
        alone = bits(coded, EXPERT.unconditional(coded, quiet))
        for name, rows in (("lexicon", table), ("permuted", table[order])):
            conditional = bits(coded, EXPERT.with_lexicon(coded, known, rows.tocsr(), quiet))
            result[prefix + name] = round(100 * (alone - conditional) / alone, 4)
    return result


def lexicon_matrix(lexicon: Lexicon, x: CodedText, y: CodedText, candidates: int = 3) -> Counts:
    """(symbols of x, symbols of y) probabilities of the first candidates of the words that are symbols."""
    rows, columns = (
        {int(number): leaf for leaf, number in enumerate(text.numbers) if number < WORDS} for text in (x, y)
    )
    table = sp.lil_matrix((len(x.numbers), len(y.numbers)), dtype=np.float32)
    for word, leaf in rows.items():
        for other, chance in zip(
            lexicon.candidates[word, :candidates].tolist(), lexicon.probabilities[word].tolist(), strict=False
        ):
            if other in columns:
                table[leaf, columns[other]] = chance
    return table.tocsr()


def bits(text: CodedText, expert: F32) -> float:
    """Bits of a text under counts and one expert."""
    return float(context_mixing.code_length(text.codes, text.tree, text.starts, [expert]).sum())


def coded_words(lines: Iterable[list[str]], words: tuple[str, ...], lang: Lang, limit: int) -> CodedText:
    """About the first ``limit`` words as symbols: ``words``, one for all others, and ends."""
    row = {word: number for number, word in enumerate(words)}
    stream: list[int] = []
    ends: list[int] = []
    for line in lines:
        if len(stream) >= limit:
            break
        stream += [row.get(word.lower(), WORDS) for word in line] + [WORDS + 1]
        ends.append(len(stream))
    counts = np.bincount(stream, minlength=WORDS + 2)
    used = np.flatnonzero(counts)
    lengths = PrefixCode.huffman(counts[used]).lengths
    order = np.lexsort((np.arange(len(used)), lengths))
    leaf = np.zeros(WORDS + 2, np.int64)
    leaf[used[order]] = np.arange(len(used))
    return CodedText(
        lang, leaf[stream], np.array(ends), np.diff([0, *ends]), np.diff([0, *ends]),
        used[order], WORDS + 2, PrefixCode.canonical(lengths[order]),
        np.ones(len(used), np.bool_), 0.0,
    )  # fmt: skip

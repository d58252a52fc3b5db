"""What reads files, each with a valid file that is damaged and a use of what was read."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from functools import partial
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import zstandard
from rich.console import Console as Terminal

from tests.align.test_damaged_files import load_alignment, load_space, save_alignment, save_space
from tests.finished_runs import finished_run
from tests.small_texts import EN, LINES, ZH
from umt.cli.sweep import find, show
from umt.compression.archive import Header
from umt.corpus.dictionary import Dictionary
from umt.corpus.files import ParallelFiles
from umt.corpus.known_pairs import TsvPairs
from umt.corpus.prepared_text import PreparedText
from umt.corpus.reading import lines
from umt.embeddings.counts import read_counts
from umt.embeddings.pretrained_vectors import read_vectors
from umt.evaluation.external_systems import ExternalSystem
from umt.evaluation.finished_runs import find_scored_runs
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.t5gemma2 import Division
from umt.pipeline.artefact import Artefact
from umt.pipeline.saved import LanguageDirection, open_translator
from umt.runtime.files import MANIFEST, file_digests, write_json
from umt.runtime.seeds import child_seed
from umt.smt.kneser_ney import KneserNey
from umt.smt.ngram import SPECIALS, NGram
from umt.smt.phrase_table import PhrasePairs, PhraseScoring, read_table
from umt.text import morphology
from umt.text.morphology import SuffixSplitter
from umt.text.token_shards import TokenShards, write_shards
from umt.text.tokenizer import Tokenizer
from umt.text.truecasing import Truecaser
from umt.translation.translator import NeuralTranslator


class Reader(NamedTuple):
    """files: one is damaged; save: writes valid ones into a folder; use: reads them and works with them."""

    files: str
    save: Callable[[Path], object]
    use: Callable[[Path], object]


def _text(place: Path) -> None:
    (place / "a.txt").write_text("one line\r\n第二行\n\nlast", encoding="utf-8")


def _pairs(place: Path) -> None:
    (place / "a.tsv").write_text("a cat\t猫\na dog\t狗\t0.5\n\nno side\t\n", encoding="utf-8")


def _sides(place: Path) -> None:
    (place / "test.en").write_text("a cat sat\nthe dog sees it\n", encoding="utf-8")
    (place / "test.zh").write_text("猫坐着\n狗看见它\n", encoding="utf-8")


def _dictionary(place: Path) -> None:
    (place / "d.txt").write_text("cat 猫\ndog\t狗\t0.5\nold man 老人\n", encoding="utf-8")


def _vectors(place: Path) -> None:
    (place / "v.vec").write_text("3 4\na 1 0 0.5 -1e-3\nb 0 1 0 0\nthe 1 1 1 1\n", encoding="utf-8")


def _binary_vectors(place: Path) -> None:
    numbers = np.arange(1, 13, dtype="<f4").reshape(3, 4) / 7
    entries = b"".join(
        word + b" " + row.tobytes() + b"\n" for word, row in zip((b"a", b"b", b"c"), numbers, strict=True)
    )
    (place / "v.bin").write_bytes(b"3 4\n" + entries)


def _ngrams(place: Path) -> NGram:
    words = (*SPECIALS, *"abcdef")
    ids = np.random.default_rng(0).integers(3, 9, 600).astype(np.int32)
    model = KneserNey(3).fit(words, ids, np.arange(0, 601, 6))
    model.save(place / "model.safetensors")
    return model


def _use_ngrams(place: Path) -> None:
    model = NGram.load(place / "model.safetensors")
    last = len(model.words) - 1
    model.sentences(np.array([3, last, 4, last], np.int32), np.array([0, 4]))
    model.word([0, 3, last], 3)


def _phrases(place: Path) -> None:
    from safetensors.numpy import save_file

    keys, ones = np.arange(4, 10), np.ones(6)
    pairs = PhrasePairs(keys, keys[::-1].copy(), np.ones(6, np.int64), ones, ones)
    table = PhraseScoring(min_count=0, discount=0.0).build_table(
        pairs, _ngrams(place).tables, np.zeros(9, np.bool_), np.ones(9)
    )
    save_file(table._asdict(), place / "options.safetensors")


def _archive(place: Path) -> None:
    (place / "a.umt").write_bytes(Header(b"abcd", b"", b"abc", 300, 1, 2).pack(b"some words as they come"))


def _manifest(place: Path) -> None:
    (place / "a.txt").write_text("x")
    content = {"stage": "align", "fingerprint": "ab", "seed": 1, "made": "2026", "inputs": {"words-1": "x"}}
    report = {"verdict": {"label": "failed"}, "content": "c"}
    write_json(place / MANIFEST, {**content, "files": file_digests(place), "report": report})


def _use_manifest(place: Path) -> None:
    artefact = Artefact.open(place)
    artefact.verify()
    hash((artefact.digest(), artefact.version))
    child_seed(artefact.seed, "align")


def _run(place: Path) -> None:
    finished_run(place, 1, {"translator": [f"Is {number}?" for number in range(30)]})


def _use_run(place: Path) -> None:
    show(find([place]), Terminal(file=StringIO()))
    for run in find_scored_runs([place]):
        run.test_set("test", "zh-en")
        run.translations("test", "zh-en", "translator")
        run.provenance.columns()


def _shards(place: Path) -> None:
    write_shards(LINES[EN][:9], EN, Tokenizer.train(LINES, 300), place)


def _use_shards(place: Path) -> None:
    shards = TokenShards(place, EN)
    for number in range(min(len(shards), 20)):
        assert shards.ids(number).ndim == 1
    assert (shards.lengths() >= 0).all()


def _tokenizer(place: Path) -> None:
    Tokenizer.train(LINES, 300).save(place)


def _use_tokenizer(place: Path) -> None:
    tokenizer = Tokenizer.load(place)
    [ids] = tokenizer.encode(["a cat <mask>"], EN)
    tokenizer.decode(ids, EN)


def _prepared(place: Path) -> None:
    (place / "report.json").write_text(
        '{"languages": ["en", "zh"], "sides": {"en": {"kept": 3}, "zh": {"kept": 2}}}'
    )


def _use_prepared(place: Path) -> None:
    prepared = PreparedText(place)
    assert len(prepared.languages) == 2
    assert prepared.size(EN) >= 0


def _compressed(name: str, compress: Callable[[bytes], bytes]) -> Reader:
    content = compress("one line\r\n第二行\n\nlast".encode() * 3)
    return Reader(
        name, lambda place: (place / name).write_bytes(content), lambda place: [*lines(place / name)]
    )


def _translator(division: Division, place: Path) -> None:
    tokenizer = Tokenizer.train(LINES, 280)
    network = JointLM.create(Architecture(8, 1, 1, 8, 64), len(tokenizer), torch.Generator().manual_seed(1))
    NeuralTranslator(EN, ZH, network.divided(division), tokenizer, {ZH: range(9, 280)}, 12).save(place)


def _use_translator(place: Path) -> None:
    open_translator(place, LanguageDirection(EN, ZH), 2).translate(["a cat sat"])


_SAVED = "translator.json config.json model.safetensors tokenizer.json"

READERS: dict[str, Reader] = {
    "text": Reader("a.txt", _text, lambda place: [*lines(place / "a.txt")]),
    "gzip": _compressed("a.gz", gzip.compress),
    "xz": _compressed("a.xz", lzma.compress),
    "zstd": _compressed("a.zst", zstandard.compress),
    "word_counts": Reader(
        "counts.tsv",
        lambda place: (place / "counts.tsv").write_text("the\t12\ncat 3\n猫\t1\n", encoding="utf-8"),
        lambda place: read_counts(place / "counts.tsv"),
    ),
    "manifest_of_run": Reader(f"run-1/{MANIFEST}", _run, _use_run),
    "manifest_of_alignment": Reader(f"align-1/{MANIFEST}", _run, _use_run),
    "scores": Reader("run-1/scores.json", _run, _use_run),
    "scored_set": Reader("run-1/test_sets/test.zh-en.json", _run, _use_run),
    "external_system": Reader(
        "news.en-zh.txt",
        lambda place: (place / "news.en-zh.txt").write_text("一\n二\n三\n", encoding="utf-8"),
        lambda place: ExternalSystem("theirs", place).translations_of("news", "en-zh", 3),
    ),
    "held_out": Reader(
        "test.en",
        _sides,
        lambda place: ParallelFiles("test", (EN, ZH), place / "test.en", place / "test.zh").pairs(),
    ),
    "parallel_pairs": Reader(
        "a.tsv", _pairs, lambda place: [*TsvPairs(place / "a.tsv", (EN, ZH), 5, {}).examples()]
    ),
    "dictionary": Reader("d.txt", _dictionary, lambda place: Dictionary.read(place / "d.txt", (EN, ZH))),
    "vectors": Reader("v.vec", _vectors, lambda place: read_vectors(place / "v.vec", {"a", "the"})),
    "binary_vectors": Reader(
        "v.bin", _binary_vectors, lambda place: read_vectors(place / "v.bin", {"a", "c"})
    ),
    "ngrams": Reader("model.safetensors", _ngrams, _use_ngrams),
    "phrases": Reader(
        "options.safetensors", _phrases, lambda place: read_table(place / "options.safetensors", 9, 9)
    ),
    "archive": Reader("a.umt", _archive, lambda place: Header.read((place / "a.umt").read_bytes(), place)),
    "manifest": Reader(MANIFEST, _manifest, _use_manifest),
    "token_shards": Reader("en.offsets", _shards, _use_shards),
    "tokenizer": Reader("tokenizer.json", _tokenizer, _use_tokenizer),
    "casing": Reader(
        "casing.json",
        lambda place: Truecaser({"paris": "Paris"}, frozenset([""]), frozenset(["a"])).save(
            place / "casing.json"
        ),
        lambda place: Truecaser.load(place / "casing.json").restore(["paris", "a", "b"]),
    ),
    "endings": Reader(
        morphology.FILE,
        lambda place: morphology.save({EN: SuffixSplitter({"walked": ("walk", "ed")})}, place),
        lambda place: [
            each.join_text(each.split_text("Walked ˍed")) for each in morphology.load(place).values()
        ],
    ),
    "prepared_text": Reader("report.json", _prepared, _use_prepared),
    "word_space": Reader("en.safetensors", save_space, load_space),
    "word_space_json": Reader("en.json", save_space, load_space),
    "alignment": Reader("alignment.json", save_alignment, load_alignment),
    "lexicon": Reader("lexicon.safetensors", save_alignment, load_alignment),
    "translator": Reader(_SAVED, partial(_translator, "joint"), _use_translator),
    "t5gemma2": Reader(_SAVED, partial(_translator, "t5gemma2"), _use_translator),
}

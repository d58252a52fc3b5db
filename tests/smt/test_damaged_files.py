"""A damaged translator or n-gram model ends in a sentence, or works as well as before: never in a signal."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.damage import flipped, impossible_arrays, impossible_json, refusal
from umt.smt.kneser_ney import KneserNey
from umt.smt.ngram import SPECIALS, NGram
from umt.smt.phrase_table import WORD_BITS, PhrasePairs, PhraseScoring
from umt.smt.stack_decoder import DecoderWeights
from umt.smt.translator import PhraseBasedTranslator
from umt.text.truecasing import Truecaser
from umt.types import BadInput, Lang

SENTENCES = ["a b c d e", "f f a , b", "unknown a b", ""]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A small translator with phrases of two words, in a folder."""
    words = (*SPECIALS, *"abcdef")
    ids = np.random.default_rng(0).integers(3, 9, 600).astype(np.int32)
    model = KneserNey(3).fit(words, ids, np.arange(0, 601, 6))
    keys = np.array([*range(4, 10), 4 << WORD_BITS | 5, 6 << WORD_BITS | 7])
    ones = np.ones(len(keys))
    pairs = PhrasePairs(keys, keys[::-1].copy(), np.ones(len(keys), np.int64), ones, ones)
    options = PhraseScoring(min_count=0, discount=0.0).build_table(
        pairs, model.tables, np.zeros(len(words), np.bool_), np.ones(len(words))
    )
    casing, search = Truecaser({}, frozenset(), frozenset()), DecoderWeights(4, 2, 0.5, 0.1, 0.5)
    translator = PhraseBasedTranslator(Lang("en"), Lang("fr"), words, options, model, casing, search, 1)
    translator.save(tmp_path)
    return tmp_path


def use(directory: Path) -> None:
    """Load and translate; a damaged file may say so."""
    message = refusal(lambda: PhraseBasedTranslator.load(directory))
    if message:
        assert str(directory) in message
        assert "\n" not in message
    else:
        assert len(PhraseBasedTranslator.load(directory).translate(SENTENCES)) == len(SENTENCES)


@pytest.mark.parametrize("file", ["options.safetensors", "model.safetensors"])
def test_impossible_arrays_are_refused_or_harmless(file: str, saved: Path) -> None:
    for _ in impossible_arrays(saved / file):
        use(saved)


@pytest.mark.parametrize("file", ["options.safetensors", "model.safetensors", "translator.json"])
def test_changed_bytes_are_refused_or_harmless(file: str, saved: Path) -> None:
    content = (saved / file).read_bytes()
    for seed in range(150):
        (saved / file).write_bytes(flipped(content, seed))
        use(saved)


def test_impossible_settings_are_refused_or_harmless(saved: Path) -> None:
    for _ in impossible_json(saved / "translator.json"):
        use(saved)


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("keys", np.zeros(16, np.int64), "no hash table with a free slot"),
        ("keys", np.full(7, -1, np.int64), "no hash table with a free slot|shape"),
        ("shorter", None, "not shorter"),
        ("logp", np.zeros(2, np.float32), "2 entries for 9 words"),
        ("order", np.array([9]), "order holds 9"),
        ("format", np.array([7]), "format 7, and this program reads format 1"),
    ],
)
def test_each_fault_of_a_model_is_named(
    field: str, value: np.ndarray | None, fault: str, saved: Path
) -> None:
    path = saved / "model.safetensors"
    arrays = load_file(path)
    if value is None:  # two n-grams that back off to each other
        value = arrays[field].copy()
        value[10] = 11
    if field == "keys":
        arrays["nodes"] = np.zeros(len(value), np.int32)
    save_file(arrays | {field: value}, path)
    with pytest.raises(BadInput, match=fault):
        NGram.load(path)


def test_another_format_of_a_translator_is_refused(saved: Path) -> None:
    path = saved / "translator.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["format"]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(BadInput, match=r"format without a number, and this program reads format 1"):
        PhraseBasedTranslator.load(saved)

"""Damaged word spaces, lexicons and alignments end in a sentence, or give what was saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.damage import flipped, impossible_arrays, impossible_json, refusal
from tests.two_languages import two_languages
from umt.align import Alignment, Verdict
from umt.embeddings.lexicon import Lexicon, induce
from umt.embeddings.wordspace import Embeddings, WordSpace
from umt.types import BadInput, Lang

WORDS = tuple("abcdefghij")


def load_space(directory: Path) -> None:
    space = WordSpace.load(directory, Lang("en"))
    for counts in space.counts.values():
        assert (counts @ counts.T).shape == (len(space.words),) * 2
    assert torch.isfinite(space.normalised).all()


def load_alignment(directory: Path) -> None:
    alignment = Alignment.load(directory)
    for lexicon in (alignment.lexicon, alignment.reverse_lexicon):
        for word in lexicon.source:
            lexicon.translations(word)


def save_space(directory: Path) -> None:
    two_languages(30)[0].save(directory)


def save_alignment(directory: Path) -> None:
    vectors = torch.nn.functional.normalize(torch.randn(10, 4, generator=torch.Generator().manual_seed(0)))
    source, target = Embeddings(WORDS, vectors), Embeddings(WORDS[::-1], vectors.clone())
    verdict = Verdict("doubtful", 0.3, float("nan"), "a test", 0.5)
    Alignment(source, target, *induce(source, target, 3), ({"pairs": 10.0},), verdict).save(directory)


CASES: list[tuple[Callable[[Path], None], Callable[[Path], None], str]] = [
    (save_space, load_space, "en.safetensors"),
    (save_space, load_space, "en.json"),
    (save_alignment, load_alignment, "alignment.safetensors"),
    (save_alignment, load_alignment, "alignment.json"),
    (save_alignment, load_alignment, "lexicon.safetensors"),
    (save_alignment, load_alignment, "reverse.json"),
]


@pytest.mark.parametrize(("save", "load", "file"), CASES, ids=[case[2] for case in CASES])
def test_damage_is_refused_or_harmless(
    save: Callable[[Path], None], load: Callable[[Path], None], file: str, tmp_path: Path
) -> None:
    save(tmp_path)
    path = tmp_path / file

    def attempt() -> None:
        message = refusal(lambda: load(tmp_path))
        assert message == "" or (str(tmp_path) in message and "\n" not in message)

    load(tmp_path)
    for _ in impossible_json(path) if path.suffix == ".json" else impossible_arrays(path):
        attempt()
    content = path.read_bytes()
    for seed in range(150):
        path.write_bytes(flipped(content, seed))
        attempt()


def test_another_format_is_refused(tmp_path: Path) -> None:
    save_alignment(tmp_path)
    for name in ("alignment", "lexicon"):
        path = tmp_path / f"{name}.json"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('"format": 1', '"format": 2'), encoding="utf-8")
        with pytest.raises(BadInput, match=f"{name}.json has the format 2, and this program reads format 1"):
            Alignment.load(tmp_path)
        path.write_text(text, encoding="utf-8")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"lexicon\.json is missing"):
        Lexicon.load(tmp_path)

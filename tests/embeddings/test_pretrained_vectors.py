"""Vectors from elsewhere: each format comes back as it was, and a damaged file is called by its name."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from umt.embeddings.count_vectors import RawCounts
from umt.embeddings.counts import IndexedCorpus, index_words
from umt.embeddings.pretrained_vectors import PretrainedVectors, read_vectors
from umt.embeddings.skipgram import Skipgram
from umt.embeddings.wordspace import Embeddings
from umt.types import BadInput, Lang

WORDS = ("the", "Dog", "猫", "cat")
VECTORS = torch.tensor([[1.0, -0.5], [0.25, 3.0], [7.0, 8.0], [0.0, 1.0]])
BINARY = b"4 2\n" + b"".join(
    word.encode() + b" " + struct.pack("<2f", *row) + b"\n"
    for word, row in zip(WORDS, VECTORS.tolist(), strict=True)
)


def text(tmp_path: Path) -> Path:
    Embeddings(WORDS, VECTORS).export(tmp_path / "x.vec")
    return tmp_path / "x.vec"


def sentences(words: int = 40) -> IndexedCorpus:
    random = np.random.default_rng(0)
    rows = [" ".join(f"{'ab'[n % 2]}{k}" for k in random.integers(0, words // 2, 12)) for n in range(400)]
    return index_words(["\n".join(rows)])


def test_text_binary_and_gzip_are_told_by_their_content(tmp_path: Path) -> None:
    plain = text(tmp_path)
    (tmp_path / "binary").write_bytes(BINARY)
    (tmp_path / "dense").write_bytes(BINARY.replace(b"\n", b"").replace(b"4 2", b"4 2\n", 1))
    (tmp_path / "zipped").write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, tmp_path / "binary", tmp_path / "dense", tmp_path / "zipped"):
        found = read_vectors(path, {"the", "dog", "猫", "bird"})
        assert sorted(found) == ["dog", "the", "猫"], (
            "a word counts in lower case where it is not there as it is"
        )
        assert found["the"].tolist() == [1.0, -0.5]
        assert found["dog"].tolist() == [0.25, 3.0]
        assert found["猫"].tolist() == [7.0, 8.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not begin with a line of two numbers"),
        (b"the 0.1 0.2\n", "does not begin with a line of two numbers"),
        (b"3 2\nthe 0.1 0.2\n", "ends after 1 of the 3"),
        (b"2 2\nthe 0.1 0.2\ncat 0.1\n", "damaged at word 2: not 2 finite numbers"),
        (b"2 2\nthe 0.1 0.2\ncat 0.1 nan\n", "damaged at word 2"),
        (b"2 2\nthe 0.1 0.2\ncat 0.1 x\n", "damaged at word 2"),
        (BINARY[:-6], "ends after 3 of the 4"),
        (b"4 2\n" + b"\xff" * 5000, "neither text nor"),
        (b"\xba\x16\x4f\x2f" + b"\0" * 50, "fastText model"),
        (gzip.compress(b"2 2\nthe 1 2\n" * 99)[:-12], "compressed data ends early"),
    ],
)
def test_damage_is_told(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read_vectors(tmp_path / "bad", {"the", "cat"})


def test_a_file_joins_the_counts_of_the_text(tmp_path: Path) -> None:
    tokens = sentences()
    words = tokens.words[1::2]  # the file does not know every word
    vectors = torch.randn(len(words), 6, generator=torch.Generator().manual_seed(0))
    Embeddings(words, vectors).export(tmp_path / "en.vec")
    space = PretrainedVectors({"en": str(tmp_path / "en.vec")}, windows=(2,)).build(
        Lang("en"), tokens, torch.Generator()
    )
    assert space.words == words
    assert torch.allclose(space.vectors, vectors, atol=1e-3)
    assert space.frequencies.tolist() == [int(each) for each in tokens.frequencies[1::2]]
    whole = RawCounts(dim=20, windows=(2,), window=2).build(Lang("en"), tokens, torch.Generator())
    assert (space.counts[2].toarray() == whole.counts[2].toarray()[1::2, 1::2]).all(), "places are kept"
    with pytest.raises(BadInput, match=r"words\.paths\.zh"):
        PretrainedVectors({}).build(Lang("zh"), tokens, torch.Generator())
    with pytest.raises(BadInput, match="knows 0 of the"):
        PretrainedVectors({"zh": str(text(tmp_path))}).build(Lang("zh"), tokens, torch.Generator())


@pytest.mark.parametrize(
    "builder", [RawCounts(dim=30, windows=(5,)), Skipgram(dim=16, windows=(5,), epochs=8, sample=0)]
)
def test_words_of_one_topic_lie_close(builder: RawCounts | Skipgram) -> None:
    tokens = sentences()
    space, again = (builder.build(Lang("en"), tokens, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(space.vectors, again.vectors), "the seed decides"
    unit = torch.nn.functional.normalize(space.vectors, dim=1)
    topic = torch.tensor([word[0] == "a" for word in space.words])
    similarity = unit @ unit.T
    assert similarity[topic][:, topic].mean() > similarity[topic][:, ~topic].mean() + 0.2

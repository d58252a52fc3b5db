"""Vectors from elsewhere: each format comes back as it was, and a damaged file is called by its name."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import zstandard

from tests.damage import flipped, refusal
from umt.embeddings.count_vectors import RawCounts
from umt.embeddings.counts import IndexedCorpus, index_words
from umt.embeddings.pretrained_vectors import PretrainedVectors, VectorFiles, read_vectors
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


def packed_vectors(kind: str) -> bytes:
    """A binary file of 40 words with 6 random numbers each, in another kind of numbers."""
    random = np.random.default_rng(0)
    rows = [
        f"w{row} ".encode() + struct.pack(f"{kind[0]}6{kind[1]}", *random.normal(size=6)) for row in range(40)
    ]
    return b"40 6\n" + b"\n".join(rows) + b"\n"


def sentences(words: int = 40) -> IndexedCorpus:
    random = np.random.default_rng(0)
    rows = [" ".join(f"{'ab'[n % 2]}{k}" for k in random.integers(0, words // 2, 12)) for n in range(400)]
    return index_words(["\n".join(rows)])


def test_text_binary_and_gzip_are_told_by_their_content(tmp_path: Path) -> None:
    plain = text(tmp_path)
    (tmp_path / "binary").write_bytes(BINARY)
    (tmp_path / "dense").write_bytes(BINARY.replace(b"\n", b"").replace(b"4 2", b"4 2\n", 1))
    (tmp_path / "zipped").write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    for path in (plain, tmp_path / "binary", tmp_path / "dense", tmp_path / "zipped"):
        result = read_vectors(path, {"the", "dog", "猫", "bird"})
        assert sorted(result) == ["dog", "the", "猫"], (
            "a word counts in lower case where it is not there as it is"
        )
        assert result["the"].tolist() == [1.0, -0.5]
        assert result["dog"].tolist() == [0.25, 3.0]
        assert result["猫"].tolist() == [7.0, 8.0]


def test_wrappings_and_separators_change_nothing(tmp_path: Path) -> None:
    plain = text(tmp_path).read_bytes()
    expected = read_vectors(tmp_path / "x.vec", {"the", "猫"})
    wrapped = {
        "xz": lzma.compress(plain),
        "zst": zstandard.compress(plain),
        "mark": b"\xef\xbb\xbf" + plain,
        "tabs": plain.replace(b" ", b"\t"),
        "double": plain.replace(b" ", b"  "),
        "windows": plain.replace(b"\n", b"\r\n"),
        "leading": plain.replace(b"\n", b"\n "),
        "trailing": plain.replace(b"\n", b" \n"),
        "unended": plain.rstrip(b"\n"),
    }
    for name, content in wrapped.items():
        (tmp_path / name).write_bytes(content)
        vectors = read_vectors(tmp_path / name, {"the", "猫"})
        assert {word: row.tolist() for word, row in vectors.items()} == {
            word: row.tolist() for word, row in expected.items()
        }, name


@pytest.mark.parametrize("rows", [torch.zeros(40, 6), torch.ones(40, 6)])
def test_vectors_without_a_difference_are_refused(rows: torch.Tensor, tmp_path: Path) -> None:
    tokens = sentences()
    Embeddings(tokens.words, rows[: len(tokens.words)]).export(tmp_path / "en.vec")
    with pytest.raises(BadInput, match="the same vector"):
        PretrainedVectors({"en": str(tmp_path / "en.vec")}).build(Lang("en"), tokens, torch.Generator())


@pytest.mark.parametrize("seed", range(60))
def test_changed_bytes_of_vectors_end_in_a_sentence(seed: int, tmp_path: Path) -> None:
    for name, content in (("text", text(tmp_path).read_bytes()), ("binary", BINARY)):
        (tmp_path / name).write_bytes(flipped(content, seed))
        message = refusal(lambda name=name: read_vectors(tmp_path / name, {"the", "cat"}))  # type: ignore[misc]
        assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, or its first line is"),
        (b"the 0.1 x\n", "does not begin with a line of two numbers"),
        (b"3 2\nthe 0.1 0.2\n", "ends after 1 of the 3"),
        (b"2 2\nthe 0.1 0.2\ncat 0.1\n", "damaged at word 2: not 2 finite numbers"),
        (b"2 2\nthe 0.1 0.2\ncat 0.1 nan\n", "damaged at word 2"),
        (b"2 2\nthe 0.1 0.2\ncat 0.1 x\n", "damaged at word 2"),
        (BINARY[:-6], "ends after 3 of the 4"),
        (b"4 2\n" + b"\xff" * 5000, "neither text nor"),
        (b"\xba\x16\x4f\x2f" + b"\0" * 50, "fastText model"),
        (gzip.compress(b"2 2\nthe 1 2\n" * 99, mtime=0)[:-12], "compressed data cannot be read"),
        (
            gzip.compress(b"2 2\nthe 1 2\n" * 99, mtime=0)[:30] + b"\xff" * 20,
            "compressed data cannot be read",
        ),
        (lzma.compress(b"2 2\nthe 1 2\n" * 99)[:-12], "compressed data cannot be read"),
        (bz2.compress(b"2 2\nthe 1 2\n"), r"is a bzip2 archive.*\.gz, \.xz, \.zst"),
        (b"PK\x03\x04" + b"0" * 99, r"is a zip archive.*\.gz, \.xz, \.zst"),
        (b"1 2\nthe 0.1 0.2\ncat 0.1 0.3\n", "more than the 1 words of its first line"),
        (b"4 2\n" + BINARY[4:] + BINARY[4:], "more than the 4 words of its first line"),
        (b"2 2\nthe 0,1 0,2\ncat 0,3 0,4\n", "damaged at word 1: not 2 finite numbers"),
        (b"2 2\nthe 0x1 0.2\ncat 0.3 0.4\n", "damaged at word 1: not 2 finite numbers"),
        (b"2 2\nthe 1_0 0.2\ncat 0.3 0.4\n", "damaged at word 1: not 2 finite numbers"),
        (b"2 2\nthe 1e39 0.2\ncat 0.3 0.4\n", "damaged at word 1: not 2 finite numbers"),
        ("2 2\ncaf\u00e9 1 2\nthe 3 4\n".encode("latin-1"), "is text, but not UTF-8"),
        ("2 2\nthe 1 2\ncat 3 4\n".encode("utf-16"), "is UTF-16"),
        (b"\x93NUMPY\x01\x00", "is a NumPy array"),
        (b"\x80\x04\x95", "is a Python pickle"),
        (packed_vectors("<d"), "damaged at word|more than"),
        (packed_vectors(">f"), "damaged at word"),
        (packed_vectors("<e"), "damaged|ends after"),
        (b"99999999999 2\nthe 1 2\n", "says it holds"),
        (b"2 999999\nthe 1 2\n", "says it holds"),
        (b"2 0\nthe\n", "says it holds"),
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


def test_every_format_gives_the_same_word_space(tmp_path: Path) -> None:
    words = tuple(f"w{n}" for n in range(30))
    vectors = torch.randn(30, 5, generator=torch.Generator().manual_seed(0))
    side = Embeddings(words, vectors)
    side.export(tmp_path / "x.vec")
    side.export(tmp_path / "x.bin")
    (tmp_path / "glove").write_bytes((tmp_path / "x.vec").read_bytes().split(b"\n", 1)[1])
    (tmp_path / "glove.gz").write_bytes(gzip.compress((tmp_path / "glove").read_bytes()))
    for name in ("x.vec", "x.bin", "glove", "glove.gz"):
        files = VectorFiles({"en": str(tmp_path / name)}, size=25)
        space = files.build(Lang("en"), None, torch.Generator())
        assert space.words == words[:25]
        assert torch.allclose(space.vectors, vectors[:25], atol=1e-3)
        assert space.counts == {}
        assert (space.frequencies.diff() < 0).all(), "the order of the file"


def test_counts_order_the_words_of_a_file(tmp_path: Path) -> None:
    words = tuple(f"w{n}" for n in range(20))
    Embeddings(words, torch.randn(20, 5, generator=torch.Generator().manual_seed(0))).export(tmp_path / "x")
    (tmp_path / "counts").write_text("".join(f"w{n}\t{n + 1}\n" for n in range(20)), encoding="utf-8")
    paths = {"en": str(tmp_path / "x")}, {"en": str(tmp_path / "counts")}
    space = VectorFiles(*paths).build(Lang("en"), None, torch.Generator())
    assert space.words == words[::-1]
    assert space.frequencies[0] == 20
    (tmp_path / "counts").write_text("w1 3\nw2 many\n", encoding="utf-8")
    with pytest.raises(BadInput, match="counts line 2 is not a word"):
        VectorFiles(*paths).build(Lang("en"), None, torch.Generator())
    with pytest.raises(BadInput, match="there is no file"):
        VectorFiles({"en": str(tmp_path / "none")}).build(Lang("en"), None, torch.Generator())

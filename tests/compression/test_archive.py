"""Held-out code lengths, and archives that are as long as they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.small_texts import EN, LINES, TINY, ZH, quiet
from umt.cli.archive import main
from umt.compression.archive import MOST_SUBWORDS, Archiver, Header
from umt.compression.byte_fallback import decode, encode
from umt.compression.code_length import CodeLength, held_out_code_length
from umt.lm.joint_lm import JointLM
from umt.lm.loading import load, require_causal, save
from umt.pipeline.saved import language_model
from umt.runtime.files import MANIFEST
from umt.text.morphology import SuffixSplitter
from umt.text.tokenizer import Tokenizer
from umt.types import BadInput


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model of random weights with its tokenizer."""
    directory = tmp_path_factory.mktemp("model")
    tokenizer = Tokenizer.train(LINES, 300)
    tokenizer.save(directory)
    save(JointLM.create(TINY, len(tokenizer), torch.Generator().manual_seed(1)), directory)
    return directory


def test_code_lengths_have_intervals_and_units(saved: Path) -> None:
    model, tokenizer = load(saved), Tokenizer.load(saved)
    result = held_out_code_length(model, tokenizer, {EN: LINES[EN], ZH: LINES[ZH][:7]})
    assert result["together"].bits.sum() == pytest.approx(result[EN].bits.sum() + result[ZH].bits.sum())
    assert result[EN].bits[0] == pytest.approx(result[EN].bits[3], rel=1e-5)
    score = result[EN].per("byte", "bits/byte")
    assert score.low < score.value < score.high
    assert result[ZH].per("character", "c").value > 2 * result[ZH].per("byte", "b").value
    ones = np.ones(4, np.int64)
    assert CodeLength(2.0 * ones, ones, ones, ones).per("token", "t").value == 2


def test_a_masked_model_has_no_code_length(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"config": {"causal": 0.0, "masked": 1.0}}))
    with pytest.raises(BadInput, match="pseudo-likelihood and no code length"):
        require_causal(tmp_path)
    with pytest.raises(BadInput, match="pseudo-likelihood"):
        Archiver.open(tmp_path, None, quiet)


def test_the_model_of_a_run_is_found(saved: Path, tmp_path: Path) -> None:
    run = tmp_path / "run-1"
    run.mkdir()
    (tmp_path / "pretrain-1").symlink_to(saved)
    manifest = {"stage": "run", "config": {}, "report": {"parts": ["prepare-1", "pretrain-1"]}}
    (run / MANIFEST).write_text(json.dumps(manifest))
    assert (
        Archiver.open(language_model(run), None, quiet).identity == Archiver.open(saved, None, quiet).identity
    )
    manifest["report"] = {"parts": ["prepare-1", "bits-1"]}
    (run / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match="run-1 has no language model: prepare-1, bits-1 is all it has"):
        Archiver.open(language_model(run), None, quiet)
    with pytest.raises(BadInput, match="pretrain-2 is no folder of a model"):
        Archiver.open(tmp_path / "pretrain-2", None, quiet)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"the cat sat\n",
        "猫坐在 a mat".encode(),
        b"\xff\xfe\x00</s><mask>\r\n\n",
        bytes(range(256)) * 3,
    ],
    ids=["empty", "newline", "line", "mixed", "specials", "binary"],
)
def test_any_bytes_come_back(saved: Path, data: bytes) -> None:
    archiver = Archiver.open(saved, None, quiet)
    archive, _ = archiver.compress(data, quiet)
    assert archiver.decompress(archive, Path("x"), quiet) == data
    tokenizer = archiver.tokenizer
    assert decode(encode(data, tokenizer, ZH), tokenizer) == data


def test_any_bytes_come_back_with_endings(saved: Path) -> None:
    words = SuffixSplitter({"sat": ("sit", "ed"), "cats": ("cat", "s")})
    tokenizer = replace(Tokenizer.load(saved), inflections={EN: words})
    data = "Cats sat\n\nthe cat ˍs \u02cded sat.\n猫 sit ˍed\n".encode() + b"\xff cat \xcb\x8ds\r\nsat"
    for lang in (EN, ZH):
        assert decode(encode(data, tokenizer, lang), tokenizer) == data
    assert "sit ˍed" in tokenizer.decode(encode(b"cats sat", tokenizer, EN))


def test_the_archive_is_as_long_as_the_code(saved: Path) -> None:
    data = "\n".join([*LINES[EN], *LINES[ZH]] * 2).encode()
    archiver = Archiver.open(saved, None, quiet)
    archive, bits = archiver.compress(data, quiet)
    assert len(archive) - len(Header.read(archive, Path("x"))[1]) <= 18
    assert 8 * len(archive) == pytest.approx(bits, rel=0.01)
    assert archiver.compress(data, quiet)[0] == archive
    assert archiver.decompress(archive, Path("x"), quiet) == data


def test_what_is_given_shortens_what_it_resembles(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, file = tmp_path / "corpus.txt", tmp_path / "file"
    corpus.write_text("\n".join(LINES[EN] * 10))
    file.write_text("\n".join(LINES[EN][:20]))
    alone, after, back = tmp_path / "alone", tmp_path / "after", tmp_path / "back"
    main(["compress", str(file), str(saved), str(alone)])
    main(["compress", str(file), str(saved), str(after), "--given", str(corpus)])
    assert after.stat().st_size < 0.8 * alone.stat().st_size
    threads = torch.get_num_threads()
    torch.set_num_threads(3 - min(threads, 2))  # what is learned from --given hangs on them
    try:
        main(["decompress", str(after), str(saved), str(back), "--given", str(corpus)])
    finally:
        torch.set_num_threads(threads)
    assert back.read_bytes() == file.read_bytes()
    assert "the model asks for" in capsys.readouterr().out
    _fails(["decompress", str(after), str(saved), str(back)], "compressed with --given", capsys)


def test_errors_say_what_is_wrong(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive, _ = Archiver.open(saved, None, quiet).compress(b"the cat sat on the mat", quiet)
    good, out = tmp_path / "good", str(tmp_path / "out")
    good.write_bytes(archive)
    for name, damaged in {
        "flipped": bytearray(archive),
        "short": archive[:-1],
        "header": archive[:9],
    }.items():
        if isinstance(damaged, bytearray):
            damaged[-2] ^= 4
        (tmp_path / name).write_bytes(damaged)
        _fails(["decompress", str(tmp_path / name), str(saved), out], f"{name} is damaged", capsys)
    (tmp_path / "text").write_bytes(b"hello")
    _fails(["decompress", str(tmp_path / "text"), str(saved), out], "no archive|not an archive", capsys)
    other = tmp_path / "other"
    tokenizer = Tokenizer.load(saved)
    save(JointLM.create(TINY, len(tokenizer), torch.Generator().manual_seed(2)), other)
    tokenizer.save(other)
    _fails(["decompress", str(good), str(other), out], "another model", capsys)
    _fails(["compress", str(tmp_path / "none"), str(saved), out], "none cannot be read", capsys)
    assert not Path(out).exists()


def test_an_interrupt_says_what_was_not_written(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Archiver, "open", interrupted)
    (tmp_path / "file").write_bytes(b"text")
    with pytest.raises(SystemExit):
        main(["compress", str(tmp_path / "file"), str(saved), str(tmp_path / "out")])
    assert capsys.readouterr().err == f"error: interrupted, {tmp_path / 'out'} was not written\n"


def _fails(arguments: list[str], output: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    message = capsys.readouterr().err
    assert any(each in message for each in output.split("|")), message
    assert message.count("\n") == 1


def test_archive_whose_content_is_another_is_refused(saved: Path) -> None:
    """An archive that decodes to other bytes than were compressed, as on another machine, says so."""
    archiver = Archiver.open(saved, None, quiet)
    data = b"the cat sat on the mat"
    header, body = Header.read(archiver.compress(data, quiet)[0], Path("x"))
    assert archiver.decompress(header.pack(body), Path("x"), quiet) == data
    other = replace(header, content=bytes(byte ^ 1 for byte in header.content))
    with pytest.raises(BadInput, match="x does not decode on this machine"):
        archiver.decompress(other.pack(body), Path("x"), quiet)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda archive: b"\xb5u" + archive[2:], "of a format that this version of umt does not read"),
        (lambda archive: b"PK" + archive[2:], "not an archive"),
        (lambda archive: b"", "not an archive"),
        (lambda archive: archive[:8], "ends within its header"),
        (lambda archive: archive[:13], "ends within its header"),
        (lambda archive: archive[:-1], "checksum does not match"),
        (lambda archive: archive[:11] + bytes([archive[11] ^ 4]) + archive[12:], "checksum does not match"),
    ],
)
def test_damaged_header_is_named(saved: Path, damage: Callable[[bytes], bytes], reason: str) -> None:
    archive, _ = Archiver.open(saved, None, quiet).compress(b"the cat sat on the mat", quiet)
    with pytest.raises(BadInput, match=reason):
        Header.read(damage(archive), Path("x"))


def test_sizes_of_a_header_are_bounded(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A header with a right checksum and absurd numbers ends in a sentence before memory is asked for."""
    archiver = Archiver.open(saved, None, quiet)
    header, body = Header.read(archiver.compress(b"the cat sat", quiet)[0], Path("x"))
    for wrong in ({"count": MOST_SUBWORDS + 1}, {"count": 1 << 62}, {"threads": 0}):
        with pytest.raises(BadInput, match="x is damaged"):
            Header.read(replace(header, **wrong).pack(body), Path("x"))
    with pytest.raises(BadInput, match="no language number 9"):
        archiver.decompress(replace(header, lang=9).pack(body), Path("x"), quiet)
    monkeypatch.setattr("umt.compression.archive.MOST_SUBWORDS", 3)
    with pytest.raises(BadInput, match="more than 3: split it"):
        archiver.compress(b"the cat sat", quiet)

"""Text from files, and one clear sentence for each thing that can be wrong with them."""

from __future__ import annotations

import gzip
import lzma
import os
import threading
from pathlib import Path

import pytest
import zstandard

from tests.corpus.test_reading import COMPRESSED, LONG
from tests.text.test_identification import TEXTS
from umt.corpus.files import Files, ParallelFiles
from umt.corpus.preparation.cleaning import Preparation
from umt.corpus.preparation.prepare import prepare_text
from umt.corpus.prepared_text import PreparedText
from umt.corpus.reading import lines
from umt.runtime.files import disk_full_as_bad_input
from umt.types import BadInput, Lang

EN, ZH = Lang("en"), Lang("zh")
PAIR = (EN, ZH)
ENGLISH = ["The old man reads a book.", "My sister bought three apples.", "They went home after the rain."]
CHINESE = ["那个老人在看书。", "我姐姐买了三个苹果。", "雨停以后他们就回家了。"]


def write(path: Path, text: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in text), encoding="utf-8")
    return path


def quiet(*_: object) -> None:
    pass


def run(source: Files, directory: Path) -> PreparedText:
    directory.mkdir(exist_ok=True)
    prepare_text(source, source.held_out(), Preparation(workers=1), directory, quiet)
    return PreparedText(directory)


@pytest.fixture
def good(tmp_path: Path) -> tuple[Path, Path]:
    return write(tmp_path / "a.txt", ENGLISH), write(tmp_path / "b.txt", CHINESE)


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_a_root_with_every_compression(tmp_path: Path, suffix: str) -> None:
    for lang, text in ((EN, ENGLISH), (ZH, CHINESE)):
        data = ("\ufeff" + "\r\n".join(text)).encode()
        (tmp_path / f"{lang}.txt{suffix}").write_bytes(COMPRESSED[suffix](data))
        write(tmp_path / f"test.{lang}", text[:1])
    source = Files(PAIR, root=tmp_path)
    assert list(source.sentences(EN)) == ENGLISH
    assert list(source.sentences(ZH)) == CHINESE
    (test,) = source.held_out()
    assert test.name == "test"
    assert test.pairs().sides == {EN: ((ENGLISH[0],),), ZH: ((CHINESE[0],),)}


def test_folders_are_read_in_order_and_two_frames_are_one_file(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "more").mkdir(parents=True)
    write(folder / "a.txt", ENGLISH[:1])
    frames = [COMPRESSED[".zst"](f"{line}\n".encode()) for line in ENGLISH[1:]]
    (folder / "more" / "b.zst").write_bytes(b"".join(frames))
    write(folder / ".hidden", ["no"])
    source = Files(PAIR, source=folder, target=write(tmp_path / "zh", CHINESE))
    assert list(source.sentences(EN)) == ENGLISH


def damaged(data: bytes) -> bytes:
    return data[: len(data) // 2]


def test_links_to_folders_are_followed_once_and_broken_ones_named(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    write(folder / "a.txt", ENGLISH[:1])
    write(elsewhere / "b.txt", ENGLISH[1:])
    (folder / "more").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(folder)
    (folder / "gone.txt").symlink_to("nowhere")
    os.mkfifo(elsewhere / "pipe")
    source = Files(PAIR, source=folder, target=write(tmp_path / "zh", CHINESE))
    assert list(source.sentences(EN)) == ENGLISH
    (tmp_path / "out").mkdir()
    report = prepare_text(source, (), Preparation(workers=1, audit="strict"), tmp_path / "out", quiet)
    (warning,) = report["warnings"]
    assert f"2 entries of {folder} are or lead to no file and are left out, first {folder}/gone" in warning


def test_a_pipe_is_read_once_and_no_corpus(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(BadInput, match=r"corpus\.source=.*pipe"):
        list(Files(PAIR, source=pipe, target=write(tmp_path / "zh", CHINESE)).sentences(EN))
    writer = threading.Thread(target=lambda: pipe.write_bytes(gzip.compress(LONG)))
    writer.start()
    assert len(list(lines(pipe))) == 5000
    writer.join()


def test_an_empty_path_is_none() -> None:
    for empty in ("", "  "):
        with pytest.raises(BadInput, match=r"corpus\.source is not given"):
            list(Files(PAIR, source=empty, target="zh.txt").sentences(EN))  # type: ignore[arg-type]
        with pytest.raises(BadInput, match=r"corpus\.pairs"):
            Files(PAIR, pairs=empty).training_pairs(3, {})  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="target"):
            ParallelFiles("t", PAIR, Path("a"), empty)  # type: ignore[arg-type]


def test_the_relation_stands_in_the_report(good: tuple[Path, Path], tmp_path: Path) -> None:
    source = Files(PAIR, *good, relation="two novels of one author")
    assert source.digest() != Files(PAIR, *good).digest()
    report = prepare_text(source, (), Preparation(workers=1), tmp_path, quiet)
    assert report["relation"] == "two novels of one author"


def test_prepared_text_reads_back(good: tuple[Path, Path], tmp_path: Path) -> None:
    text = run(Files(PAIR, *good), tmp_path / "out")
    assert text.languages == PAIR
    assert text.size(EN) == 3
    assert list(text.sentences(EN)) == ENGLISH
    assert next(text.words(EN)) == ["The", "old", "man", "reads", "a", "book", "."]
    assert ["".join(words) for words in text.words(ZH)] == CHINESE


def test_endings_are_words_of_their_own_and_sentences_stay(tmp_path: Path) -> None:
    english = [f"She walked to {name} and he walks home." for name in ("Ann", "Bob", "Eve", "Joe")]
    english += [f"They walk with {name} every day." for name in ("Ann", "Bob", "Eve", "Joe")]
    chinese = [f"她走到{name}那里去了。" for name in "甲乙丙丁戊己庚辛"]
    corpus = Files(PAIR, write(tmp_path / "a.txt", english), write(tmp_path / "b.txt", chinese))
    for endings in (True, False):
        directory = tmp_path / f"{endings}"
        directory.mkdir()
        report = prepare_text(corpus, (), Preparation(workers=1, split_suffixes=endings), directory, quiet)
        text = PreparedText(directory)
        assert next(text.sentences(EN)) == english[0]
        assert ("walk ˍed to Ann and he walk ˍs home" in next(text.segmented_lines(EN))) == endings
        assert (report["endings"] == {"en": 2, "zh": 0}) == endings
        assert text.size(EN) == len(list(text.words(EN))) == len(english)


def test_the_held_out_side_is_a_bag(tmp_path: Path) -> None:
    files = write(tmp_path / "t.en", ["b", "a", "", "c"]), write(tmp_path / "t.zh", ["乙", "甲", "空", "丙"])
    test = ParallelFiles("t", PAIR, *files)
    assert test.unpaired_side(EN) == ["a", "b", "c"]
    assert test.unpaired_side(ZH) == sorted(["乙", "甲", "空", "丙"])
    assert test.pairs().sides[EN] == (("b",), ("a",), ("c",))
    write(files[1], ["乙"])
    for opened in (test.pairs, lambda: test.unpaired_side(EN)):  # the second before anything is trained
        with pytest.raises(BadInput, match=r"4 lines.*1"):
            opened()


def test_a_held_out_set_the_wrong_way_round(good: tuple[Path, Path], tmp_path: Path) -> None:
    swapped = ParallelFiles("mine", PAIR, *good[::-1])
    with pytest.raises(BadInput, match=r"en side of held-out set mine is not en.*swapped"):
        prepare_text(Files(PAIR, *good), [swapped], Preparation(workers=1), tmp_path, quiet)


def test_a_held_out_set_of_one_script_the_wrong_way_round(tmp_path: Path) -> None:
    english = write(tmp_path / "en", ["The house that you see is not for the king and his men."] * 9)
    german = write(tmp_path / "de", ["Das Haus, das ich sehe, ist nicht für den König und die Leute."] * 9)
    pair = (EN, Lang("de"))
    swapped = ParallelFiles("mine", pair, german, english)
    with pytest.raises(BadInput, match=r"en side of held-out set mine is not en.*swapped"):
        prepare_text(Files(pair, english, german), [swapped], Preparation(workers=1), tmp_path, quiet)


def test_the_digest_follows_the_content(good: tuple[Path, Path]) -> None:
    before = Files(PAIR, *good).digest()
    assert Files(PAIR, *good).digest() == before
    write(good[0], [*ENGLISH, "One more line."])
    assert Files(PAIR, *good).digest() != before


BAD = {
    "empty": (b"", "a.txt", r"a\.txt is empty"),
    "binary": (b"\x00\x01text\n" * 9, "a.txt", "binary"),
    "pdf": (b"%PDF-1.7 ...", "a.txt", "PDF"),
    "utf-8": (b"fine\nalso fine\nbad \xff byte\n", "a.txt", "UTF-8 at line 3"),
    "utf-16": ("text\n".encode("utf-16"), "a.txt", "UTF-16"),
    "one line": (b"Only one sentence stands here.\n", "a.txt", "1 line"),
    "blank": (b"\n\n\n\n", "a.txt", "empty"),
    "cut gz": (damaged(gzip.compress(LONG)), "a.gz", "damaged"),
    "cut xz": (damaged(lzma.compress(LONG)), "a.xz", "damaged"),
    "cut zst": (damaged(zstandard.ZstdCompressor().compress(LONG)), "a.zst", "damaged"),
    "json": (b'{"text": "A cat sat here."}\n' * 9, "a.txt", "is JSON"),
    "xml": (b'\xef\xbb\xbf<?xml version="1.0"?>\n<tmx/>\n', "a.txt", "is XML or HTML"),
    "subtitles": (b"1\n00:00:01,000 --> 00:00:02,000\nHello.\n" * 9, "a.txt", "is subtitles"),
    "web archive": (b"WARC/1.0\r\nWARC-Type: conversion\r\n", "a.txt", "is a web archive"),
    "carriage returns": (b"One sentence.\r" * 9, "a.txt", "carriage returns: convert"),
    "not xz": (b"<html>404</html>\n", "a.xz", "does not hold xz"),
    "empty gz": (b"", "a.gz", "is empty"),
    "Chinese for English": ("\n".join(CHINESE).encode(), "a.txt", "not en"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_text_is_named(tmp_path: Path, what: str) -> None:
    data, name, message = BAD[what]
    (tmp_path / name).write_bytes(data)
    source = Files(PAIR, tmp_path / name, write(tmp_path / "zh", [f"{line}{line}" for line in CHINESE]))
    with pytest.raises(BadInput, match=message) as raised:
        run(source, tmp_path / "out")
    assert "\n" not in str(raised.value)


def test_bad_options_are_named(good: tuple[Path, Path], tmp_path: Path) -> None:
    one, other = good
    empty = tmp_path / "empty"
    empty.mkdir()
    wrong = {
        r"corpus\.source is not given": Files(PAIR),
        r"corpus\.target is not given": Files(PAIR, source=one),
        "exclude each other": Files(PAIR, one, other, tmp_path),
        r"corpus\.target=.*nowhere does not exist": Files(PAIR, one, tmp_path / "nowhere"),
        "folder without files": Files(PAIR, one, empty),
        r"holds no en\.txt": Files(PAIR, root=empty),
        "is not a folder": Files(PAIR, root=one),
        "given for both en and zh": Files(PAIR, one, one),
    }
    for message, source in wrong.items():
        with pytest.raises(BadInput, match=message):
            list(source.sentences(EN))
    with pytest.raises(ValueError, match="languages"):
        Files((EN, EN))


def test_the_same_content_is_found_even_if_compressed(good: tuple[Path, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy.txt"
    copy.write_bytes(good[0].read_bytes())
    with pytest.raises(BadInput, match="same text"):
        Files(PAIR, good[0], copy).digest()
    french = (Lang("en"), Lang("de"))
    packed = tmp_path / "copy.gz"
    packed.write_bytes(gzip.compress(good[0].read_bytes()))
    with pytest.raises(BadInput, match=r"is the same|looks like"):
        run(Files(french, good[0], packed), tmp_path / "out")


def test_swapped_sides(good: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"not en.*swapped"):
        run(Files(PAIR, good[1], good[0]), tmp_path / "out")
    english = write(tmp_path / "en", ["The house that you see is not for the king and his men."] * 9)
    french = write(tmp_path / "fr", ["La maison que vous voyez n'est pas pour le roi et les siens."] * 9)
    with pytest.raises(BadInput, match="the other way round"):
        run(Files((Lang("en"), Lang("fr")), french, english), tmp_path / "out2")


def rotated(lang: str) -> list[str]:
    words = TEXTS[lang].split()
    return [" ".join(words[place:] + words[:place]) for place in range(9)]


def test_languages_written_alike(tmp_path: Path) -> None:
    russian, ukrainian, bulgarian = (write(tmp_path / lang, rotated(lang)) for lang in ("ru", "uk", "bg"))
    pair = Lang("uk"), Lang("ru")
    with pytest.raises(BadInput, match="uk is ru and the other way round"):
        run(Files(pair, russian, ukrainian), tmp_path / "swapped")
    third = Files(pair, ukrainian, bulgarian)
    report = prepare_text(third, (), Preparation(workers=1), tmp_path, quiet)
    assert [warning for warning in report["warnings"] if "looks like" in warning] == [
        "the text given for ru looks like bg: is languages right?"
    ]


def test_a_lonely_held_out_side(good: tuple[Path, Path], tmp_path: Path) -> None:
    write(tmp_path / "test.en", ["Alone."])
    with pytest.raises(BadInput, match="lies alone"):
        Files(PAIR, root=tmp_path).held_out()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk(good: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "en.txt").symlink_to("/dev/full")
    with pytest.raises(BadInput, match="no space"), disk_full_as_bad_input("no space"):
        run(Files(PAIR, *good), out)

"""Other systems in the same table."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from umt.evaluation.external_systems import ExternalSystem, missing_translations
from umt.types import BadInput


def write_lines(file: Path, *lines: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_index(run: Path, pairs: int) -> None:
    (run / "translations" / "systems.json").write_text(json.dumps({"translator": pairs}), encoding="utf-8")


def test_a_run_counts_by_its_neural_translator(tmp_path: Path) -> None:
    for system in ("copy", "phrase-based", "translator"):
        write_lines(tmp_path / "translations" / f"test.en-zh.{system}.txt", system, "")
    write_index(tmp_path, 0)
    other = ExternalSystem("twin", tmp_path)
    assert other.translations_of("test", "en-zh", 2) == (("twin", 0), ["translator", ""])
    assert other.translations_of("test", "zh-en", 2) is None


def test_a_run_says_on_how_many_parallel_pairs_it_was_trained(tmp_path: Path) -> None:
    write_lines(tmp_path / "translations" / "test.en-zh.translator.txt", "one")
    other = ExternalSystem("five", tmp_path)
    with pytest.raises(BadInput, match=r"does not say on how many parallel pairs .* evaluate\.py"):
        other.translations_of("test", "en-zh", 1)
    write_index(tmp_path, 5000)
    assert other.translations_of("test", "en-zh", 1) == (("five", 5000), ["one"])


def test_any_system_may_stand_beside(tmp_path: Path) -> None:
    write_lines(tmp_path / "news.en-zh.txt", "one", "two")
    theirs = ExternalSystem("theirs", tmp_path)
    assert theirs.translations_of("news", "en-zh", 2) == (("theirs", 0), ["one", "two"])
    with pytest.raises(BadInput, match="has 2 lines, the test set news has 3"):
        theirs.translations_of("news", "en-zh", 3)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"evaluation\.external\.theirs: there is no folder"):
        ExternalSystem("theirs", tmp_path / "nosuch")


@pytest.mark.parametrize("name", ["phrase-based", "translator", "supervised", "a/b", "../a", ""])
def test_a_name_is_no_system_of_a_run_and_fits_a_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="choose"):
        ExternalSystem(name, tmp_path)


def test_missing_translations_are_an_error_for_all_sets_and_a_sentence_for_some(tmp_path: Path) -> None:
    sets, theirs = {("news", "en-zh"): 1, ("news", "zh-en"): 2}, ExternalSystem("theirs", tmp_path)
    with pytest.raises(BadInput, match=r"no run that was evaluated .* none of news\.en-zh\.txt, news\.zh-en"):
        theirs.all_translations(sets)
    write_lines(tmp_path / "news.zh-en.txt", "one", "two")
    assert theirs.all_translations(sets) == {("news", "zh-en"): (("theirs", 0), ["one", "two"])}
    lines = [("news", "en-zh", "copy"), ("news", "zh-en", "copy"), ("news", "zh-en", "theirs")]
    assert list(missing_translations(["theirs"], lines)) == ["theirs has no translations of news, en-zh"]


def test_files_of_others(tmp_path: Path) -> None:
    file, theirs = tmp_path / "news.en-zh.txt", ExternalSystem("theirs", tmp_path)
    file.write_bytes("\ufeffone\r\n\r\n二".encode())
    assert theirs.translations_of("news", "en-zh", 3) == (("theirs", 0), ["one", "", "二"])
    file.write_bytes(b"")
    with pytest.raises(BadInput, match=r"news\.en-zh\.txt is empty"):
        theirs.translations_of("news", "en-zh", 1)
    file.write_bytes(b"caf\xe9\n")
    with pytest.raises(BadInput, match=r"news\.en-zh\.txt is not valid UTF-8 at line 1"):
        theirs.translations_of("news", "en-zh", 1)


def test_a_carriage_return_within_a_line_ends_no_line(tmp_path: Path) -> None:
    file = tmp_path / "news.en-zh.txt"
    file.write_bytes("一\r二\r\n三\n".encode())
    theirs = ExternalSystem("theirs", tmp_path)
    assert theirs.translations_of("news", "en-zh", 2) == (("theirs", 0), ["一\r二", "三"])
    file.with_name("news.zh-en.txt.xz").write_bytes(lzma.compress(b"one\ntwo\n"))
    assert theirs.translations_of("news", "zh-en", 2) == (("theirs", 0), ["one", "two"])

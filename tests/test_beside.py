"""Other systems in the same table."""

from __future__ import annotations

from pathlib import Path

import pytest

from umt.beside import Beside, not_said
from umt.types import BadInput


def wrote(file: Path, *lines: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def test_a_run_tells_by_its_neural_translator(tmp_path: Path) -> None:
    for system in ("copy", "lexical", "translator"):
        wrote(tmp_path / "translations" / f"test.en-zh.{system}.txt", system, "")
    other = Beside("twin", tmp_path)
    assert other.said("test", "en-zh", 2) == ("twin", ["translator", ""])
    assert other.said("test", "zh-en", 2) is None


def test_what_true_pairs_taught_is_called_so(tmp_path: Path) -> None:
    wrote(tmp_path / "translations" / "test.en-zh.taught by 5000 pairs.txt", "one")
    assert Beside("five", tmp_path).said("test", "en-zh", 1) == ("five (taught by 5000 pairs)", ["one"])


def test_any_system_may_stand_beside(tmp_path: Path) -> None:
    wrote(tmp_path / "news.en-zh.txt", "one", "two")
    assert Beside("theirs", tmp_path).said("news", "en-zh", 2) == ("theirs", ["one", "two"])
    with pytest.raises(BadInput, match="has 2 lines, the test set news has 3"):
        Beside("theirs", tmp_path).said("news", "en-zh", 3)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"evaluation\.beside\.theirs: there is no folder"):
        Beside("theirs", tmp_path / "nosuch")


@pytest.mark.parametrize("name", ["phrase-based", "translator", "taught by 5 pairs", "a/b", "../a", ""])
def test_a_name_is_no_system_of_a_run_and_fits_a_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="choose"):
        Beside(name, tmp_path)


def test_who_says_nothing_is_told_at_once_and_who_says_less_at_the_end(tmp_path: Path) -> None:
    sets, theirs = {("news", "en-zh"): 1, ("news", "zh-en"): 2}, Beside("theirs", tmp_path)
    with pytest.raises(BadInput, match=r"no run that was evaluated .* none of news\.en-zh\.txt, news\.zh-en"):
        theirs.everything(sets)
    wrote(tmp_path / "news.zh-en.txt", "one", "two")
    assert theirs.everything(sets) == {("news", "zh-en"): ("theirs", ["one", "two"])}
    lines = [("news", "en-zh", "copy"), ("news", "zh-en", "copy"), ("news", "zh-en", "theirs")]
    assert list(not_said(["theirs"], lines)) == ["theirs has no translations of news, en-zh"]
    lines[-1] = ("news", "zh-en", "theirs (taught by 5 pairs)")
    assert list(not_said(["theirs"], lines)) == ["theirs has no translations of news, en-zh"]


def test_files_of_others(tmp_path: Path) -> None:
    file, theirs = tmp_path / "news.en-zh.txt", Beside("theirs", tmp_path)
    file.write_bytes("\ufeffone\r\n\r\n二".encode())
    assert theirs.said("news", "en-zh", 3) == ("theirs", ["one", "", "二"])
    file.write_bytes(b"")
    with pytest.raises(BadInput, match="has 0 lines, the test set news has 1"):
        theirs.said("news", "en-zh", 1)
    file.write_bytes(b"caf\xe9\n")
    with pytest.raises(BadInput, match=r"news\.en-zh\.txt is not UTF-8"):
        theirs.said("news", "en-zh", 1)

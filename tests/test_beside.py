"""Other systems in the same table."""

from __future__ import annotations

from pathlib import Path

import pytest

from umt.beside import Beside
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

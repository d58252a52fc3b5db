"""Dictionaries of every writing and layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from umt.corpus.dictionary import Dictionary
from umt.types import BadInput, Lang

PAIR = (Lang("en"), Lang("zh"))
PLAIN = "river\t河流\ncat\t猫\ndon't\t别\nuse\t使用\n"


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "river\t河流\ncat\t貓\ndon’t\t別\nuse\t使用\n",
        "\ufeffＲｉｖｅｒ\t河流\r\nCat\t猫\r\ndon't\t别\r\nuse\t使用",
        "river\t河流\t0.91\ncat\t猫\t1e-3\ndon't\t别\t1\nuse\t使用\t\n",
        "river 河流 0.91\ncat 猫 0.5\ndon't 别 1\n\nuse 使用 1\n",
        "river 河流 0.91 -2.5 2.718\ncat 猫\t\ndon't 别 100%\nuse\u3000使用\n",
        "river ||| 河流 ||| 0.91\ncat ||| 猫\ndon't ||| 别\nuse ||| 使用\n",
    ],
)
def test_every_layout_gives_the_same_pairs(tmp_path: Path, text: str) -> None:
    plain = Dictionary.read(written(tmp_path / "plain", PLAIN), PAIR)
    assert plain.pairs == {
        word: frozenset({translation})
        for word, translation in (line.split("\t") for line in PLAIN.splitlines())
    }
    assert Dictionary.read(written(tmp_path / "other", text), PAIR) == plain


def test_a_third_column_of_words_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"line 2 .*3 columns"):
        Dictionary.read(written(tmp_path / "d", "river\t河流\ncat\t猫\tnoun\n"), PAIR)


@pytest.mark.parametrize(
    "text",
    ["river, 河流\n", "river; 河流\n", "river,河流\n", "river = 河流\n", "river -> 河流\n", "river: 河流\n"],
)
def test_other_separators_are_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match=r"line 1 .*tab"):
        Dictionary.read(written(tmp_path / "d", text), PAIR)


def test_references_are_characters_and_several_translations_are_named(tmp_path: Path) -> None:
    assert Dictionary.read(written(tmp_path / "d", "AT&amp;T&reg;\t电话\n"), PAIR).pairs == {
        "at&t®": frozenset({"电话"})
    }
    with pytest.raises(BadInput, match="line 1 has several translations"):
        Dictionary.read(written(tmp_path / "d", "river\t河流;江\n"), PAIR)


def test_swapped_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="swapped"):
        Dictionary.read(written(tmp_path / "d", "河流\triver\n猫\tcat\n"), PAIR)

"""docs/configuration.md is what scripts/write_configuration.py writes today; no value is unexplained."""

from __future__ import annotations

import re

import pytest

from scripts import write_configuration as writer
from scripts.option_files import comment_of, meanings_of


def test_configuration_page_is_up_to_date() -> None:
    text = writer.PAGE.read_text(encoding="utf-8")
    assert text == writer.page(), "run python scripts/write_configuration.py"


def test_configuration_page_names_every_option_file() -> None:
    text = writer.PAGE.read_text(encoding="utf-8")
    for path in writer.CONF.glob("*/**/*.yaml"):
        group = path.parent.relative_to(writer.CONF).as_posix()
        assert f"### {group}={path.stem}\n" in text


def test_configuration_page_explains_every_value_of_a_class() -> None:
    rows = re.findall(r"^\| `([\w.-]+)` \| .* \| `.+` \| *\|$", writer.page(), re.MULTILINE)
    assert not rows, f"no meaning in conf/ or in the docstring of its class: {rows}"


@pytest.mark.parametrize(
    ("line", "comment"),
    [
        ("seed: 1", ""),
        ("seed: 1   # of the draw", "of the draw"),
        ('files: "a # b"  # a pattern', "a pattern"),
        ("# above", "above"),
        ("colour: a#b", ""),
    ],
)
def test_comment_of_ignores_marks_in_strings(line: str, comment: str) -> None:
    assert comment_of(line) == comment


def test_meanings_of_reads_fields_of_a_docstring() -> None:
    docstring = (
        "A thing.\n\nsize: how large; 0: none. low, high: bounds of\n    the draw. other: not a field."
    )
    names = {"size": "int", "low": "float", "high": "float"}
    meanings = dict(meanings_of(docstring, names))
    assert meanings["size"] == "how large; 0: none"
    assert meanings["low"] == meanings["high"] == "bounds of the draw. other: not a field"

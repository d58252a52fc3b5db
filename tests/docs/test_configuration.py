"""docs/configuration.md is what scripts/write_configuration.py writes today; no value is unexplained."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "write_configuration", ROOT / "scripts/write_configuration.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_configuration_page_is_up_to_date(writer: ModuleType) -> None:
    text = writer.PAGE.read_text(encoding="utf-8")
    assert text == writer.page(), "run python scripts/write_configuration.py"


def test_configuration_page_names_every_option_file(writer: ModuleType) -> None:
    text = writer.PAGE.read_text(encoding="utf-8")
    for path in writer.CONF.glob("*/**/*.yaml"):
        group = path.parent.relative_to(writer.CONF).as_posix()
        assert f"### {group}={path.stem}\n" in text


def test_configuration_page_explains_every_value_of_a_class(writer: ModuleType) -> None:
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
def test_comment_of_ignores_marks_in_strings(writer: ModuleType, line: str, comment: str) -> None:
    assert writer.comment_of(line) == comment


def test_meanings_of_reads_fields_of_a_docstring(writer: ModuleType) -> None:
    docstring = (
        "A thing.\n\nsize: how large; 0: none. low, high: bounds of\n    the draw. other: not a field."
    )
    names = {"size": "int", "low": "float", "high": "float"}
    meanings = dict(writer.meanings_of(docstring, names))
    assert meanings["size"] == "how large; 0: none"
    assert meanings["low"] == meanings["high"] == "bounds of the draw. other: not a field"

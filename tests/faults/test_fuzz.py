"""The short form of `tests.faults.fuzz`; and every finding of the long one as a case."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.faults.fuzz import OPTIONS, attempt, fuzz
from tests.faults.readers import READERS
from umt.runtime.files import MANIFEST


@pytest.mark.parametrize("reader", [*READERS, OPTIONS])
def test_damage_ends_in_a_sentence_or_a_result(reader: str, tmp_path: Path) -> None:
    inputs = {OPTIONS: 15, "translator": 15, "t5gemma2": 15}.get(reader, 150)
    assert fuzz(reader, inputs, 1, tmp_path) >= 0


RUN = b'"seed": 1, "corpus": {"_target_": "umt.corpus.files.TextFiles", "root": true}'
FINDINGS: tuple[tuple[str, str, Callable[[bytes], bytes], bool], ...] = (
    ("prepared_text", "report.json", lambda text: text.replace(b": 3", b": -13"), False),
    ("manifest_of_run", f"run-1/{MANIFEST}", lambda _: b'{"config": {%b}, "inputs": {}}' % RUN, True),
    (
        "manifest_of_run",
        f"run-1/{MANIFEST}",
        lambda _: b'{"config": {"seed": 1, "corpus": ["_target_"]}}',
        False,
    ),
    ("translator", "model.safetensors", lambda data: data[:-9000] + b"\xff" * 9000, False),
)


@pytest.mark.parametrize(("reader", "file", "damage", "taken"), FINDINGS)
def test_what_was_found_stays_mended(
    reader: str, file: str, damage: Callable[[bytes], bytes], taken: bool, tmp_path: Path
) -> None:
    READERS[reader].save(tmp_path)
    (tmp_path / file).write_bytes(damage((tmp_path / file).read_bytes()))
    assert attempt(partial(READERS[reader].use, tmp_path)) == taken

"""The short form of `tests.faults.fuzz`; and every finding of the long one as a case."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.fuzz import OPTIONS, READERS, fuzz


@pytest.mark.parametrize("reader", [*READERS, OPTIONS])
def test_damage_ends_in_a_sentence_or_a_result(reader: str, tmp_path: Path) -> None:
    assert fuzz(reader, 15 if reader == OPTIONS else 150, 1, tmp_path) >= 0

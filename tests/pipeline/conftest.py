"""Files that several tests of the pipeline read."""

from __future__ import annotations

from pathlib import Path

import pytest

ENGLISH = "The river near the old town was {} metres wide in the spring of that year.\n"


CHINESE = "那一年春天，老城附近的那条河有{}米宽，大家都很高兴。\n"


@pytest.fixture
def good(tmp_path: Path) -> dict[str, Path]:
    files = {"en": tmp_path / "en.txt", "zh": tmp_path / "zh.txt"}
    files["en"].write_text("".join(ENGLISH.format(i) for i in range(300)), encoding="utf-8")
    files["zh"].write_text("".join(CHINESE.format(i) for i in range(300)), encoding="utf-8")
    return files

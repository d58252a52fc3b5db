"""A text that cannot be trained on ends the program in one sentence, and nothing half-written stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

import train
from umt.pipeline.display.console import Console
from umt.pipeline.errors import user_errors
from umt.pipeline.store import Store

ROOT = Path(__file__).parents[2]


def test_prompts_need_a_language_model(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "lm other than none" in refused(capsys, tmp_path, "bootstrap=fewshot", "lm=none")


def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, *overrides: str) -> str:
    """The one sentence with which a command ends; asserts that nothing half-written stays."""
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        config = compose("config", overrides=["corpus=files", "runtime.workers=1", *overrides])
    console = Console()
    with pytest.raises(SystemExit) as stopped, user_errors(console):
        train.build(config, Store(tmp_path / "store", console))
    assert stopped.value.code not in (0, None)
    left = list((tmp_path / "store").glob(".*")) if (tmp_path / "store").exists() else []
    assert left == []
    output = capsys.readouterr().err.strip()
    assert output.startswith("error: ")
    assert len(output.splitlines()) == 1
    return output


BAD = {
    "empty": b"",
    "binary": bytes(range(256)) * 40,
    "latin": "caf\u00e9 au lait et tr\u00e8s bon\n".encode("latin-1") * 50,
    "one": b"Only one line stands here.\n",
}


@pytest.mark.parametrize("kind", sorted(BAD))
def test_a_bad_file_is_named(
    kind: str, good: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / f"{kind}.txt"
    bad.write_bytes(BAD[kind])
    output = refused(capsys, tmp_path, f"corpus.source={bad}", f"corpus.target={good['zh']}")
    assert kind in output or "en text" in output


def test_a_missing_file_is_named(
    good: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = refused(
        capsys, tmp_path, f"corpus.source={tmp_path / 'nosuch.txt'}", f"corpus.target={good['zh']}"
    )
    assert "nosuch.txt" in output


def test_one_side_only(good: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "corpus.target" in refused(capsys, tmp_path, f"corpus.source={good['en']}")


def test_the_same_file_twice(
    good: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = refused(capsys, tmp_path, f"corpus.source={good['en']}", f"corpus.target={good['en']}")
    assert "same" in output


def test_swapped_sides(good: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = refused(capsys, tmp_path, f"corpus.source={good['zh']}", f"corpus.target={good['en']}")
    assert "swapped" in output


def test_a_vocabulary_smaller_than_asked(
    good: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = [f"corpus.source={good['en']}", f"corpus.target={good['zh']}"]
    assert "words.dim" in refused(capsys, tmp_path, *sides, "preparation.keep_duplicates=true")

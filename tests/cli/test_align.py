"""Two files of vectors in, a dictionary out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.two_languages import two_languages
from umt.cli import align
from umt.embeddings.pretrained_vectors import read_vectors


def test_two_files_give_a_lexicon_vectors_a_verdict_and_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spaces = two_languages(250)
    for space in spaces:
        space.embeddings().export(tmp_path / f"{space.lang}.vec")
    pairs = "".join(f"en{n} zh{n}\n" for n in range(250))
    (tmp_path / "truth.txt").write_text(pairs, encoding="utf-8")
    line = ["umt-align", str(tmp_path / "en.vec"), str(tmp_path / "zh.vec"), f"store={tmp_path / 'store'}"]
    line += [
        "--languages",
        "en,de",
        "--dictionary",
        str(tmp_path / "truth.txt"),
        "--out",
        str(tmp_path / "out"),
        "runtime.workers=1",
    ]
    monkeypatch.setattr(sys, "argv", line)
    align.main()
    shown = capsys.readouterr().out
    assert "verdict: aligned" in shown
    assert "p@1" in shown
    out = tmp_path / "out"
    best = dict(line.split() for line in (out / "lexicon.muse.txt").read_text(encoding="utf-8").splitlines())
    assert sum(source[2:] == target[2:] for source, target in best.items()) > 200
    table = [line.split("\t") for line in (out / "lexicon.tsv").read_text(encoding="utf-8").splitlines()]
    assert {source: target for source, target, _ in reversed(table)} == best
    assert all(0 <= float(probability) <= 1 for _, _, probability in table)
    text, binary = (read_vectors(out / f"de.{kind}", {"zh3"})["zh3"] for kind in ("vec", "bin"))
    assert abs(text - binary).max() < 1e-3
    assert (out / "verdict.txt").read_text(encoding="utf-8").startswith("aligned: ")
    assert (out / "shared_space.svg").read_text(encoding="utf-8").startswith("<svg")


def test_a_bad_file_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    two_languages(50)[0].embeddings().export(tmp_path / "en.vec")
    line = ["umt-align", str(tmp_path / "en.vec"), str(tmp_path / "zh.vec"), f"store={tmp_path / 'store'}"]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit):
        align.main()
    error = capsys.readouterr().err
    assert error.startswith("error: there is no file")
    assert error.count("\n") == 1

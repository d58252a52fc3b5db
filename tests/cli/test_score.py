"""Translations in files are scored as sacreBLEU scores them; the difference of two carries its p."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sacrebleu

from umt.cli import score

GOOD = [f"我们明天去第{number}号公园看朋友。" for number in range(20)]
BAD = [f"他昨天买了{number}本书。" for number in range(20)]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, lines in (("good", GOOD), ("bad", BAD), ("mixed", [*GOOD[:10], *BAD[10:]]), ("few", GOOD[:3])):
        (tmp_path / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    (tmp_path / "second").write_text("\n" * 10 + "".join(line + "\n" for line in BAD[10:]), encoding="utf-8")
    return tmp_path


def rows(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, dict[str, float | str]]:
    score.main([*map(str, arguments), "--to", "zh", "--json", "--resamples", "100"])
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def test_scores_are_those_of_sacrebleu(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = rows(capsys, files / "mixed", files / "good")
    bleu = sacrebleu.corpus_bleu([*GOOD[:10], *BAD[10:]], [GOOD], tokenize="zh").score
    assert scores["bleu"]["value"] == pytest.approx(bleu)
    assert "tok:zh" in str(scores["bleu"]["signature"])
    assert 0 < float(scores["bleu"]["low"]) <= bleu <= float(scores["bleu"]["high"])
    assert 0 < float(scores["ter"]["value"]) < 100, "edits of characters, not of whole lines"
    assert set(scores) == {"bleu", "chrf", "ter"}


def test_an_empty_line_is_no_reference(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = rows(capsys, files / "mixed", files / "good", files / "second")
    assert scores["bleu"]["value"] == pytest.approx(100)
    assert scores["bleu, first reference"]["value"] < 90  # type: ignore[operator]


def test_the_better_of_two_is_significant(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = ("bleu", "chrf++", "ter")
    scores = rows(capsys, files / "good", files / "good", "--against", files / "mixed", "--metrics", *metrics)
    for metric in metrics:
        difference = scores[f"{metric}, difference"]
        own, other = scores[metric]["value"], scores[f"{metric}, other"]["value"]
        assert difference["value"] == pytest.approx(own - other)  # type: ignore[operator]
        assert scores[f"p {metric}"]["value"] < 0.05  # type: ignore[operator]
    assert scores["bleu, difference"]["low"] > 0  # type: ignore[operator]
    assert scores["ter, difference"]["high"] < 0  # type: ignore[operator]
    same = rows(capsys, files / "mixed", files / "good", "--against", files / "mixed")
    assert same["p bleu"]["value"] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("few", "good"), "the translations are 3 lines, the references 20: give equally many"),
        (("good", "good", "few"), "the references differ in length"),
        (("good", "second"), "line 1 has no reference"),
        (("nosuch", "good"), "nosuch cannot be opened"),
        (("good", "good", "--metrics", "blue"), "invalid choice: 'blue'"),
        (("good", "good", "--resamples", "1"), "needs 2 resamples or more, got 1"),
    ],
)
def test_one_sentence_says_what_is_wrong(
    arguments: tuple[str, ...], sentence: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = [str(files / each) if each in ("few", "good", "second", "nosuch") else each for each in arguments]
    with pytest.raises(SystemExit) as end:
        score.main([*line, "--to", "zh"])
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_person_reads_a_line_a_score(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score.main([str(files / "mixed"), str(files / "good"), "--to", "zh", "--metrics", "bleu"])
    [line] = capsys.readouterr().out.splitlines()
    assert line.split()[0] == "bleu"
    assert "nrefs:1|bs:1000" in line

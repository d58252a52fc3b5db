"""The neural translator on raw text, and the command that reads it from a run or a folder."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.small_translator import EN, MADE, ZH
from umt.cli import translate
from umt.lm.generation import Output
from umt.smt.kneser_ney import KneserNey
from umt.smt.ngram import SPECIALS
from umt.smt.phrase_table import PhrasePairs, PhraseScoring
from umt.smt.stack_decoder import DecoderWeights
from umt.smt.translator import PhraseBasedTranslator
from umt.text.truecasing import Truecaser
from umt.translation.quality import doubts as signs
from umt.translation.translator import NeuralTranslator
from umt.types import Lang


def run(store: Path, *arguments: str, inputs: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, "-m", "umt.cli.translate", "--run", str(store / "run-1"), *arguments]
    return subprocess.run(line, input=inputs, capture_output=True, check=False)


def test_lines_in_lines_out(store: Path) -> None:
    done = run(store, "--to", "zh", inputs=b"She sees the sea.\n\nThe old man")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().split("\n")
    assert [bool(line) for line in lines] == [True, False, True, False]
    assert b"3 lines in" in done.stderr


def test_nothing_on_standard_input_is_an_error(store: Path) -> None:
    done = run(store, "--to", "zh")
    assert done.returncode == 2
    assert done.stderr == b"error: standard input is empty: give a sentence a line, or --input FILE\n"


def test_text_in_the_wrong_language_is_told_once(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text, count in (("海看见她。", 1), ("She sees 海.", 0), ("", 0)):
        translate.main(["--to", "zh", "--run", str(store / "run-1"), text])
        message = capsys.readouterr()
        assert message.err.count("warning: most of this is not en") == count
        assert message.out.endswith("\n")
    lines = io.TextIOWrapper(io.BytesIO("海看见她。\n".encode() * 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", lines)
        patch.setattr(translate, "_BATCH", 1)
        translate.main(["--to", "zh", "--run", str(store / "run-1")])
    assert capsys.readouterr().err.count("warning: most of this") == 1


def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    translate.main(arguments)
    return capsys.readouterr().out


def test_one_sentence_a_file_and_alternatives(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(store.parent)
    monkeypatch.setattr(translate, "newest_run", lambda _: store / "run-1")
    message = called(monkeypatch, capsys, "--to", "zh", "She sees the sea.")
    (tmp_path / "in.txt").write_text("She sees the sea.\n\n", encoding="utf-8")
    out = tmp_path / "out.txt"
    called(monkeypatch, capsys, "--to", "zh", "--input", str(tmp_path / "in.txt"), "--output", str(out))
    assert out.read_text(encoding="utf-8") == message + "\n"
    assert sorted(tmp_path.iterdir()) == [tmp_path / "in.txt", out]
    model = str(store / "train_translator-1")
    rows = called(monkeypatch, capsys, "--to", "en", "--model", model, "--alternatives", "3", "海", "书")
    numbers, scores, _, _ = zip(*(row.split("\t") for row in rows.splitlines()), strict=True)
    assert set(numbers) == {"1", "2"}
    assert all(float(score) < 0 for score in scores)


def word_by_word(here: tuple[Lang, list[str]], there: tuple[Lang, list[str]]) -> PhraseBasedTranslator:
    """Word i of one language is word i of the other, and nothing else."""
    words, count = (*SPECIALS, *there[1]), len(there[1])
    ids = np.tile(np.arange(3, 3 + count, dtype=np.int32), 50)
    model = KneserNey(2).fit(words, ids, np.arange(0, len(ids) + 1, count))
    keys, ones = np.arange(4, 4 + count), np.ones(count)  # a phrase of one word is its number and one
    options = PhraseScoring(min_count=0, discount=0.0).build_table(
        PhrasePairs(keys, keys, np.ones(count, np.int64), ones, ones),
        model.tables,
        np.zeros(3 + count, np.bool_),
        np.ones(len(words)),
    )
    casing, search = Truecaser({}, frozenset(), frozenset()), DecoderWeights(8, 0, 0.1, 0.0, 1.0)
    return PhraseBasedTranslator(here[0], there[0], (*SPECIALS, *here[1]), options, model, casing, search, 1)


def test_the_word_by_word_translator_of_a_run_that_has_both(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {EN: ["she", "sees", "sea", "."], ZH: ["她", "看见", "海", "。"]}
    for here, there in ((EN, ZH), (ZH, EN)):
        lexical = word_by_word((here, words[here]), (there, words[there]))
        lexical.save(store / "bootstrap-2" / f"{here}-{there}")
    for name, report in (
        ("run-2", {"parts": ["bootstrap-2", "train_translator-1"]}),
        ("bootstrap-2", {"warnings": ["no alignment was found"]}),
    ):
        (store / name).mkdir(exist_ok=True)
        manifest = {"stage": name.split("-")[0], "report": report, **MADE}
        (store / name / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    both = ["--run", str(store / "run-2")]
    neural = called(monkeypatch, capsys, "--to", "zh", *both, "She sees sea.")
    assert neural == called(monkeypatch, capsys, "--to", "zh", "--run", str(store / "run-1"), "She sees sea.")
    with monkeypatch.context() as there:
        there.chdir(store / "run-1")
        assert neural == called(monkeypatch, capsys, "--to", "zh", "--run", ".", "She sees sea.")
    translate.main(["--to", "zh", "--lexical", *both, "She sees sea.", "", "Sea sees 7."])
    message = capsys.readouterr()
    assert message.out == "她看见海。\n\n海看见7。\n"
    assert "no alignment was found" in message.err, "what was told against it, not against the other"
    assert called(monkeypatch, capsys, "--to", "en", "--lexical", *both, "海看见她。") == "sea sees she.\n"
    with pytest.raises(SystemExit):
        translate.main(["--to", "zh", "--lexical", "--alternatives", "2", *both, "x"])
    assert "only the neural translator has alternatives" in capsys.readouterr().err


WRONG = {
    ("--to", "fr", "x"): "does not translate to fr: it knows en and zh",
    ("--to", "zh", "--input", "nosuch.txt"): "nosuch.txt cannot be opened",
    ("--to", "zh", "--lexical", "x"): "has no translator",
    ("--to", "zh", "--beam", "0", "x"): "--beam must be at least 1",
    ("--to", "zh", "--model", "nosuch", "x"): "there is no folder nosuch",
}


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_one_sentence_says_what_is_wrong(
    arguments: tuple[str, ...], store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_ = () if "--model" in arguments else ("--run", str(store / "run-1"))
    with pytest.raises(SystemExit) as stopped:
        translate.main([*arguments, *run_])
    assert stopped.value.code == 2
    printed = capsys.readouterr().err
    assert WRONG[arguments] in printed
    assert printed.startswith("error: ")
    assert len(printed.strip().splitlines()) == 1


def test_an_interrupt_is_one_sentence_of_its_own(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(translate, "open_translator", interrupted)
    with pytest.raises(SystemExit) as stopped:
        translate.main(["--to", "zh", "--run", str(store / "run-1"), "x"])
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "error: interrupted before all was translated\n"


def test_a_broken_pipe_is_no_error(
    store: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        translate.main(["--to", "zh", "--run", str(store / "run-1"), "She sees the sea."])
    assert "Traceback" not in capfd.readouterr().err


def test_a_failure_keeps_what_was_done_under_another_name(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"good\ncaf\xe9\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(SystemExit):
        translate.main(["--to", "zh", "--run", str(store / "run-1"), "--output", str(tmp_path / "out.txt")])
    assert "standard input is not valid UTF-8 at line 2" in capsys.readouterr().err
    [left] = tmp_path.iterdir()
    assert left.name.startswith("out.txt.")
    assert left.suffix == ".partial"
    assert len(left.read_text(encoding="utf-8").splitlines()) == 1


@pytest.mark.parametrize("label", ["aligned", "failed", "doubtful"])
def test_a_run_whose_alignment_failed_warns(
    label: str, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(store, tmp_path / "runs")
    (tmp_path / "runs" / "align-1").mkdir()
    verdict = {"verdict": {"label": label, "reason": "few agree"}}
    align = {"stage": "align", "report": verdict, **MADE}
    trained = {"stage": "train_translator", "report": {}, **MADE, "inputs": {"align-1": ""}}
    for name, manifest in (("align-1", align), ("train_translator-1", trained)):
        path = tmp_path / "runs" / name / "manifest.json"
        path.write_text(json.dumps(manifest), encoding="utf-8")
    translate.main(["--to", "zh", "--run", str(tmp_path / "runs" / "run-1"), "The old man reads."])
    warned = f"its alignment is {label} (few agree): " in capsys.readouterr().err
    assert warned == (label != "aligned")


def test_what_the_model_finds_absurd_is_marked(
    translator: NeuralTranslator, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = translator._pieces("She sees the sea.")[0]
    good, cut = np.array([5, 8, 9, 7]), Output(np.array([5, 6]), 9.0, False)

    def reasons(output: Output, cost: float | None = 0.5, text: object = sentence) -> tuple[str, ...]:
        return signs.doubts(text, output, 3, translator.tokenizer, cost)

    assert reasons(Output(good, 3.0, True)) == ()
    assert reasons(Output(good, 9.0, True)) == ("3.0 nats a subword where text of training cost 0.5",)
    assert reasons(Output(good, 9.0, True), None) == ()
    assert reasons(cut, None) == ("does not end",)
    assert "repeats itself" in reasons(Output(np.array([5, 6] * 6), 1.0, True))
    unknown = translator.tokenizer.encode(["Ωμέγα"], EN)[0]
    assert reasons(Output(good, 1.0, True), text=unknown) == (
        "most of the sentence is characters that it hardly knows",
    )
    (tmp_path / "metrics.jsonl").write_text(
        '{"step": 1, "back_translation/nats": 9}\n' * 3
        + '{"step": 2, "back_translation/nats": 1.5, "denoising/nats": 7}\n' * 10,
        encoding="utf-8",
    )
    assert signs.training_cost(tmp_path) == 1.5
    assert signs.training_cost(tmp_path / "nosuch") is None
    translate.main(["--to", "zh", "--run", str(store / "run-1"), *["Ωμέγα sea"] * 12])
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 12
    assert shown.err.count("is doubtful: ") == 10
    assert "12 of 12 translations are doubtful" in shown.err
    translate.main(["--to", "zh", "--run", str(store / "run-1"), "--alternatives", "2", "Ωμέγα"])
    rows = [row.split("\t") for row in capsys.readouterr().out.splitlines()]
    assert all("hardly knows" in row[3] for row in rows)


def test_standard_input_is_read_as_files_are(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Byte order mark, CR LF, line separators within a line, compression; a zero byte is no text."""
    run = ["--to", "zh", "--run", str(store / "run-1")]
    outputs = []
    for content in (b"She sees the sea.\nThe old\n", b"\xef\xbb\xbfShe sees the sea.\r\nThe\xe2\x80\xa8old"):
        for data in (content, gzip.compress(content)):
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
            outputs.append(called(monkeypatch, capsys, *run))
    assert len(set(outputs)) == 1
    assert outputs[0].count("\n") == 2
    for data, reason in ((b"She\0sees", "standard input is binary"), (b"\xff\xfeS\0", "is UTF-16")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        with pytest.raises(SystemExit):
            translate.main(run)
        assert reason in capsys.readouterr().err


def test_output_is_utf_8_whatever_the_locale(store: Path) -> None:
    line = [
        sys.executable,
        "-m",
        "umt.cli.translate",
        "--run",
        str(store / "run-1"),
        "--to",
        "zh",
        "😀 https://x.y",
    ]
    for strange in (
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "gbk"},
    ):
        done = subprocess.run(line, env=os.environ | strange, capture_output=True, check=True)
        assert done.stdout.decode() == "😀https://x.y\n"


def test_closed_streams_are_one_sentence(store: Path, tmp_path: Path) -> None:
    translating = f"{sys.executable} -m umt.cli.translate --run {store / 'run-1'} --to zh"
    for closed, reason in (("'1' >&-", "output is closed"), ("<&-", "input is closed")):
        done = subprocess.run(["sh", "-c", f"{translating} {closed}"], capture_output=True, check=False)
        assert (done.returncode, done.stderr.count(b"\n")) == (2, 1), done.stderr
        assert reason in done.stderr.decode()
    written = f"import umt.runtime.interrupts, os; open({str(tmp_path / 'log')!r}, 'w'); os.write(2, b'no')"
    subprocess.run(["sh", "-c", f'{sys.executable} -c "{written}" 2>&-'], check=True)
    assert (tmp_path / "log").stat().st_size == 0


def test_command_copies_addresses_too(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentences = ["She sees the sea.", "SHE SEES THE SEA.", "https://a.example/b?c=1"]
    translate.main(["--to", "zh", "--run", str(store / "run-1"), *sentences])
    small, capitals, address = capsys.readouterr().out.splitlines()
    assert small == capitals
    assert address == sentences[2]

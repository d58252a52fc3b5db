"""A misspelt option, group or value ends in one sentence that names it and what would be right."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra import compose, initialize_config_dir
from hydra.types import RunMode
from hydra.utils import instantiate
from rich.console import Console as Terminal

from umt.pipeline import errors
from umt.pipeline.artefact import Artefact
from umt.pipeline.display import console as console_module
from umt.pipeline.display.console import Console
from umt.pipeline.errors import SweepJobFailed, option_errors, user_errors
from umt.types import BadInput

ROOT = Path(__file__).parents[2]


def command(override: str) -> None:
    """What an entry point does with an override."""
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        config = compose("config", overrides=[override])
    with user_errors(Console()):
        instantiate(config.corpus)


def report(capsys: pytest.CaptureFixture[str], override: str) -> str:
    """The one sentence with which a command ends."""
    with pytest.raises(SystemExit) as stopped, option_errors():
        command(override)
    assert stopped.value.code == 2
    sentence = capsys.readouterr().err.strip()
    assert sentence.startswith("error: ")
    assert len(sentence.splitlines()) == 1
    return sentence


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("corpus.sise=3", "there is no option corpus.sise, did you mean size? The options are"),
        ("sede=3", "did you mean seed?"),
        ("corpse=files", "did you mean corpus?"),
        ("aligner=restart", "there is no aligner=restart, did you mean restarts?"),
        ("experiment=bibel", "did you mean bible?"),
        ("nonsense", "nonsense"),
        ("corpus.size=", "corpus"),
        ("corpus.size=-1", "got -1"),
    ],
)
def test_what_is_wrong_and_what_would_be_right(
    override: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in report(capsys, override)


def test_a_cell_of_a_sweep_fails_without_ending_it_and_an_interrupt_ends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = SimpleNamespace(initialized=lambda: True, get=lambda: SimpleNamespace(mode=RunMode.MULTIRUN))
    monkeypatch.setattr(errors, "HydraConfig", sweep)
    with pytest.raises(SweepJobFailed) as failed, errors.sweep_job(Console()):
        raise BadInput("too long")
    assert capsys.readouterr().err == "error: too long\n"
    with pytest.raises(SystemExit) as stopped, option_errors(), errors.sweep_job(Console()):
        raise KeyboardInterrupt
    assert stopped.value.code == 130
    capsys.readouterr()
    monkeypatch.undo()
    with pytest.raises(SystemExit) as stopped, option_errors():
        raise failed.value  # as the launcher does when all have ended
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "error: at least one run of the sweep failed: too long\n"


def test_our_own_mistakes_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError), option_errors():
        1 / 0  # noqa: B018


@pytest.mark.parametrize(
    "program",
    [
        "train.py",
        "evaluate.py",
        "-m umt.cli.translate --to zh x",
        "-m umt.cli.archive",
        "-m umt.cli.sweep runs",
    ],
)
def test_an_interrupt_while_importing_is_one_sentence(program: str, tmp_path: Path) -> None:
    for name in ("hydra", "numpy", "rich", "torch"):
        (tmp_path / f"{name}.py").write_text("raise KeyboardInterrupt", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}"}
    line = [sys.executable, *program.split()]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stderr == "error: interrupted before anything was begun\n"


def screen(console: Console, output: io.StringIO) -> list[str]:
    """What a terminal of 80 columns shows now."""
    pyte = pytest.importorskip("pyte")
    assert console._display is not None
    console._display.live.refresh()
    shown = pyte.Screen(80, 24)
    pyte.Stream(shown).feed(output.getvalue().replace("\n", "\r\n"))
    return [line.rstrip() for line in shown.display if line.strip()]


def on_terminal() -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    terminal = Terminal(file=output, width=80, height=24, force_terminal=True, color_system=None)
    return Console(terminal), output


def test_what_goes_on_keeps_its_bar() -> None:
    console, _ = on_terminal()
    console.started("pretrain")
    assert console._display is not None
    bars = console._display.bars
    for step in (10, 20, 30):
        console.progress(f"loss {1 / step}", step, 100)
    assert [(task.description, task.completed) for task in bars.tasks] == [(f"loss {1 / 30}", 30)]
    console.progress("another", 0, 100)
    assert len(bars.tasks) == 2
    console.stopped()


def test_one_display_shows_stages_done_running_and_to_come(tmp_path: Path) -> None:
    console, output = on_terminal()
    console.expect(
        [
            ("prepare", 30.0),
            ("words", None),
            ("align", 20.0),
            ("bootstrap", 200.0),
            ("train_translator", 900.0),
            ("align_supervised", 8.0),
        ]
    )
    console.started("prepare")
    console.finished(
        "prepare", Artefact(tmp_path, {"seconds": 31.5, "report": {"summary": "9 sentences of text " * 3}})
    )
    console.reused("words", Artefact(tmp_path, {"report": {"summary": "5 words"}}), False)
    console.started("align")
    console.progress("restarts [1]", 3, 12)
    shown = screen(console, output)
    console.stopped()
    assert shown[0] == "prepare       31.5 s  9 sentences of text 9 sentences of text 9 sentences of"
    assert shown[1:3] == ["text", "words         kept    5 words"]
    assert re.match(r". align  restarts \[1\] .* 3/12 0:00:00 [-\d]+:[-\d]+", shown[3])
    assert shown[4] == "about 19 min left; align took 20 s last time"
    assert shown[5:] == ["to come: bootstrap 3 min, train_translator 15 min, align_supervised 8 s"]


def test_a_stage_that_was_not_expected_has_its_display_too() -> None:
    console, output = on_terminal()
    console.started("evaluate")
    shown = screen(console, output)
    console.stopped()
    assert re.match(r". evaluate  at work", shown[0])
    assert shown[1:] == ["time left: not known yet", "the last stage"]


def test_a_log_file_gets_a_line_of_the_current_stage() -> None:
    output = io.StringIO()
    console = Console(Terminal(file=output, width=160), interval=0.05)
    console.started("pretrain")
    console.progress("loss 2.5", 10, 100)
    console.progress("loss 2.0", 30, 100)
    time.sleep(0.3)
    console.stopped()
    first = output.getvalue().splitlines()[0]
    assert re.fullmatch(r"pretrain +0 s  loss 2\.0, 30 of 100, [\d,.e+]+ a second, \d+ s left", first)
    printed = output.getvalue()
    time.sleep(0.15)
    assert output.getvalue() == printed


def test_time_left_follows_the_rate_of_the_last_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that slows down from a step a second to one in ten seconds."""
    now = 0.0
    monkeypatch.setattr(console_module.time, "monotonic", lambda: now)
    log = console_module._LogLines("train", None, Terminal(file=io.StringIO()), 1e6)
    for done, now in [(30 * n, 30.0 * n) for n in range(1, 21)]:
        log.state("loss", done, 1000)
        line = log.line(now)
    assert line.endswith("600 of 1,000, 1 a second, 7 min left")
    for done, now in [(600 + 3 * n, 600 + 30.0 * n) for n in range(1, 21)]:
        log.state("loss", done, 1000)
        line = log.line(now)
    log.stop()
    assert line.endswith("660 of 1,000, 10 s each, 57 min left")


def test_steps_of_an_unknown_total_have_a_rate() -> None:
    log = console_module._LogLines("prepare", 40.0, Terminal(file=io.StringIO()), 1e6)
    log.state("lines", 5000, None)
    line = log.line(log._start + 2.5)
    log.stop()
    assert line.endswith("lines, 5,000, 2,000 a second, 40 s last time")


def test_what_other_code_built_is_named_but_not_the_run_that_names_it(tmp_path: Path) -> None:
    output = io.StringIO()
    console = Console(Terminal(file=output, width=160), list_reused=False)
    for stage in ("align", "run"):
        console.reused(stage, Artefact(tmp_path, {"report": {}}), True)
    assert re.fullmatch(r"align +built by other code: rebuild=\[align\] runs it anew\n", output.getvalue())


def test_a_stage_without_progress_still_has_a_line() -> None:
    output = io.StringIO()
    console = Console(Terminal(file=output, width=160), interval=0.05)
    console.started("align")
    time.sleep(0.2)
    console.stopped()
    assert re.match(r"align +0 s  at work\n", output.getvalue())


def test_a_run_of_a_sweep_leads_its_lines_with_its_number() -> None:
    output = io.StringIO()
    console = Console(Terminal(file=output, width=160), interval=0.05, label="[3] ")
    console.expect([("align", 20.0)])
    console.started("align")
    time.sleep(0.2)
    console.stopped()
    assert re.match(r"\[3\] align +0 s  at work, 20 s last time\n", output.getvalue())
    console.reused("align", Artefact(Path(), {"report": {"summary": "aligned"}}), False)
    assert "\n[3] align         kept    aligned\n" in output.getvalue()


def test_a_long_description_leaves_room_for_count_and_time_left() -> None:
    console, output = on_terminal()
    console.started("train_translator")
    console.progress("back-translation 1.204, synthetic 1.331, round trip 71.22 at step 1,200", 1300, 1800)
    shown = screen(console, output)[0]
    console.stopped()
    assert re.search(r"train_translator  back-translation 1\.2.*….*1300/1800 \d:\d\d:\d\d [-\d]+:", shown)
    assert "━" in shown

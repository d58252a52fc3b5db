"""Values that cannot be used end in one sentence that names the option, with exit status 2."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from umt.pipeline import inputs
from umt.pipeline.checks import check_options, validate
from umt.pipeline.display.console import Console
from umt.pipeline.errors import AlignmentFailed, option_errors, user_errors
from umt.types import Lang

CONF = Path(__file__).parents[2] / "conf"


def start(*overrides: str) -> None:
    """What a program does before it builds anything."""
    with initialize_config_dir(str(CONF), version_base=None):
        config = compose("config", overrides=list(overrides))
    with user_errors(Console()):
        check_options(config)
        corpus = inputs.corpus(config)
        held_out = inputs.held_out(config, corpus)
        validate(config, (Lang("en"), Lang("zh")), held_out)


def refusal(capsys: pytest.CaptureFixture[str], *overrides: str) -> str:
    """The sentence with which a program with these options ends before it builds anything."""
    with pytest.raises(SystemExit) as end, option_errors():
        start(*overrides)
    assert end.value.code == 2
    sentence = capsys.readouterr().err
    assert sentence.startswith("error: ")
    assert sentence.count("\n") == 1
    return sentence


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed=one", "seed must be a whole number, got 'one'"),
        ("seed=null", "seed must be a whole number, got None"),
        ("seed=1.5", "seed must be a whole number"),
        ("audit=loud", "audit must be one of report, strict"),
        ("runtime.threads=many", "runtime.threads must be a whole number"),
        ("runtime.workers=-1", "runtime.workers must not be negative"),
        ("languages=[en,en]", "languages must be two different codes"),
        ("rebuild=align", "rebuild must be a list"),
        ("corpus.size=abc", "corpus.size must be a whole number, got 'abc'"),
        ("words.windows=7", "words.windows must be a list, got 7"),
        ("lm.optimisation.learning_rate=abc", "lm.optimisation.learning_rate must be"),
        ("evaluation.metrics=???", "evaluation.metrics"),
        ("+evaluation.sets.news=3", "evaluation.sets.news must be a test set"),
        ("corpus=/data/text", "there is no corpus=/data/text"),
        ("store=${oc.env:UMT_NO_SUCH_VARIABLE}", "store refers to something that has no value"),
        ("store=${corpus.nope}", "store refers to something that has no value"),
        ("store=''", "store is empty"),
        ("store=/data/a=b", "store has a value with characters that need quotes"),
        ("store=仓库", "write 'store=\"仓库\"'"),
        ("store=/data/x (1)", "write 'store=\"/data/x (1)\"'"),
    ],
)
def test_a_bad_value_names_its_option(
    override: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in refusal(capsys, override)


def test_a_test_set_that_is_null_is_switched_off() -> None:
    with initialize_config_dir(str(CONF), version_base=None):
        config = compose("config", overrides=["evaluation=wmt", "evaluation.sets.wmt22-en-zh=null"])
    check_options(config)
    names = {held_out.name for held_out in inputs.held_out(config, inputs.corpus(config))}
    assert "wmt22-en-zh" not in names
    assert "wmt22-zh-en" in names


def test_a_failed_alignment_has_a_status_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end, user_errors(Console()):
        raise AlignmentFailed("nothing fits")
    assert end.value.code == 3
    assert capsys.readouterr().err == "error: nothing fits\n"


PROGRAM = """
import sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from umt.pipeline.display.console import Console
from umt.pipeline.errors import user_errors
from umt.runtime.interrupts import handle_signals
from umt.runtime.processes import forkserver_context

if __name__ == "__main__":
    with user_errors(Console()):
        handle_signals()
        context = forkserver_context() if sys.argv[1] == "forkserver" else get_context("fork")
        with ProcessPoolExecutor(2, context) as pool:
            work = [pool.submit(time.sleep, 600) for _ in range(2)]
            while sum(future.running() for future in work) < 2:
                time.sleep(0.05)
            time.sleep(1)
            print(*pool._processes, flush=True)
            work[0].result()
"""


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("context", ["fork", "forkserver"])
@pytest.mark.parametrize(
    ("number", "status", "word"),
    [
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGKILL, -9, ""),
    ],
)
def test_a_signal_ends_a_program_and_its_workers(
    number: signal.Signals, status: int, word: str, context: str, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(CONF.parent)}
    program = subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py"), context],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert program.stdout is not None
    workers = [int(process) for process in program.stdout.readline().split()]
    assert len(workers) == 2
    program.send_signal(number)
    _, errors = program.communicate(timeout=60)
    assert program.returncode == status
    if word:
        assert errors.startswith(f"error: {word}; ")
        assert errors.count("\n") == 1
    for _ in range(100):
        if not any(map(alive, workers)):
            break
        signal.sigtimedwait([], 0.1)
    assert not any(map(alive, workers))

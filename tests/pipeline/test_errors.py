"""Values that cannot be used end in one sentence that names the option, with exit status 2."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from umt.pipeline import inputs
from umt.pipeline.checks import check_options, validate
from umt.pipeline.display.console import Console
from umt.pipeline.errors import AlignmentFailed, option_errors, sentence_of, user_errors
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
        ("store=/data/a,b", "write 'store=\"/data/a,b\"'"),
        ("store=/data/it's (1)", "write 'store=\"/data/it'\"'\"'s (1)\"'"),
        ("lm=null", "a group takes the name of one of its choices"),
        ("--seed=1", "options are written name=value, such as seed=2"),
        ("seed =1", "options are written name=value, such as seed=2"),
        ("seed=[1]", "seed must be one value, got [1]"),
        ("evaluation.dictionary=null", "evaluation.dictionary must name train and test"),
        ("words.dim={_target_:nothing}", "words.dim: Error locating target 'nothing'"),
        ("aligner.settings=3", "aligner.settings must be a mapping such as {name: value}, got 3"),
        ("aligner.aligner=nope", "aligner.aligner must have options of its own, those of Aligner"),
        ("lm.architecture=3", "lm.architecture must have options of its own, those of Architecture, got 3"),
        ("lm.row_length=0", "lm.row_length must be positive, got 0"),
        ("translator.schedules.synthetic=abc", "translator.schedules.synthetic must have options of its own"),
        ("tokenizer.vocabulary=260", "tokenizer.vocabulary must be at least 261, got 260"),
        ("evaluation.metrics=[3]", "evaluation.metrics: there is no metric 3: choose among bleu"),
        ("evaluation.dictionary.train=/nowhere", "evaluation.dictionary.train=/nowhere is no file"),
        ("aligner@control=cooccurrence", "aligner@control must be supervised, procrustes or"),
        ("control=nope", "aligner@control must be one of its choices"),
        ("hydra/launcher=nope", "there is no hydra/launcher=nope"),
        ("evaluation.sets.news=a.tsv", "+evaluation.sets.news=... adds one"),
        ("lm.architecture=null", "lm: there is no architecture"),
        ("store=仓库", "write 'store=\"仓库\"'"),
        ("store=/data/x (1)", "write 'store=\"/data/x (1)\"'"),
    ],
)
def test_a_bad_value_names_its_option(
    override: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in refusal(capsys, override)


@pytest.mark.parametrize(
    ("number", "file", "sentence"),
    [
        (errno.ENOSPC, None, "no space is left on the disk: free some and run the same command again"),
        (errno.EDQUOT, "/a/b", "no space is left on the disk of /a/b: free some"),
        (errno.EROFS, "/a/.lock-b", "/a/.lock-b cannot be opened: Read-only file system; for another place"),
        (errno.EACCES, "/a", "/a cannot be opened: Permission denied; for another place"),
        (errno.EIO, "/a", "[Errno 5] Input/output error: '/a'"),
    ],
)
def test_errors_of_files_say_what_to_do(number: int, file: str | None, sentence: str) -> None:
    assert str(sentence_of(OSError(number, os.strerror(number), file))).startswith(sentence)


def test_a_test_set_that_is_null_is_switched_off() -> None:
    with initialize_config_dir(str(CONF), version_base=None):
        config = compose("config", overrides=["evaluation=wmt", "evaluation.sets.wmt22-en-zh=null"])
    check_options(config)
    names = {held_out.name for held_out in inputs.held_out(config, inputs.corpus(config))}
    assert "wmt22-en-zh" not in names
    assert "wmt22-zh-en" in names


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), ZeroDivisionError("ours")])
def test_a_thread_that_fails_says_nothing_that_its_caller_says(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    with user_errors(Console()):
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    assert ("Traceback" in capsys.readouterr().err) == isinstance(error, ZeroDivisionError)


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


STUCK = """
import time
from umt.pipeline.display.console import Console
from umt.pipeline.errors import user_errors
from umt.runtime import interrupts

interrupts.GRACE = 0.5
with user_errors(Console()):
    interrupts.handle_signals()
    try:
        print("ready", flush=True)
        time.sleep(600)
    finally:
        time.sleep(600)
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_program_that_waits_while_it_clears_up_ends_all_the_same(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(STUCK, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(CONF.parent)}
    program = subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py")],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    program.send_signal(number)
    _, errors = program.communicate(timeout=60)
    assert program.returncode == status
    assert errors == "error: stopped before everything was cleared up\n"

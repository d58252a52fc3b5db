"""A small run, killed at random moments of every stage and started again, against an unbroken run.

    python -m tests.faults.kills --kills 100 --seed 1

`train.py`, then `evaluate.py`, build a run that passes through all stages. A series of kills goes through its
artefacts in order: the command is started, and killed by SIGKILL at a random moment of the artefact's turn;
then the next. At the end both commands run to their end. Every file must be that of the unbroken run byte for
byte, but for what `comparable` leaves out, and nothing may be left behind: no file or folder of something
unfinished, no worker process. Each command is a fork of one process that has imported the program, in a
session of its own; checkpoints are written at every record instead of twice a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.small_texts import EN, ZH

TIMES = {"seconds", "made", "commit", "tokens_per_second", "inputs", "files"}
"""Keys of JSON that hold times, the state of the checkout, or digests of files with times."""
SMALL = """
corpus=files on_failed=continue runtime.threads=1 runtime.workers=2 words.dim=20 aligner=restarts
aligner.max_rounds=1 aligner.null_runs=2 aligner.aligner.words=100 aligner.aligner.rounds=2
aligner.count_augmentation=null bootstrap.rounds=1 bootstrap.sentences=100 tokenizer.vocabulary=600
size.width=32 size.layers=1 size.heads=1 size.hidden=32 lm.optimisation.steps=40 lm.batch_tokens=256
translator.optimisation.steps=40 translator.batching.tokens=256 translator.batching.max_tokens=100
translator.synthesis.bootstrap_sentences=60 translator.validation.count=4 translator.validation.sentences=4
bits=prequential bits.limit=4000 bits.seeds=1 bits.vocabulary=400 bits.resamples=100
bits.code.increments=2 bits.code.epochs=1 bits.controls=[shuffled]
evaluation.metrics.0.resamples=100 evaluation.metrics.1.resamples=100 evaluation.compare.resamples=100
"""
PROGRAMS = ("train", "evaluate")


def write_texts(place: Path) -> None:
    """A small generated corpus with held-out pairs and a dictionary."""
    from umt.corpus.synthetic.source import SyntheticWorld, WorldPairs

    world = SyntheticWorld((EN, ZH), 600, processes=1)
    pairs = WorldPairs(world, size=12, references=1).pairs()
    for lang in (EN, ZH):
        (place / f"{lang}.txt").write_text("\n".join(world.sentences(lang)), encoding="utf-8")
        side = (texts[0] for texts in pairs.sides[lang])
        (place / f"test.{lang}").write_text("\n".join(side), encoding="utf-8")
    entries = [f"{word}\t{min(known)}" for word, known in sorted(world.dictionary().pairs.items())]
    (place / "dict.txt").write_text("\n".join(entries), encoding="utf-8")


def start(program: str, store: Path, log: Path) -> int:
    """Fork a process that runs ``program`` on ``store``, in a session of its own; its number."""
    if number := os.fork():
        return number
    status = 1
    try:
        os.setsid()
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.argv = [f"{program}.py", *SMALL.split(), f"store={store}"]
        sys.argv += [f"corpus.root={store.parent}", f"evaluation.dictionary.train={store.parent}/dict.txt"]
        _checkpoint_often()
        __import__(f"umt.cli.{program}", fromlist=["main"]).main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def _checkpoint_often() -> None:
    from umt.training import loop

    loop.LoopOptions.__init__.__defaults__ = (10, 0.0, False, False)
    loop.fit.__defaults__ = ((), loop.LoopOptions(), loop.SINGLE, None)


def status_of(process: int, wait: bool = True) -> int | None:
    """The exit status of ``process``, negative where a signal ended it; None where it runs."""
    number, status = os.waitpid(process, 0 if wait else os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if number else None


def living(session: int) -> list[int]:
    """Processes of ``session`` that have not ended."""
    alive = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(of) == session and state != "Z":
            alive.append(int(stat.parent.name))
    return alive


def kill_during(program: str, store: Path, log: Path, artefact: str, moment: float) -> bool:
    """Start ``program``, kill it ``moment`` seconds after it began ``artefact``; whether it still ran.

    artefact: the name of a folder of the store; empty for the program itself.
    Raises AssertionError where it ends in an error, or where a process of it outlives it.
    """
    if artefact and (store / artefact).exists():
        return False
    process = start(program, store, log)
    mark = f".{artefact}.*-{process}.partial"  # of this process
    while artefact and not any(store.glob(mark)):
        if (status := status_of(process, wait=False)) is not None:
            assert status == 0, f"{program} ended with {status}: {log.read_text()[-2000:]}"
            return False
        time.sleep(0.005)
    deadline = time.monotonic() + moment
    while time.monotonic() < deadline and (not artefact or any(store.glob(mark))):
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    status = status_of(process)
    patience = time.monotonic() + 10
    while (left := living(process)) and time.monotonic() < patience:
        time.sleep(0.02)
    assert not left, f"processes {left} outlive {program}, killed in {artefact}"
    assert status in (0, -signal.SIGKILL), f"{program} ended with {status}: {log.read_text()[-2000:]}"
    return status != 0


def finish(store: Path, log: Path) -> None:
    """Run all programs to their end."""
    for program in PROGRAMS:
        status = status_of(start(program, store, log))
        assert status == 0, f"{program} ended with {status}: {log.read_text()[-2000:]}"


def comparable(store: Path) -> Iterator[tuple[str, bytes]]:
    """Path and content of each file, without times: of JSON `TIMES`, of pages numbers and figures.

    JSON holds the numbers of pages. TensorBoard's events hold times, and each start writes a file of its own.
    """
    for path in sorted(path for path in store.rglob("*") if not path.is_dir() or not any(path.iterdir())):
        name, content = str(path.relative_to(store)), path.read_bytes() if path.is_file() else b""
        if path.name.startswith("events.out") and path.parent.name == "tensorboard":
            continue
        if path.suffix in (".json", ".jsonl") and path.name != "tokenizer.json":
            records = content.decode().splitlines() if path.suffix == ".jsonl" else [content.decode()]
            content = "\n".join(json.dumps(_timeless(json.loads(each))) for each in records).encode()
        elif path.suffix == ".html":
            content = re.sub(rb"(?s)<svg.*?</svg>|[0-9a-f]{10}\+?|[\d.,:+-]+", b"", content)
        yield name, content


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(inner) for key, inner in value.items() if key not in TIMES}
    return [_timeless(inner) for inner in value] if isinstance(value, list) else value


def differences(unbroken: Path, store: Path) -> list[str]:
    """What differs between two stores, or lies in one alone."""
    expected, actual = dict(comparable(unbroken)), dict(comparable(store))
    names = sorted(expected.keys() | actual.keys())
    return [name for name in names if expected.get(name) != actual.get(name)]


def main() -> None:
    """Print a line a series of kills; status 1 where anything differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--each", type=int, default=3, help="kills of one artefact in a series")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for the stores, which are left there")
    options = parser.parse_args()
    for program in PROGRAMS:
        __import__(f"umt.cli.{program}")
    from umt.pipeline import neural_stages, stages  # noqa: F401  (all that takes long to import)

    choose, kills, failed = random.Random(options.seed), 0, False
    with tempfile.TemporaryDirectory() as temporary:
        place = options.keep or Path(temporary)
        store, unbroken, log = place / "store", place / "unbroken", place / "log.txt"
        if not unbroken.exists():
            write_texts(place)
            finish(store, log)
            store.rename(unbroken)
        manifests = [json.loads(path.read_text()) for path in unbroken.glob("*/manifest.json")]
        turns = [
            (f"{each['stage']}-{each['fingerprint'][:12]}", each["seconds"])
            for each in sorted(manifests, key=lambda manifest: manifest["made"])
        ]
        while kills < options.kills:
            shutil.rmtree(store, ignore_errors=True)
            counts = {}
            for artefact, seconds in [*turns, ("", 5.0)]:
                program = "train" if artefact else "evaluate"
                for _ in range(options.each):
                    if not kill_during(program, store, log, artefact, choose.uniform(0, 0.7 * seconds or 5)):
                        break
                    counts[artefact or program] = counts.get(artefact or program, 0) + 1
                if not artefact or kills + sum(counts.values()) >= options.kills:
                    break
            finish(store, log)
            kills += sum(counts.values())
            wrong = differences(unbroken, store)
            failed |= bool(wrong)
            shown = ", ".join(f"{count} in {name}" for name, count in counts.items())
            print(
                f"{kills} kills ({shown}): {' '.join(wrong) or 'every file as in the unbroken run'}",
                flush=True,
            )
            if wrong:
                break
    sys.exit(failed)


if __name__ == "__main__":
    main()

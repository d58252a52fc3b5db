"""Load: lines prepared, words aligned on vectors alone, sentences translated in a stream, at growing sizes.

    python -m benchmarks.load --prepare 100000 300000 1000000
    python -m benchmarks.load --align 5000 15000 45000
    python -m benchmarks.load --translate 3000 10000 30000 --run runs/run-1b4dcebd3e1d --text en.txt

Each size is a process of its own with one worker, on text and vectors that are generated before. Growth is
the exponent between two sizes: 1 for time that is proportional to the input, 0 for memory that does not
depend on it. Alignment knows the truth: the second vectors are the first ones rotated, with noise.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from rich.console import Console as Terminal
from rich.table import Table

from umt.cli.command_line import Command
from umt.corpus.files import Files
from umt.corpus.preparation.cleaning import Preparation
from umt.corpus.preparation.prepare import prepare_text
from umt.types import Lang

EN, ZH = Lang("en"), Lang("zh")
_WORDS, _LENGTH, _DIM = 50_000, 12, 50
_STARTED = ("-m", "benchmarks.load", "--only")


class Load(NamedTuple):
    """Seconds of the wall and of processors, and the largest resident memory in MiB, of a process."""

    seconds: float
    processor: float
    memory: float


def write_text(count: int, place: Path) -> None:
    """``count`` lines of random words by Zipf's law, half in English letters, half in Chinese."""
    draw = np.random.default_rng(1)
    chances = 1 / np.arange(1, _WORDS + 1)
    for lang, letters, space in (
        (EN, [*"abdegiklmnoprstu"], " "),
        (ZH, list(map(chr, range(0x4E00, 0x5200))), ""),
    ):
        width = 6 if space else 2
        words = [
            "".join(word) for word in np.array(letters)[draw.integers(len(letters), size=(_WORDS, width))]
        ]
        with (place / f"{lang}.txt").open("w", encoding="utf-8") as file:
            for start in range(0, count // 2, 10_000):
                shape = (min(10_000, count // 2 - start), _LENGTH)
                for line in draw.choice(_WORDS, shape, p=chances / chances.sum()):
                    file.write(space.join(words[word] for word in line) + ("." if space else "。") + "\n")


def write_vectors(count: int, place: Path) -> None:
    """``count`` Gaussian vectors a side with a spectrum that falls, the second side rotated, with noise."""
    draw = np.random.default_rng(1)
    vectors = draw.standard_normal((count, _DIM)) / np.arange(
        1, _DIM + 1
    ) ** 0.3 + 0.2 * draw.standard_normal(_DIM)
    rotation = np.linalg.qr(draw.standard_normal((_DIM, _DIM)))[0]
    for lang, side in ((EN, vectors), (ZH, vectors @ rotation + 0.05 * draw.standard_normal(vectors.shape))):
        with (place / f"{lang}.vec").open("w", encoding="utf-8") as file:
            file.write(f"{count} {_DIM}\n")
            for number, row in enumerate(side.round(4)):
                file.write(f"{lang}{number} {' '.join(map(str, row.tolist()))}\n")


def prepare(place: Path) -> None:
    """Prepare the text in ``place``, without the stages after that."""
    made = place / "made"
    made.mkdir()
    prepare_text(Files((EN, ZH), root=place), (), Preparation(workers=1), made, lambda *_: None)


def measured(arguments: list[str]) -> Load:
    """What a Python process with ``arguments`` takes; its output is thrown away. Raises RuntimeError."""
    start, machine = time.perf_counter(), os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, env=machine) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3):  # 3: an alignment that failed
        raise RuntimeError(f"{arguments} ended with status {process.returncode}")
    return Load(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def growth(table: Table, loads: dict[int, Load]) -> None:
    """A row a size, with the exponents from the size before."""
    before = None
    for count, load in loads.items():
        exponents = ["", ""]
        if before is not None:
            ratio = log(count / before)
            old = loads[before]
            exponents = [f"{log(new / was) / ratio:.2f}" for new, was in
                         ((load.processor, old.processor), (load.memory, old.memory))]  # fmt: skip
        row = (f"{count:,}", f"{load.seconds:.1f}", f"{load.processor:.1f}", f"{count / load.processor:,.0f}")
        table.add_row(*row, f"{load.memory:,.0f}", *exponents)
        before = count


def main() -> None:
    """Print one table a measurement."""
    parser = Command("benchmarks.load", __doc__)
    for name in ("prepare", "align", "translate"):
        parser.add_argument(f"--{name}", type=int, nargs="+", default=[], metavar="SIZE")
    parser.add_argument("--run", type=Path, help="a run with a phrase-based translator")
    parser.add_argument("--text", type=Path, help="what it translates, again and again")
    parser.add_argument("--to", default="zh", help="the language that it translates into (zh)")
    parser.add_argument("--only", type=Path, help="prepare the text of this folder, and print nothing")
    options = parser.parse_args()
    if options.only:
        prepare(options.only)
        return

    def translated(count: int, place: Path) -> list[str]:
        lines = options.text.read_text(encoding="utf-8").splitlines()
        with (place / "in.txt").open("w", encoding="utf-8") as file:
            file.writelines(f"{lines[number % len(lines)]}\n" for number in range(count))
        files = ["--input", str(place / "in.txt"), "--output", str(place / "out.txt")]
        return ["-m", "umt.cli.translate", "--lexical", "--run", str(options.run), "--to", options.to, *files]

    def aligned(count: int, place: Path) -> list[str]:
        write_vectors(count, place)
        vectors = [str(place / f"{lang}.vec") for lang in (EN, ZH)]
        machine = [f"words.size={count}", "runtime.workers=1", f"store={place}"]
        return ["-m", "umt.cli.align", *vectors, "--out", str(place / "out"), *machine]

    def prepared(count: int, place: Path) -> list[str]:
        write_text(count, place)
        return [*_STARTED, str(place)]

    ways: dict[str, Callable[[int, Path], list[str]]]
    ways = {"prepare": prepared, "align": aligned, "translate": translated}
    for name, command in ways.items():
        loads = {}
        for count in getattr(options, name):
            with TemporaryDirectory() as place:
                loads[count] = measured(command(count, Path(place)))
        headings = ("size", "seconds", "processor s", "a processor s", "MiB", "time grows", "memory grows")
        table = Table(*headings, title=name)
        growth(table, loads)
        if loads:
            Terminal().print(table)


if __name__ == "__main__":
    main()

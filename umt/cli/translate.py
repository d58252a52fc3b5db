"""Text in, translation out: ``python -m umt.cli.translate --to zh < in.txt > out.txt``.

    python -m umt.cli.translate --to zh "one sentence"
    python -m umt.cli.translate --to zh --run runs/run-1b4dcebd3e1d --input in.txt --output out.txt
    python -m umt.cli.translate --to en --model DIR --alternatives 5 < in.txt

A line in is a line out. With ``--alternatives N`` there are up to N lines for each, of four columns: the
number of the line in, a score in nats, the translation, and why it is doubtful, mostly empty. The score is
log p(translation | sentence) and log p(sentence | translation) together, by which they are ranked. Without
``--alternatives`` a translation that the model itself finds absurd is named on standard error.

``--engine ctranslate2`` (or ctranslate2-int8, in short products) decodes by CTranslate2, where that is
installed.
"""

from __future__ import annotations

import umt.runtime.interrupts  # noqa: F401  (before all that takes long to import)

# isort: split
import io
import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO, cast

from rich.console import Console as Terminal

from umt.cli.command_line import Command
from umt.corpus.preparation.held_out_filter import is_other_language
from umt.corpus.reading import lines, lines_of_stream
from umt.evaluation.baselines import Translator
from umt.lm.loading import configure_libraries
from umt.pipeline.display.console import Console, printable
from umt.pipeline.errors import user_errors
from umt.pipeline.saved import LanguageDirection, newest_run, open_translator, training_warnings
from umt.runtime.files import atomic_text
from umt.smt.translator import PhraseBasedTranslator
from umt.translation.export import by_ctranslate2
from umt.translation.prompting import PromptedTranslator
from umt.translation.translator import NeuralTranslator
from umt.types import BadInput, Lang

_ENGINES = ("own", "ctranslate2", "ctranslate2-int8")
_SHOWN = 10
"""Doubtful lines that are named; of more the number is said."""
_BATCH = 1000
"""Lines translated at once: enough to fill batches of like length, few enough to see them come."""


def parse_arguments(arguments: Sequence[str] | None = None) -> Namespace:
    """What the command line says."""
    parser = Command("umt.cli.translate", __doc__)
    parser.add_argument(
        "sentence", nargs="*", type=_as_typed, help="to translate, instead of --input or standard input"
    )
    parser.add_argument("--to", required=True, type=Lang, metavar="LANG", help="such as zh")
    parser.add_argument("--from", dest="source", type=Lang, metavar="LANG", help="the other one if not given")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--run", type=Path, metavar="DIR", help="of train.py; the newest under runs/ if not given"
    )
    where.add_argument("--model", type=Path, metavar="DIR", help="a saved translator")
    parser.add_argument("--lexical", action="store_true", help="the run's word-by-word translator")
    parser.add_argument("--beam", type=int, default=8, metavar="N", help="hypotheses side by side; 1: greedy")
    parser.add_argument("--alternatives", type=int, default=0, metavar="N", help="show the N best, scored")
    parser.add_argument("--engine", choices=_ENGINES, default=_ENGINES[0], help="what decodes, see below")
    parser.add_argument("--input", type=Path, metavar="FILE", help="plain, .gz, .xz or .zst")
    parser.add_argument("--output", type=Path, metavar="FILE", help="appears when it is complete")
    options = parser.parse_args(arguments)
    if options.sentence and options.input:
        parser.error("give sentences or --input, not both")
    for name, least in (("beam", 1), ("alternatives", 0)):
        if getattr(options, name) < least:
            parser.error(f"--{name} must be at least {least}, got {getattr(options, name)}")
    return options


def _as_typed(sentence: str) -> str:
    """A sentence of the command line; UTF-8 where the locale could not read it."""
    undecoded = any("\ud800" <= letter <= "\udfff" for letter in sentence)
    return os.fsencode(sentence).decode("utf-8", "replace") if undecoded else sentence


def main(arguments: Sequence[str] | None = None) -> None:
    """Translate what the command line names."""
    configure_libraries()
    options = parse_arguments(arguments)
    console = Console(Terminal(stderr=True, highlight=False, soft_wrap=True))
    with user_errors(console, " before all was translated"), _output(options.output) as out:
        directory = options.model or options.run or newest_run(Path("runs"))
        way, beam = LanguageDirection(options.source, options.to), max(options.beam, options.alternatives)
        translator = open_translator(directory, way, beam, options.lexical)
        if options.engine != _ENGINES[0]:
            if not isinstance(translator, NeuralTranslator):
                raise BadInput(f"--engine {options.engine} decodes neural translators alone: leave it out")
            with TemporaryDirectory() as scratch:
                translator = by_ctranslate2(translator, Path(scratch), options.engine.endswith("int8"))
        if options.alternatives and not isinstance(translator, NeuralTranslator):
            raise BadInput("only the neural translator has alternatives: leave --alternatives out")
        for warning in training_warnings(directory, options.lexical):
            console.terminal.print(printable(f"warning: {directory}: {warning}"), markup=False)
        if not (options.sentence or options.input or sys.stdin):
            raise BadInput("standard input is closed: give a sentence, or --input FILE")
        typed = not options.sentence and options.input is None and sys.stdin.isatty()
        source = iter(options.sentence or _input_lines(options.input))
        done, doubtful, start, doubt = 0, 0, time.perf_counter(), ""
        for batch in _batches(source, 1 if typed else _BATCH):
            if not doubt and (doubt := _wrong_language_warning(translator, batch)):
                console.terminal.print(doubt, markup=False)
            for line, doubt_of_line in _output_lines(translator, batch, done, options.alternatives):
                out.write((printable(line) if out.isatty() else line) + "\n")
                doubtful += bool(doubt_of_line)
                if doubt_of_line and doubtful <= _SHOWN:
                    console.terminal.print(printable(f"warning: {doubt_of_line}"), markup=False)
            out.flush()
            done += len(batch)
            if console.terminal.is_terminal and not typed:
                console.terminal.print(_speed(done, start), end="\r")
        if doubtful > _SHOWN:
            console.terminal.print(
                f"warning: {doubtful:,} of {done:,} translations are doubtful", markup=False
            )
        if not options.sentence:
            console.terminal.print(f"{_speed(done, start)}, by {directory}")


def _wrong_language_warning(
    translator: NeuralTranslator | PhraseBasedTranslator | PromptedTranslator, batch: list[str]
) -> str:
    """A warning where most lines are in another language than is translated from, else nothing."""
    if not is_other_language(batch, translator.source, translator.target):
        return ""
    way = f"{translator.source} to {translator.target}"
    return f"warning: most of this is not {translator.source}, and it is translated from {way} (see --to)"


def _batches(source: Iterator[str], size: int) -> Iterator[list[str]]:
    """Lists of ``size``; what comes before a line that cannot be read is not lost."""
    batch: list[str] = []
    try:
        for line in source:
            batch.append(line)
            if len(batch) == size:
                yield batch
                batch = []
    except BadInput:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _output_lines(
    translator: Translator, batch: list[str], before: int, alternatives: int
) -> Iterator[tuple[str, str]]:
    """Lines to write, each with a warning about it, empty for most and where the line says it itself."""
    if not isinstance(translator, NeuralTranslator):
        yield from ((text, "") for text in translator.translate(batch))
        return
    if not alternatives:
        for number, (text, doubts) in enumerate(translator.translate_with_doubts(batch), before + 1):
            yield text, f"line {number} is doubtful: {', '.join(doubts)}" if doubts else ""
        return
    for number, hypotheses in enumerate(translator.alternatives(batch), before + 1):
        for text, score, doubts in hypotheses[:alternatives]:
            yield f"{number}\t{score:.3f}\t{text}\t{', '.join(doubts)}", ""


def _input_lines(path: Path | None) -> Iterator[str]:
    if path is not None:
        yield from lines(path)
        return
    stdin, advice = io.BufferedReader(cast(Any, sys.stdin.buffer)), "give a sentence a line, or --input FILE"
    yield from lines_of_stream(stdin, Path("standard input"), 1 if sys.stdin.isatty() else 1 << 20, advice)


def _speed(done: int, start: float) -> str:
    seconds = time.perf_counter() - start
    return f"{done:,} lines in {seconds:.1f} s, {done / max(seconds, 1e-9):,.0f} a second"


@contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears under its name when all is written.

    What an error or Ctrl-C cuts short stays beside it as ``{name}.partial``; a pipe is written to.
    """
    if path is None:
        if sys.stdout is None:
            raise BadInput("standard output is closed: give --output FILE")
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # as what comes in, whatever the locale
        try:
            yield sys.stdout
        except BrokenPipeError:  # whoever read it has had enough; Python must not flush at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    if path.is_dir() or not path.parent.is_dir():
        raise BadInput(f"--output {path} is no file that can be written: give a name in a folder that exists")
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8") as file:
            yield file
        return
    path = path.resolve()  # a link stays a link
    with atomic_text(path, keep_unfinished=True) as file:
        yield file


if __name__ == "__main__":
    main()

"""Word translation from two files of vectors: a lexicon each way, mapped vectors, a verdict.

    umt-align en.vec.gz zh.vec
    umt-align en.vec.gz zh.vec --dictionary test.en-zh.txt --out aligned
    umt-align fr.bin de.bin --languages fr,de aligner=self_learning seed=2

Files: fastText, word2vec as text or binary, GloVe; plain, .gz, .xz or .zst; most frequent word first. The
folder receives lexicon.tsv ("word translation probability" a line), lexicon.muse.txt (the best translation of
each word), reverse.* of the other direction, the vectors of both languages in one space as word2vec's text
(.vec) and binary format (.bin), verdict.txt and shared_space.svg. Further options are those of train.py: its
stages run with corpus=none words=file.
"""

from __future__ import annotations

import umt.runtime.interrupts  # noqa: F401  (before all that takes long to import)

# isort: split
import shutil
import sys
from pathlib import Path

from omegaconf import open_dict

from umt.align import Alignment
from umt.cli.command_line import Command
from umt.cli.train import build
from umt.evaluation.report.shared_space import word_sheet
from umt.evaluation.report.svg import standalone
from umt.pipeline.composition import configuration
from umt.pipeline.display.reporting import score_run, show
from umt.pipeline.errors import ALIGNMENT_FAILED, option_errors
from umt.pipeline.program import program
from umt.pipeline.store import Store


def write_alignment(saved: Path, languages: tuple[str, str], directory: Path) -> None:
    """Everything of a ``saved`` alignment for other programs and for the eye, into ``directory``."""
    alignment = Alignment.load(saved)
    directory.mkdir(parents=True, exist_ok=True)
    alignment.lexicon.export(directory, "lexicon")
    alignment.reverse_lexicon.export(directory, "reverse")
    for name, lang, side in zip(("source", "target"), languages, alignment.sides, strict=True):
        shutil.copyfile(saved / f"{name}.vec", directory / f"{lang}.vec")
        side.export(directory / f"{lang}.bin")
    verdict = alignment.verdict
    (directory / "verdict.txt").write_text(f"{verdict.label}: {verdict.reason}\n", encoding="utf-8")
    sheet = standalone(word_sheet(alignment, languages))
    (directory / "shared_space.svg").write_text(sheet, encoding="utf-8")


def main() -> None:
    """The command."""
    parser = Command("umt.cli.align", __doc__)
    parser.add_argument("source", type=Path, help="vectors of the source language")
    parser.add_argument("target", type=Path, help="vectors of the target language")
    parser.add_argument("options", nargs="*", help="of train.py, such as seed=2 or aligner=self_learning")
    parser.add_argument("--languages", default="en,zh", help="their codes (en,zh)")
    parser.add_argument("--dictionary", type=Path, help='a true dictionary to score with, "word word" a line')
    parser.add_argument("--out", type=Path, default=Path("aligned"), help="the folder to write (aligned)")
    arguments = parser.parse_intermixed_args()
    languages = arguments.languages.split(",")
    with option_errors():
        config = configuration(
            ["corpus=none", "words=file", f"languages=[{arguments.languages}]", *arguments.options]
        )
        with open_dict(config):
            files = (str(arguments.source), str(arguments.target))
            config.words.paths = dict(zip(languages, files, strict=False))
            config.evaluation.split = "test"
            if arguments.dictionary:
                config.evaluation.dictionary.test = str(arguments.dictionary)
        with program(config) as (console, _, config):
            run = build(config, Store(Path(config.store), console))
            artefact = run.alignments["unsupervised"]
            show(config, run, score_run(config, run, console), console.terminal)
            write_alignment(artefact.path, (languages[0], languages[1]), arguments.out)
            console.terminal.print(f"lexicons, vectors and picture: {arguments.out}", markup=False)
            if artefact.report["verdict"]["label"] == "failed":
                sys.exit(ALIGNMENT_FAILED)


if __name__ == "__main__":
    main()

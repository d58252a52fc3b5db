"""Settings of the lexical translator compared where the truth is ours: the only place to choose them.

    python -m benchmarks.instruments ../shared/data/bible/en.txt.xz ../shared/data/talks/en.txt.xz \\
        --try bootstrap.length=1 --try "bootstrap.length=0.9 bootstrap.rounds=3"

BLEU on the dev pairs of the generated world, both ways, and of a cipher of each text given: half of its lines
against the other half enciphered, with merged, split and moved words. No real pair is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from rich.console import Console as Terminal
from rich.table import Table

import train
from umt.cli.command_line import Command
from umt.corpus import ParallelSet
from umt.corpus.reading import lines
from umt.evaluation.metrics import Bleu
from umt.pipeline.display.console import Console
from umt.pipeline.store import Store
from umt.smt.translator import PhraseBasedTranslator

ROOT = Path(__file__).parent.parent
NEURAL = ("lm=none", "translator=none", "aligner=cooccurrence")
DRIFT = ("corpus.merge=0.05", "corpus.split=0.12", "corpus.reorder=3")
LARGEST = 20_000_000
"""Bytes of a text that are read: enough to align."""


def corpora(texts: Sequence[Path], store: Path) -> Iterator[tuple[str, list[str]]]:
    """The name of each instrument, and the overrides that choose it."""
    yield "world", ["aligner=restarts"]
    for text in texts:
        retained = store / f"{text.parent.name}-{text.name.split('.')[0]}.txt"
        if not retained.exists():
            store.mkdir(parents=True, exist_ok=True)
            size = 0
            with retained.open("w", encoding="utf-8") as file:
                for line in lines(text):
                    size += len(line.encode()) + 1
                    if size > LARGEST:
                        break
                    file.write(f"{line}\n")
        yield text.parent.name, ["corpus=cipher", "languages=[en,xx]", f"corpus.path={retained}", *DRIFT]


def scores(overrides: Sequence[str], store: Path) -> Iterator[float]:
    """Dev BLEU of the lexical translator both ways."""
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        config = compose("config", overrides=[*NEURAL, f"store={store}", *overrides])
    run = train.build(config, Store(store, Console(Terminal(quiet=True)), ()))
    dev: ParallelSet = next(each.pairs() for each in run.held_out if each.name.startswith("dev"))
    source, target = run.corpus.languages
    for here, there in ((source, target), (target, source)):
        translator = PhraseBasedTranslator.load(run.translators["phrase-based"].path / f"{here}-{there}")
        translations = translator.translate([each[0] for each in dev.sides[here]])
        yield Bleu(resamples=2).score(translations, dev.sides[there], there).value


def main() -> None:
    """A line a setting."""
    parser = Command("benchmarks.instruments", __doc__)
    parser.add_argument("texts", nargs="*", type=Path, help="texts to encipher")
    parser.add_argument("--try", dest="tries", action="append", default=[], help="overrides of one setting")
    parser.add_argument("--store", type=Path, default=Path("runs"), help="where artefacts live")
    arguments = parser.parse_args()
    instruments = list(corpora(arguments.texts, arguments.store))
    table = Table("setting", *(name for name, _ in instruments), "mean")
    for tried in arguments.tries or [""]:
        result = [list(scores([*chosen, *tried.split()], arguments.store)) for _, chosen in instruments]
        mean = sum(map(sum, result)) / sum(map(len, result))
        table.add_row(tried, *(" ".join(f"{value:.1f}" for value in each) for each in result), f"{mean:.2f}")
        print(tried, result, f"{mean:.2f}", flush=True)
    Terminal().print(table)


if __name__ == "__main__":
    main()

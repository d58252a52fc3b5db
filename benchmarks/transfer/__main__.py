"""The command: see `benchmarks.transfer`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import benchmarks.transfer
from benchmarks.criterion.corpora import Builder, named
from benchmarks.transfer import bridge, cipher, neighbours, pointers, sweep
from benchmarks.transfer.records import Job, read, run
from benchmarks.transfer.tables import show
from benchmarks.transfer.texts import READ, ZH, Sides, prepared
from umt.cli.command_line import Command
from umt.compression.mutual_information import first_bytes
from umt.lm.loading import configure_libraries
from umt.pipeline.display.console import Console
from umt.pipeline.errors import user_errors
from umt.pipeline.store import Store

CORPORA = {"world": "world shift 0", "bible": "bible", "talks": "talks"}
EXPERIMENTS = ["bridge", "neighbours", "cipher", "pointers", "sweep"]
ELSEWHERE = {"world": "bible", "bible": "commonvoice", "talks": "bible"}
"""Another domain."""


def jobs(builder: Builder, experiments: list[str], corpora: list[str], seeds: int) -> Iterator[Job]:
    """All measurements, as far as they are asked for."""
    if "sweep" in experiments:
        yield from sweep.jobs()
    for name in corpora if experiments != ["sweep"] else []:
        corpus = named(builder.data, CORPORA[name])
        sides = Sides.of(prepared(builder, corpus.english))
        if "bridge" in experiments:
            yield from bridge.jobs(name, sides, builder.truth(corpus), seeds)
        if "neighbours" in experiments:
            other = prepared(builder, named(builder.data, ELSEWHERE[name]).chinese)
            lines = first_bytes(other.sentences(ZH), READ)
            yield from neighbours.jobs(name, sides, lines, seeds)
            yield from neighbours.jobs_from_vectors(name, sides, lines, seeds)
        if "cipher" in experiments:
            yield from cipher.jobs(name, sides, seeds)
        if "pointers" in experiments and name == "bible":
            yield from pointers.jobs(sides, seeds)


def main() -> None:
    """Run what is missing, or show what there is."""
    configure_libraries()
    parser = Command("benchmarks.transfer", benchmarks.transfer.__doc__)
    parser.add_argument("action", choices=["run", "show"])
    parser.add_argument("--only", nargs="*", default=EXPERIMENTS, choices=EXPERIMENTS)
    parser.add_argument("--corpora", nargs="*", default=list(CORPORA), choices=list(CORPORA))
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="where the real corpora lie"
    )
    parser.add_argument("--store", type=Path, default=Path("runs"), help="where artefacts and the runs live")
    parser.add_argument(
        "--records", type=Path, default=Path("docs/results/transfer.jsonl"), help="runs to show"
    )
    parser.add_argument("--seeds", type=int, default=3, help="of every setting, but for the sweep")
    parser.add_argument("--minutes", type=float, default=600, help="start no run later than this")
    arguments = parser.parse_args()
    console = Console()
    with user_errors(console):
        if arguments.action == "show":
            show(read(arguments.records), Path("docs/studies"))
            return
        builder = Builder(arguments.data.resolve(), Store(arguments.store, console))
        wanted = jobs(builder, arguments.only, arguments.corpora, arguments.seeds)
        run(wanted, arguments.store / "transfer.jsonl", arguments.store / "transfer", arguments.minutes)


if __name__ == "__main__":
    main()

"""The command: see `benchmarks.criterion`."""

from __future__ import annotations

from pathlib import Path

import benchmarks.criterion
from benchmarks.criterion import verdicts, whole
from benchmarks.criterion.corpora import Builder
from benchmarks.criterion.running import read, study
from benchmarks.criterion.seeds import from_seeds, told_of
from benchmarks.criterion.tables import show
from umt.cli.command_line import Command
from umt.pipeline.display.console import Console
from umt.pipeline.errors import user_errors
from umt.pipeline.store import Store
from umt.types import BadInput


def main() -> None:
    """Run what is missing, or show what there is."""
    parser = Command("benchmarks.criterion", benchmarks.criterion.__doc__)
    parser.add_argument("action", choices=["run", "show", "seeds", "whole", "verdicts"])
    parser.add_argument("what", nargs="*", help="a corpus, an option of the group aligner, overrides")
    parser.add_argument("--count", type=int, default=10, help="how many seeds")
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="where the real corpora lie"
    )
    parser.add_argument("--manuals", type=Path, default=Path("data"), help="where software_help etc. lie")
    parser.add_argument("--store", type=Path, default=Path("runs"), help="where artefacts and the runs live")
    parser.add_argument("--only", nargs="*", default=[], help="corpora of these names, in this order")
    parser.add_argument("--minutes", type=float, default=60, help="start no run later than this")
    arguments = parser.parse_args()
    console = Console()
    with user_errors(console):
        records = arguments.store / "criterion.jsonl"
        builder = Builder(arguments.data.resolve(), Store(arguments.store, console))
        if arguments.action == "seeds":
            if len(arguments.what) != 2:
                raise BadInput(
                    "name a corpus and an option: python -m benchmarks.criterion seeds talks gromov"
                )
            records, (corpus, option) = arguments.store / "seeds.jsonl", arguments.what
            from_seeds(builder, records, corpus, option, arguments.count)
            print(told_of(read(records), corpus, option))
        elif arguments.action == "whole":
            if len(arguments.what) < 2:
                raise BadInput(
                    "name a corpus and an option: python -m benchmarks.criterion whole bible restarts"
                )
            records, (corpus, option, *overrides) = arguments.store / "whole.jsonl", arguments.what
            whole.from_seeds(builder, records, corpus, option, overrides, arguments.count)
            print(whole.told_of(read(records), corpus, " ".join([option, *overrides])))
        elif arguments.action == "verdicts":
            records = arguments.store / "verdicts.jsonl"
            verdicts.study(builder, records, arguments.manuals.resolve(), arguments.only)
            print(verdicts.verdict_table(records))
        elif arguments.action == "show":
            if not records.exists():
                raise BadInput(f"{records} holds no run yet: python -m benchmarks.criterion run")
            print(show(read(records), Path("docs/studies")))
        else:
            study(builder, records, arguments.only, arguments.minutes)


if __name__ == "__main__":
    main()

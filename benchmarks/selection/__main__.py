"""The command: see `benchmarks.selection`."""

from __future__ import annotations

from pathlib import Path

import benchmarks.selection
from benchmarks.selection.running import read, study
from benchmarks.selection.tables import show
from umt.cli.command_line import Command
from umt.lm.loading import configure_libraries
from umt.pipeline.display.console import Console
from umt.pipeline.errors import user_errors
from umt.pipeline.store import Store
from umt.types import BadInput


def main() -> None:
    """Run what is missing, or show what there is."""
    configure_libraries()
    parser = Command("benchmarks.selection", benchmarks.selection.__doc__)
    parser.add_argument("action", choices=["run", "show"])
    parser.add_argument("--store", type=Path, default=Path("runs"), help="where artefacts and the runs live")
    parser.add_argument("--only", nargs="*", default=[], help="runs whose name contains one of these")
    parser.add_argument("--minutes", type=float, default=60, help="start no run later than this")
    arguments = parser.parse_args()
    console = Console()
    with user_errors(console):
        records = arguments.store / "selection.jsonl"
        if arguments.action == "run":
            study(Store(arguments.store, console), records, arguments.only, arguments.minutes)
        elif records.exists():
            print(show(read(records), Path("docs/studies")))
        else:
            raise BadInput(f"{records} holds no run yet: python -m benchmarks.selection run")


if __name__ == "__main__":
    main()

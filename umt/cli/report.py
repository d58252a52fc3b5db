"""Compare finished runs, or whole sweeps, on one page that opens from disk.

    python -m umt.cli.report runs/run-0123456789ab runs/run-ba9876543210     two runs
    python -m umt.cli.report runs -o sweep.html                              every scored run under a store

The page holds all scores, the parameters in which the runs differ, their learning curves, the significance of
every difference between two systems on a common test set, and each sentence with all outputs.
"""

from __future__ import annotations

import umt.runtime.interrupts  # noqa: F401  (before all that takes long to import)

# isort: split
import sys
from pathlib import Path

from umt.cli.command_line import Command
from umt.evaluation.finished_runs import MEANING, find_scored_runs
from umt.evaluation.report.comparison import write_comparison
from umt.pipeline.display.console import Console, printable
from umt.pipeline.errors import user_errors
from umt.types import BadInput


def main() -> None:
    """The command."""
    parser = Command("umt.cli.report", __doc__)
    parser.add_argument("places", nargs="+", type=Path, help="run directories, or stores such as runs")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("comparison.html"), help="the page to write"
    )
    parser.add_argument("--resamples", type=int, default=1000, help="of the paired bootstrap (1000)")
    arguments = parser.parse_args()
    console = Console()
    with user_errors(console, " before the page was written"):
        if arguments.resamples < 100:
            raise BadInput(f"--resamples must be at least 100, got {arguments.resamples}")
        if not arguments.output.absolute().parent.is_dir():
            raise BadInput(f"--output: there is no folder {arguments.output.absolute().parent}")
        runs = find_scored_runs(arguments.places)
        write_comparison(runs, arguments.output, arguments.resamples)
        for run in runs:
            if run.verdict in MEANING:
                sentence = f"{run.path}: its alignment is {run.verdict}: {MEANING[run.verdict]}"
                print(printable(f"warning: {sentence}"), file=sys.stderr)
        print(f"report: {arguments.output}")


if __name__ == "__main__":
    main()

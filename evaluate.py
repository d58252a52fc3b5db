"""Score what ``train.py`` built with the same overrides; nothing is trained here.

    python evaluate.py [evaluation.split=test] [the overrides of train.py] [other options of evaluation]
    python evaluate.py [evaluation.split=test] resume=runs/run-0123456789ab

Every system translates every dev set in both directions, or with ``evaluation.split=test`` every test set,
which a log in the store remembers. A table is printed; the scores, the translations (a line a sentence) and
a page are written to the run's directory.
"""

from __future__ import annotations

import umt.runtime.interrupts  # noqa: F401  (before all that takes long to import)

# isort: split
from pathlib import Path

import hydra
from omegaconf import DictConfig

from umt.pipeline import CONF
from umt.pipeline.errors import option_errors


@hydra.main(version_base=None, config_path=str(CONF), config_name="evaluate")
def evaluate(config: DictConfig) -> None:
    """Open the run, score it, show the scores."""
    from umt.cli.train import build
    from umt.evaluation.finished_runs import SCORES
    from umt.pipeline.display.reporting import score_run, show, write_report
    from umt.pipeline.program import program, show_example
    from umt.pipeline.store import Store

    with program(config, list_reused=False) as (console, _, config):
        run = build(config, Store(Path(config.store), console, only=("run", "shared_content")))
        console.terminal.print(f"run found: {run.directory}", markup=False)
        rows = score_run(config, run, console)
        show(config, run, rows, console.terminal)
        console.started("report")
        page = write_report(config, run, rows)
        console.stopped()
        show_example(run, console.terminal)
        print(f"report: {page} (open it in a browser)")
        print(f"scores: {run.directory / SCORES[config.evaluation.split]}")


def main() -> None:
    """The command."""
    with option_errors():
        evaluate()


if __name__ == "__main__":
    main()

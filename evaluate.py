"""Score what ``train.py`` built with the same overrides; nothing is trained here.

    python evaluate.py [evaluation.split=test] [the overrides of train.py] [other options of evaluation]

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


@hydra.main(version_base=None, config_path=str(CONF), config_name="config")
def evaluate(config: DictConfig) -> None:
    """Open the run, score it, show the scores."""
    from umt.cli.train import build
    from umt.evaluation.bits_rows import bits_rows
    from umt.evaluation.finished_runs import SCORES
    from umt.evaluation.rows import save_scores
    from umt.pipeline.program import program
    from umt.pipeline.reporting import show, write_report
    from umt.pipeline.scoring import code_lengths, lexicon_scores, log_opening, translation_scores
    from umt.pipeline.store import Store

    with program(config, list_reused=False) as (console, _):
        run = build(config, Store(Path(config.store), console, only=("run", "shared_content")))
        console.terminal.print(f"run found: {run.directory}", markup=False)
        log_opening(config, run, console)
        console.started("evaluate")
        rows = [*translation_scores(config, run, console), *lexicon_scores(config, run)]
        rows += code_lengths(config, run)
        rows += bits_rows(run.bits_report) if run.bits_report else []
        console.stopped()
        scores = run.directory / SCORES[config.evaluation.split]
        save_scores(rows, scores)
        show(config, run, rows, console.terminal)
        print(f"report: {write_report(config, run, rows)}")
        print(f"scores: {scores}")


def main() -> None:
    """The command."""
    with option_errors():
        evaluate()


if __name__ == "__main__":
    main()

"""Score what ``train.py`` built with the same overrides; nothing is trained here.

    python evaluate.py [the overrides of train.py] [other options of evaluation]

Every system translates every held-out set both ways. A table is printed; ``scores.json``, the translations (a
line a sentence) and ``report.html``, which opens from disk, land in the run's directory.
"""

from __future__ import annotations

import umt.runtime.interrupts  # noqa: F401  (before all that takes long to import)

# isort: split
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig

import train
from umt.pipeline import errors

if TYPE_CHECKING:
    from umt.evaluation.rows import ScoreRow
    from umt.pipeline.run import Run

# torch and all that needs it are imported in the functions: help and shell completion work without.


def write_report(config: DictConfig, run: Run, rows: Sequence[ScoreRow]) -> Path:
    """The page of the run, ``report.html``: a new section is one line here."""
    import torch

    from umt.align import Alignment
    from umt.evaluation.finished_runs import FinishedRun
    from umt.evaluation.report import sections
    from umt.evaluation.report.bits import bits
    from umt.evaluation.report.page import write_page
    from umt.evaluation.report.score_tables import lexicon
    from umt.evaluation.report.shared_space import history, shared_space, similarities
    from umt.evaluation.report.training_curves import training_curves
    from umt.pipeline import inputs
    from umt.pipeline.scoring import samples

    bridge, provenance = run.alignments["unsupervised"], FinishedRun(run.directory).provenance
    alignment, truth = Alignment.load(bridge.path), inputs.dictionary(config, run.corpus, "test")
    source, target = run.corpus.languages
    shown = [
        sections.headline(rows, run.text.report, bridge.report),
        *(
            [sections.translation(rows, provenance), sections.samples(list(samples(rows, run)))]
            if run.translators
            else []
        ),
        *([lexicon(rows, provenance)] if truth else []),
        *([sections.code_lengths(rows, provenance)] if run.model else []),
        *([bits(run.bits_report)] if run.bits_report else []),
        shared_space(alignment, (source, target)),
        similarities(alignment, truth, torch.Generator().manual_seed(0)),
        history(alignment),
        *training_curves(run.directory),
        sections.text_used(run.text.report),
        sections.audit(run.text.report),
        sections.how_it_was_made(run.directory),
    ]
    text = config.corpus.get("root") or config.corpus.get("source") or type(run.corpus).__name__.lower()
    path = run.directory / "report.html"
    write_page(path, f"{source} and {target} from {Path(text).name}", f"Run {run.directory}", shown)
    return path


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    """Find, score, show."""
    from umt.evaluation.bits_rows import bits_rows
    from umt.evaluation.external_systems import missing_translations
    from umt.evaluation.finished_runs import FinishedRun
    from umt.evaluation.report.bits import show_bits
    from umt.evaluation.report.tables import show_run, show_scores
    from umt.evaluation.rows import group_by_system, save_scores
    from umt.lm.loading import configure_libraries
    from umt.pipeline.console import Console
    from umt.pipeline.scoring import (
        code_lengths,
        lexicon_scores,
        missing_measurements,
        translation_scores,
    )
    from umt.pipeline.store import Store
    from umt.runtime.threads import use_threads

    configure_libraries()
    console = Console()
    with errors.sweep_job(console):
        use_threads(config.runtime.threads)
        run = train.build(config, Store(Path(config.store), console, only=("run",)))
        console.started("evaluate")
        rows = [*translation_scores(config, run, console), *lexicon_scores(config, run)]
        rows += code_lengths(config, run)
        rows += bits_rows(run.bits_report) if run.bits_report else []
        console.stopped()
        scores = run.directory / "scores.json"
        save_scores(rows, scores)
        show_run(run.text.report, run.alignments["unsupervised"].report, console.terminal)
        show_scores(rows, console.terminal, FinishedRun(run.directory).provenance)
        if run.bits_report:
            show_bits(run.bits_report, console.terminal)
        lines = group_by_system(row for row in rows if row.kind == "translation")
        for sentence in (
            *missing_measurements(run),
            *missing_translations(map(str, config.evaluation.beside), lines),
        ):
            console.terminal.print(sentence)
        print(f"report: {write_report(config, run, rows)}")
        print(f"scores: {scores}")


if __name__ == "__main__":
    with errors.option_errors():
        main()

"""The scores of a run for its reader: tables in the terminal and the page ``report.html``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from omegaconf import DictConfig
from rich.console import Console as Terminal

from umt.align import Alignment
from umt.evaluation.bits_rows import bits_rows
from umt.evaluation.external_systems import missing_translations
from umt.evaluation.finished_runs import SCORES, FinishedRun, Provenance
from umt.evaluation.lexicon_rows import unknown_dictionary
from umt.evaluation.report import sections
from umt.evaluation.report.bits import bits, show_bits
from umt.evaluation.report.page import write_page
from umt.evaluation.report.score_tables import lexicon
from umt.evaluation.report.shared_space import history, shared_space, similarities
from umt.evaluation.report.tables import show_run, show_scores
from umt.evaluation.report.training_curves import training_curves
from umt.evaluation.rows import ScoreRow, group_by_system, save_scores
from umt.pipeline import inputs
from umt.pipeline.display.console import Console
from umt.pipeline.order_scores import missing_order, order_scores
from umt.pipeline.run import Run
from umt.pipeline.scoring import (
    code_lengths,
    lexicon_scores,
    log_opening,
    missing_measurements,
    samples,
    translation_scores,
)


def score_run(config: DictConfig, run: Run, console: Console) -> list[ScoreRow]:
    """Every score of a run, which are stored with it, too."""
    log_opening(config, run, console)
    console.started("evaluate")
    rows = [*translation_scores(config, run, console), *lexicon_scores(config, run)]
    rows += code_lengths(config, run)
    rows += order_scores(config, run, rows, console)
    rows += bits_rows(run.bits_report) if run.bits_report else []
    console.stopped()
    save_scores(rows, run.directory / SCORES[config.evaluation.split])
    return rows


def provenance_of(config: DictConfig, run: Run) -> Provenance:
    """Where the scores come from that were computed now."""
    return replace(FinishedRun(run.directory).provenance, split=config.evaluation.split)


def write_report(config: DictConfig, run: Run, rows: Sequence[ScoreRow]) -> Path:
    """Write the page of the run, ``report.html`` (of dev sets ``report.dev.html``), and return its path.

    A new section is one line here.
    """
    alignment, provenance = run.alignments["unsupervised"], provenance_of(config, run)
    spaces, truth = Alignment.load(alignment.path), inputs.scored_dictionary(config, run.corpus)
    source, target = run.corpus.languages
    text_report, order = run.text_report, [row for row in rows if row.kind == "order"]
    shown = [
        sections.headline(rows, text_report, alignment.report),
        *(
            [sections.translation(rows, provenance), sections.samples(list(samples(rows, run)))]
            if run.translators
            else []
        ),
        *([lexicon(rows, provenance)] if truth else []),
        *([sections.code_lengths(rows, provenance)] if run.model else []),
        *([sections.document_order(order, provenance)] if order else []),
        *([bits(run.bits_report)] if run.bits_report else []),
        shared_space(spaces, (source, target)),
        similarities(spaces, truth, torch.Generator().manual_seed(0)),
        history(spaces),
        *training_curves(run.directory),
        *([sections.text_used(text_report), sections.audit(text_report)] if text_report else []),
        sections.how_it_was_made(run.directory),
    ]
    text = config.corpus.get("root") or config.corpus.get("source") or type(run.corpus).__name__.lower()
    path = run.directory / ("report.html" if provenance.split == "test" else "report.dev.html")
    write_page(path, f"{source} and {target} from {Path(text).name}", f"Run {run.directory}", shown)
    return path


def show(config: DictConfig, run: Run, rows: Sequence[ScoreRow], terminal: Terminal) -> None:
    """Print the verdict of the alignment, the table of scores, and what could not be scored."""
    show_run(run.text_report, run.alignments["unsupervised"].report, terminal)
    show_scores(rows, terminal, provenance_of(config, run))
    if run.bits_report:
        show_bits(run.bits_report, terminal)
    translations = group_by_system(row for row in rows if row.kind == "translation")
    external = map(str, config.evaluation.external)
    for sentence in (
        *unknown_dictionary(rows),
        *missing_measurements(config.evaluation.split, run),
        *missing_order(config, rows),
        *missing_translations(external, translations),
    ):
        terminal.print(sentence)

"""What the report says in words and tables: the scores, samples, the text behind them, how it was made.

Each function takes what a stage reported or what was scored and returns one `Section`; the list in
``evaluate.py`` is their order on the page.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from umt.evaluation.finished_runs import Provenance
from umt.evaluation.report.page import (
    Block,
    Cell,
    Details,
    Heading,
    Paragraph,
    Renderings,
    Section,
    SideBySide,
    Table,
    Tiles,
)
from umt.evaluation.report.score_tables import direction_arrow, score_table
from umt.evaluation.rows import BITS_UNITS, DICTIONARY, ScoreRow, format_score, group_by_system
from umt.runtime.files import MANIFEST, neighbour

OURS = ("translator", "phrase-based")
"""The systems that a run is about, the best first; the others are there to compare."""

TONES = {"aligned": "good", "doubtful": "fair", "not judged": "fair", "failed": "bad"}


@dataclass(frozen=True)
class Sample:
    """One held-out item as every system translated it."""

    set: str
    direction: str
    source: str
    references: tuple[str, ...]
    translations: Mapping[str, str]


def headline(
    rows: Sequence[ScoreRow], text: Mapping[str, Any] | None, alignment: Mapping[str, Any]
) -> Section:
    """The figures to see first, with the verdict and the audit that bound them."""
    unsupervised = {row.system for row in rows if not row.parallel_pairs}
    system = next((name for name in OURS if name in unsupervised), "none")
    verdict = alignment["verdict"]
    tone = TONES[verdict["label"]]
    tiles = [(Cell(verdict["label"], tone=tone), "verdict, reached without a dictionary")]
    tiles += [(Cell(value), name) for value, name in _headline_scores(rows, system)]
    if text is not None:
        leaks = sum(sum(kinds.values()) for kinds in text["leaks"]["removed"].values())
        tiles.append((Cell(f"{leaks:,}"), "held-out sentences found in the training text and removed"))
    lead = f"{verdict['reason'][0].upper()}{verdict['reason'][1:]}."
    if system != "none":
        lead = f"System: {system}. {lead}"
    return Section("At a glance", lead, [Tiles(tiles)])


def _headline_scores(rows: Sequence[ScoreRow], system: str) -> list[tuple[str, str]]:
    shown = []
    for (name, direction, name_of_system), scores in group_by_system(rows).items():
        if name_of_system == system and "bleu" in scores:
            value = format_score(scores["bleu"].score)[0]
            shown.append((value, f"BLEU {direction_arrow(direction)}, {name}"))
        if (name_of_system, name) == ("unsupervised", DICTIONARY):
            covered, every = (format_score(scores[kind].score)[0] for kind in ("p@1 covered", "p@1"))
            shown.append((covered, f"P@1 {direction_arrow(direction)} of covered words, {every} of all"))
    for row in rows:
        if (row.system, row.set, row.score.name) == ("code", "both", "bits/byte K(X,Y)"):
            shown.append((format_score(row.score)[0], "bits/byte of both texts, every byte paid"))
        if (row.set, row.score.name) == ("both", "bits gain"):
            shown.append((f"{row.score.value / 8:z,.0f}", "bytes that one language saves the other"))
    return shown


def translation(rows: Iterable[ScoreRow], provenance: Provenance) -> Section:
    """Every score of every system on every held-out set."""
    rows = [row for row in rows if row.kind == "translation"]
    signatures = dict.fromkeys(f"{row.score.name}: {row.score.signature}" for row in rows)
    lead = (
        "95% intervals beside each value. copy: the source as it is; random: our translator, its target "
        "words exchanged; supervised: our translator on the lexicon of the same system started from a true "
        "dictionary; single map: on that of one map fitted on it. references: the most that a sentence of "
        "the set has."
    )
    table = score_table(rows, provenance, strong=OURS)
    return Section("Translation", lead, [table, Details("signatures", "\n".join(signatures))])


def document_order(rows: Iterable[ScoreRow], provenance: Provenance) -> Section:
    """What the order of consecutive sentences saves the joint language model."""
    lead = (
        "Bits per byte that sentences cost less in their order than permuted, each given those before it, by "
        "the joint language model, without references: mean, least and most over the permutations. Real text "
        "is by people, in the target language; where its least gain is not positive, the set or the model "
        "knows no order, and translations are not measured. One that carries the text gains as much, a wrong "
        "but consistent lexicon (random) a part of it."
    )
    return Section("Document order", lead, [score_table(rows, provenance, strong=OURS)])


def code_lengths(rows: Iterable[ScoreRow], provenance: Provenance) -> Section:
    """Bits of the held-out text under the joint language model."""
    rows = [row for row in rows if row.kind == "bits" and row.score.name in BITS_UNITS]
    lead = "Each sentence on its own, given its language, its end paid; 95% intervals resample sentences."
    return Section("Code length of the joint model", lead, [score_table(rows, provenance)])


def samples(chosen: Sequence[Sample]) -> Section:
    """Sentences side by side with their reference."""
    blocks: list[Block] = []
    for (name, direction), group in groupby(chosen, lambda sample: (sample.set, sample.direction)):
        source, target = direction.split("-")
        blocks.append(Heading(f"{name}, {direction_arrow(direction)}"))
        for sample in group:
            lines = [("source", sample.source, source, True)]
            lines += [("reference", text, target, True) for text in sample.references]
            written = [pair for pair in sample.translations.items() if pair[0] != "copy"]
            blocks.append(Renderings(lines + [(system, text, target, False) for system, text in written]))
    return Section("Samples", "Evenly spaced over each held-out set, not picked.", blocks)


def text_used(report: Mapping[str, Any]) -> Section:
    """What was kept of the text, what was dropped and why."""
    tables = []
    for lang, side in report["sides"].items():
        sentences, lines = side["kept"], side["lines"]
        rows = [
            [
                reason,
                Cell(dropped["example"], lang=lang),
                f"{dropped['count']:,}",
                f"{dropped['count'] / max(lines, 1):.2%}",
            ]
            for reason, dropped in side["dropped"].items()
        ]
        caption = f"{lang}: {lines:,} lines read, {sentences:,} sentences with {side['words']:,} words kept"
        headings = ["dropped because", "for example", "count", "of lines"]
        tables.append(Table(headings, rows, caption, text_columns=2))
    return Section("Text", "What the systems learnt from, after cleaning.", tables)


def audit(report: Mapping[str, Any]) -> Section:
    """What of the held-out sets stood in the training text, and whether the sides are aligned."""
    leaks, languages = report["leaks"], list(report["leaks"]["removed"])
    kinds = next(iter(leaks["removed"].values()))
    rows = [
        [kind.removeprefix("leak: "), *(leaks["removed"][lang][kind] for lang in languages)] for kind in kinds
    ]
    sets = [[name, *(counts[lang] for lang in languages)] for name, counts in leaks["by_set"].items()]
    caption = "Held-out sentences removed from the training text"
    tables = SideBySide(
        [
            Table(["how it was found", *languages], rows, caption),
            Table(["held-out set", *languages], sets, "The same, by set"),
        ]
    )
    statements = f"{report['alignment']['statement']}. By the lexicon: {report['shared_content']}."
    between = Paragraph(f"Between the two sides: {statements}")
    lead = "Every held-out sentence is looked for in the training text and removed before anything is learnt."
    return Section("Leak audit", lead, [tables, between])


def how_it_was_made(run: Path) -> Section:
    """Which artefacts the run in that directory consists of, how long each took, and the configuration."""
    manifest = read_manifest(run)
    parts = {name: read_manifest(neighbour(run, name)) for name in manifest["inputs"]}
    rows = [
        [
            *(part["stage"], name, part["report"].get("summary", ""), part.get("commit") or ""),
            *(part.get("code", "")[:10], Cell(part["seed"]), f"{part['seconds']:.1f}"),
        ]
        for name, part in parts.items()
    ]
    headings = ["stage", "artefact", "what it reported", "commit", "code of its strategy", "seed", "seconds"]
    table = Table(headings, rows, text_columns=5)
    configuration = json.dumps(manifest["config"], ensure_ascii=False, indent=1)
    facts = {f"umt {manifest['umt']}": True, f"torch {manifest['torch']}": True}
    provenance = Provenance.of(manifest)
    facts |= {f"commit {provenance.commit}": bool(provenance.commit)}
    facts |= {f"finished {provenance.date} UTC": True}
    facts |= {f"the sides are {provenance.relation}": bool(provenance.relation)}
    lead = ", ".join(fact for fact, known in facts.items() if known) + "."
    return Section("How it was made", lead, [table, Details("configuration", configuration)])


def read_manifest(artefact: Path) -> dict[str, Any]:
    """What the artefact in that directory says of itself."""
    manifest: dict[str, Any] = json.loads((artefact / MANIFEST).read_text(encoding="utf-8"))
    return manifest

"""Tables of scores for a page: a line a system and test set, a column a score, and where they come from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from umt.evaluation.finished_runs import Provenance
from umt.evaluation.lexicon_rows import READOUTS
from umt.evaluation.report.figures import intervals
from umt.evaluation.report.page import Block, Cell, Figure, Heading, Section, Table
from umt.evaluation.rows import DICTIONARY, ScoreRow, format_score, group_by_system
from umt.types import Score

HEADINGS = {
    "bleu": "BLEU",
    "chrf": "chrF",
    "chrf++": "chrF++",
    "spbleu": "spBLEU",
    "ter": "TER",
    "comet": "COMET",
    "metricx": "MetricX",
    "p": "p of",
    "mrr": "MRR",
}
"""How the first word of a score's name is written for a person."""


def score_table(rows: Iterable[ScoreRow], provenance: Provenance, strong: Collection[str] = ()) -> Table:
    """All scores of one run; the systems ``strong`` stand out."""
    return run_score_table([("", list(rows), provenance)], strong)


def run_score_table(
    runs: Sequence[tuple[str, Sequence[ScoreRow], Provenance]], strong: Collection[str] = ()
) -> Table:
    """All scores of several runs, each with its label; a column for the labels where there are several."""
    every = [row for _, rows, _ in runs for row in rows]
    names = list(dict.fromkeys(row.score.name for row in every))
    timed, referenced = (any(getattr(row, what) for row in every) for what in ("seconds", "references"))
    origins = list(dict.fromkeys(key for _, _, provenance in runs for key in provenance.columns()))
    lines = []
    for label, rows, provenance in runs:
        columns = provenance.columns()
        for (name, direction, system), scores in group_by_system(rows).items():
            members = list(scores.values())
            line: list[object] = [label] if len(runs) > 1 else []
            line += [name, direction_arrow(direction), Cell(members[0].label, strong=system in strong)]
            line += [score_cell(scores[each].score) if each in scores else "" for each in names]
            line += [_count(max(row.references for row in members))] if referenced else []
            line += [f"{max(row.seconds for row in members):.1f}"] if timed else []
            lines.append([*line, *(columns.get(origin, "") for origin in origins)])
    headings = ["run"] if len(runs) > 1 else []
    headings += ["set", "direction", "system", *map(score_heading, names)]
    headings += (["references"] if referenced else []) + (["seconds"] if timed else [])
    text_columns = 4 if len(runs) > 1 else 3
    several = len(runs) > 1
    return Table(
        [*headings, *origins],
        lines,
        text_columns=text_columns,
        closing_text_columns=len(origins) - 1,  # all but the seed
        stacked=several,
        filtered=several,
    )


def lexicon(rows: Iterable[ScoreRow], provenance: Provenance) -> Section:
    """Precision for all words, by how translations are read off, by frequency and part of speech."""
    chosen = [row for row in rows if row.kind == "lexicon"]
    measures = ("p@1", "p@5", "p@10", "mrr")
    names = ["coverage", *(f"{name}{end}" for name in measures for end in ("", " covered"))]
    origins = provenance.columns()
    blocks: list[Block] = []
    for direction in dict.fromkeys(row.direction for row in chosen):
        of_direction = [row for row in chosen if row.direction == direction]
        lines = []
        for (_, _, system), scores in group_by_system(_of_all_words(of_direction)).items():
            for readout, method in READOUTS.items():
                if f"p@1 {readout}".strip() in scores and (system != "random" or not readout):
                    chosen_rows = [
                        scores.get(f"{name} {readout}".strip(), scores.get(name)) for name in names
                    ]
                    cells = [score_cell(row.score) if row else "" for row in chosen_rows]
                    lines.append([system, method, *cells, *origins.values()])
        headings = ["system", "read off", *map(score_heading, names), *origins]
        blocks.append(Heading(direction_arrow(direction)))
        closing = len(origins) - 1  # all but the seed
        blocks.append(Table(headings, lines, text_columns=2, closing_text_columns=closing, stacked=True))
        blocks += _subsets(of_direction)
    lead = (
        "Share of a true dictionary's words with a true translation among the first k candidates. A word "
        "that is not covered (it is unknown, or all its translations are) counts as wrong; the columns named "
        "covered leave it out."
    )
    return Section("Lexicon", lead, blocks)


def _of_all_words(rows: Iterable[ScoreRow]) -> list[ScoreRow]:
    return [row for row in rows if row.set == DICTIONARY]


def _subsets(rows: Sequence[ScoreRow]) -> list[Block]:
    """A picture of P@1 in each subset of the dictionary, if there are any."""
    scores = {(row.set, row.system): row.score for row in rows if row.score.name == "p@1 covered"}
    systems = [each for each in dict.fromkeys(system for _, system in scores) if each != "random"]
    one = {name: score for (name, system), score in scores.items() if system != "random"}
    sets = [name for name in one if name != DICTIONARY]
    values = {
        system: [
            (score.value, score.low, score.high) if (score := scores.get((name, system))) else None
            for name in sets
        ]
        for system in systems
    }
    if not any(values.values()):
        return []
    labels = []
    for name in sets:
        trials = one[name].signature.split("|")[0].removeprefix("words:")
        labels.append(f"{name.removeprefix(DICTIONARY).strip()} ({trials})")
    caption = "By rank of frequency in the training text and by part of speech, and how many covered words."
    return [Figure(intervals(labels, values, "P@1 covered"), caption)]


def score_cell(score: Score) -> Cell:
    """Value and 95% interval, sorted by the value in full."""
    value, interval = format_score(score)
    return Cell(value, interval, score.value)


def score_heading(name: str) -> str:
    """The heading of a column: "BLEU, first reference", "P@1 covered", "bits/byte"."""
    words = [HEADINGS.get(word.rstrip(","), word) + "," * word.endswith(",") for word in name.split(" ")]
    return " ".join(words).replace("p@", "P@")


def direction_arrow(direction: str) -> str:
    """A direction as it is read: "en → zh"."""
    return direction.replace("-", " → ")


def _count(number: int) -> str:
    return str(number) if number else ""

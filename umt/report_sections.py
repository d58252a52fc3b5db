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

from umt.report import DICTIONARY, UNITS, Row, by_system, written
from umt.report_figures import intervals
from umt.report_lexicon import READINGS
from umt.report_page import Markup, Section, beside, element, figure, joined, table, tiles
from umt.runtime.files import MANIFEST
from umt.types import Score

OURS = ("translator", "phrase-based")
"""The systems that a run is about, the best first; the others are there to compare."""

COLOURS = {"aligned": "good", "doubtful": "fair", "failed": "bad"}


@dataclass(frozen=True)
class Sample:
    """One held-out item as every system translated it."""

    set: str
    direction: str
    source: str
    references: tuple[str, ...]
    translations: Mapping[str, str]


def headline(rows: Sequence[Row], text: Mapping[str, Any], bridge: Mapping[str, Any]) -> Section:
    """The figures to see first, with the verdict and the audit that bound them."""
    systems = {row.system for row in rows}
    system = next((each for each in OURS if each in systems), "none")
    shown: list[tuple[object, str]] = []
    for (name, direction, each), found in by_system(rows).items():
        if each == system and "bleu" in found:
            shown.append((written(found["bleu"].score)[0], f"BLEU {_arrow(direction)}, {name}"))
        if (each, name) == ("unsupervised", DICTIONARY):
            covered, every = (written(found[kind].score)[0] for kind in ("p@1 covered", "p@1"))
            shown.append((covered, f"P@1 {_arrow(direction)} of covered words, {every} of all"))
    for row in rows:
        if (row.system, row.set, row.score.name) == ("code", "both", "bits/byte K(X,Y)"):
            shown.append((written(row.score)[0], "bits/byte of both texts, every byte paid"))
        if (row.set, row.score.name) == ("both", "bits gain"):
            shown.append((f"{row.score.value / 8:z,.0f}", "bytes that one language saves the other"))
    verdict = bridge["verdict"]
    label = element("span", verdict["label"], COLOURS[verdict["label"]])
    leaks = sum(sum(kinds.values()) for kinds in text["leaks"]["removed"].values())
    shown = [(label, "verdict, reached without a dictionary"), *shown]
    shown.append((f"{leaks:,}", "held-out sentences found in the training text and removed"))
    lead = f"{verdict['reason'][0].upper()}{verdict['reason'][1:]}."
    if system != "none":
        lead = f"System: {system}. {lead}"
    return Section("At a glance", lead, tiles(shown))


def translation(rows: Iterable[Row]) -> Section:
    """Every score of every system on every held-out set."""
    chosen = [row for row in rows if not row.of_words and not row.of_bits]
    names = list(dict.fromkeys(row.score.name for row in chosen))
    lines = []
    last = ("", "")
    for (name, direction, system), found in by_system(chosen).items():
        cells = [_cell(found[each].score) if each in found else "" for each in names]
        seconds = max(row.seconds for row in found.values())
        block = ("", "") if last == (name, direction) else (name, _arrow(direction))
        lines.append([*block, element("b", system) if system in OURS else system, *cells, f"{seconds:.1f}"])
        last = (name, direction)
    signatures = dict.fromkeys(f"{row.score.name}: {row.score.signature}" for row in chosen)
    body = table(["set", "direction", "system", *names, "seconds"], lines, words=3)
    recipe = element(
        "details", joined([element("summary", "signatures"), element("pre", "\n".join(signatures))])
    )
    lead = (
        "95% intervals beside each value. copy: the source as it is; random: our translator, its target "
        "words exchanged; supervised: our translator on a map fitted on a true dictionary."
    )
    return Section("Translation", lead, joined([body, recipe]))


def code_lengths(rows: Iterable[Row]) -> Section:
    """Bits of the held-out text under the joint language model."""
    found = by_system(row for row in rows if row.of_bits and row.score.name in UNITS)
    lines = [
        [name, side, *(_cell(each[unit].score) for unit in UNITS)] for (name, side, _), each in found.items()
    ]
    lead = "Each sentence on its own, given its language, its end paid; 95% intervals resample sentences."
    return Section("Code length of the joint model", lead, table(["set", "text", *UNITS], lines, words=2))


def samples(chosen: Sequence[Sample]) -> Section:
    """Sentences side by side with their reference."""
    parts: list[Markup] = []
    for (name, direction), group in groupby(chosen, lambda each: (each.set, each.direction)):
        cards = []
        for each in group:
            lines = [
                ("source", each.source, "said"),
                *(("reference", said, "said") for said in each.references),
            ]
            lines += [(system, said, "") for system, said in each.translations.items() if system != "copy"]
            inside = joined(
                joined([element("dt", what), element("dd", said, kind)]) for what, said, kind in lines
            )
            cards.append(element("div", element("dl", inside), "sample"))
        parts += [element("h3", f"{name}, {_arrow(direction)}"), *cards]
    return Section("Samples", "Evenly spaced over each held-out set, not picked.", joined(parts))


def lexicon(rows: Iterable[Row]) -> Section:
    """Precision for all words, by how translations are read off, by frequency and part of speech."""
    chosen = [row for row in rows if row.of_words]
    names = [
        "coverage",
        *(f"{name}{end}" for name in ("p@1", "p@5", "p@10", "mrr") for end in ("", " covered")),
    ]
    parts: list[Markup] = []
    for direction in dict.fromkeys(row.direction for row in chosen):
        here = [row for row in chosen if row.direction == direction]
        lines = []
        for (_, _, system), found in by_system(row for row in here if row.set == DICTIONARY).items():
            for way, what in READINGS.items():
                if f"p@1 {way}".strip() in found and (system != "random" or not way):
                    scores = [found.get(f"{name} {way}".strip(), found.get(name)) for name in names]
                    lines.append([system, what, *(_cell(row.score) if row else "" for row in scores)])
        shown = table(["system", "read off", *names], lines, words=2)
        parts += [element("h3", _arrow(direction)), element("div", shown, "narrow")]
        parts.append(_subsets(here))
    lead = (
        "Share of a true dictionary's words with a true translation among the first k candidates. A word "
        "that is not covered (it is unknown, or all its translations are) counts as wrong; the columns named "
        "covered leave it out."
    )
    return Section("Lexicon", lead, joined(parts))


def _subsets(rows: Sequence[Row]) -> Markup:
    """A picture of P@1 in each subset of the dictionary."""
    scores = {(row.set, row.system): row.score for row in rows if row.score.name == "p@1 covered"}
    systems = [each for each in dict.fromkeys(system for _, system in scores) if each != "random"]
    one = {name: score for (name, system), score in scores.items() if system != "random"}
    sets = [name for name in one if name != DICTIONARY]
    found = {
        system: [
            (each.value, each.low, each.high) if (each := scores.get((name, system))) else None
            for name in sets
        ]
        for system in systems
    }
    if not any(found.values()):
        return Markup()
    labels = []
    for name in sets:
        trials = one[name].signature.split("|")[0].removeprefix("words:")
        labels.append(f"{name.removeprefix(DICTIONARY).strip()} ({trials})")
    caption = "By rank of frequency in the training text and by part of speech, and how many covered words."
    return figure(intervals(labels, found, "P@1 covered"), caption)


def text_used(report: Mapping[str, Any]) -> Section:
    """What was kept of the text, what was dropped and why."""
    parts = []
    for lang, side in report["sides"].items():
        kept, lines = side["kept"], side["lines"]
        rows = [
            [reason, told["example"], f"{told['count']:,}", f"{told['count'] / max(lines, 1):.2%}"]
            for reason, told in side["dropped"].items()
        ]
        caption = f"{lang}: {lines:,} lines read, {kept:,} sentences with {side['words']:,} words kept"
        parts.append(table(["dropped because", "for example", "count", "of lines"], rows, caption, words=2))
    return Section("Text", "What the systems learnt from, after cleaning.", joined(parts))


def audit(report: Mapping[str, Any]) -> Section:
    """What of the held-out sets stood in the training text, and whether the sides are aligned."""
    leaks, languages = report["leaks"], list(report["leaks"]["removed"])
    kinds = next(iter(leaks["removed"].values()))
    rows = [
        [kind.removeprefix("leak: "), *(leaks["removed"][lang][kind] for lang in languages)] for kind in kinds
    ]
    sets = [[name, *(found[lang] for lang in languages)] for name, found in leaks["by_set"].items()]
    tables = beside(
        [
            table(
                ["how it was found", *languages], rows, "Held-out sentences removed from the training text"
            ),
            table(["held-out set", *languages], sets, "The same, by set"),
        ]
    )
    between = element("p", f"Between the two sides: {report['alignment']['statement']}.")
    lead = "Every held-out sentence is looked for in the training text and removed before anything is learnt."
    return Section("Leak audit", lead, joined([tables, between]))


def provenance(run: Path) -> Section:
    """Which artefacts the run in that directory consists of, how long each took, and the configuration."""
    whole = _manifest(run)
    parts = {name: _manifest(run.parent / name) for name in whole["inputs"]}
    rows = [
        [told["stage"], name, told["report"].get("summary", ""), told["seed"], f"{told['seconds']:.1f}"]
        for name, told in parts.items()
    ]
    body = table(["stage", "artefact", "what it reported", "seed", "seconds"], rows, words=3)
    dumped = element("pre", json.dumps(whole["config"], ensure_ascii=False, indent=1))
    details = element("details", joined([element("summary", "configuration"), dumped]))
    finished = whole["made"][:16].replace("T", " ")
    lead = f"umt {whole['umt']}, torch {whole['torch']}, finished {finished} UTC."
    return Section("How it was made", lead, joined([body, details]))


def _manifest(artefact: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((artefact / MANIFEST).read_text(encoding="utf-8"))
    return told


def _arrow(direction: str) -> str:
    return direction.replace("-", " → ")


def _cell(score: Score) -> Markup:
    value, interval = written(score)
    return Markup(f"{value} <small>{interval}</small>" if interval else value)

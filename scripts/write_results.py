"""Write docs/results.md, and the pictures on it, from the runs that are kept under docs/results/runs.

    python scripts/write_results.py             writes the page and its pictures
    python scripts/write_results.py --check     ends with status 1 where one of them is not up to date

One table a corpus: for each test set and system the command with most seeds, among these the best by the
sum of both directions; a curve where translators learned from several numbers of true pairs.
Repetitions of a command with other seeds are one entry: mean, lowest and highest; commits stand beside the
runs. Of a command that was run twice with one seed the newer counts.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.pairs_curve import curve
from scripts.stored_results import (
    DOCS,
    ROOT,
    RUNS,
    Entry,
    Row,
    best_entry,
    earlier_results,
    entries,
    stored_runs,
)
from umt.evaluation.report.svg import standalone

PAGE = DOCS / "results.md"
WORDS = "lexicon (P@1)"
SINGLE = "bleu, first reference"
BITS = "bits/byte "
WAYS = ("en-zh", "zh-en")
DIALS = {"domain_shift": "0.0", "lexical_gap": "0.0", "order_divergence": "1.0", "noise": "0.0", "seed": "1"}
"""Of the generated corpus, at rest."""

HEAD = """\
# Results

<!-- Written by `python scripts/write_results.py` from docs/results/runs; do not edit. -->

For each corpus, test set and system the command with most seeds, among these the best by the sum of both
directions; every run that is kept stands below its table. BLEU by sacreBLEU on detokenised, cased text with
95% bootstrap intervals in brackets; a row of several seeds has their mean and, in parentheses, the lowest and
the highest. P@1: share of the words of the test dictionary whose first translation is right, words without an
entry counted as wrong. What the two training texts are to each other stands above each table. Scores,
configuration and machine of a run: `docs/results/runs/NAME/`. Terms: [concepts.md](concepts.md); what
flatters which figure: [limitations.md](limitations.md).
"""

TAIL = """\
## Earlier results

Results of commits before runs were kept. Their tables, commands and intervals stand in the
[lab book](lab-book/README.md); no later code has been measured against them in one run.

| result | command | commit | date | seed | lab book |
|---|---|---|---|---|---|
"""


def figure(rows: Sequence[Row], places: int) -> str:
    """One score with its interval, or mean, lowest and highest over seeds."""
    if not rows:
        return ""
    if len(rows) == 1:
        [row] = rows
        return f"{row.value:.{places}f} [{row.low:.{places}f}, {row.high:.{places}f}]"
    values = [row.value for row in rows]
    low, high = min(values), max(values)
    return (
        f"{sum(values) / len(values):.{places}f} ({low:.{places}f} to {high:.{places}f}, {len(values)} seeds)"
    )


def lines_of(group: Sequence[Entry]) -> Iterator[str]:
    """The rows of the table of one corpus."""
    known: dict[tuple[str, str, str], None] = {}
    directions: dict[str, None] = {}
    for run in (run for entry in group for run in entry.runs):
        for row in run.rows:
            if row.name == "bleu" or (row.name == "p@1" and row.set == "dictionary"):
                known[(row.name, row.set, row.system)] = None
                directions[row.direction] = None
    single = any(row.name == SINGLE for entry in group for run in entry.runs for row in run.rows)
    yield (
        "| test set | system | "
        + " | ".join(directions)
        + (" | one reference |" if single else " |")
        + " runs |"
    )
    yield "|---" * (3 + len(directions) + single) + "|"
    for name, test, system in known:
        places = 3 if name == "p@1" else 1
        best = best_entry(group, name, test, system, [*directions])
        cells = [figure(best.rows(name, test, system, way), places) for way in directions]
        if single:
            firsts = [best.mean(SINGLE, test, system, way) for way in directions]
            cells.append(
                " / ".join(f"{value:.1f}" for value in firsts) if name == "bleu" and min(firsts) >= 0 else ""
            )
        label = WORDS if name == "p@1" else test
        names = ", ".join(f"`{run.name}`" for run in best.runs)
        yield f"| {label} | {system} | " + " | ".join(cells) + f" | {names} |"


def code_lengths(group: Sequence[Entry]) -> Iterator[str]:
    """A table of bits a byte where a run measured them."""
    measured = [
        (row, run)
        for run in (run for entry in group for run in entry.runs)
        for row in run.rows
        if row.name.startswith(BITS)
    ]
    if measured:
        yield from ("| code length | by | bits a byte | run |", "|---|---|---|---|")
        for row, run in measured:
            label = f"{row.name.removeprefix(BITS)}, {row.set}"
            yield f"| {label} | {row.system} | {figure([row], 3)} | `{run.name}` |"
        yield ""


def dials_of(data: str) -> str:
    """What differs in a generated corpus from the default one; "" for the default and for text of others."""
    dials = dict(re.findall(r"(\w+)=([\d.]+)", data))
    return ", ".join(
        f"corpus.{name}={value}" for name, value in dials.items() if DIALS.get(name, value) != value
    )


def dials_table(turned: Sequence[Entry]) -> Iterator[str]:
    """One row a corpus whose dials are turned: BLEU and P@1 both ways, and the run."""
    scores = " | ".join(f"phrase-based {way} | P@1 {way}" for way in WAYS)
    yield f"| dials | {scores} | command, commit, run |"
    yield "|---" * (2 + 2 * len(WAYS)) + "|"
    for entry in sorted(turned, key=lambda entry: dials_of(entry.runs[0].about["data"])):
        about, name = entry.runs[0].about, ", ".join(f"`{run.name}`" for run in entry.runs)
        cells = [dials_of(about["data"])]
        for way in WAYS:
            cells.append(figure(entry.rows("bleu", "test", "phrase-based", way), 1))
            cells.append(figure(entry.rows("p@1", "dictionary", "unsupervised", way), 3))
        yield f"| {' | '.join(cells)} | `{about['command']}`, {about['commit']}, {about['date']}, {name} |"


def by_corpus(folder: Path) -> dict[str, list[Entry]]:
    """The entries of each corpus, by its name and dials."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries(stored_runs(folder)):
        groups.setdefault(entry.runs[0].about["data"], []).append(entry)
    return groups


def picture_of(data: str) -> Path:
    """The file of a corpus's curve of BLEU over known pairs."""
    return RUNS.parent / f"{data.partition(' ')[0]}-pairs.svg"


def files() -> Iterator[tuple[Path, str]]:
    """Path and text of the page and of each picture on it."""
    yield PAGE, page()
    for data, group in by_corpus(RUNS).items():
        if picture := curve(group):
            yield picture_of(data), standalone(picture)


def page(folder: Path = RUNS, earlier: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """The whole page."""
    groups = by_corpus(folder)
    turned = [entry for data in [data for data in groups if dials_of(data)] for entry in groups.pop(data)]
    lines = [HEAD]
    if not groups:
        lines += ["No run is kept yet.", ""]
    for data, group in groups.items():
        about = group[0].runs[0].about
        lines += [
            f"## {data}",
            "",
            f"The two sides: {about['relation']}. References: {about['references']}."
            + (f" Vocabulary: {about['vocabulary']}." if about.get("vocabulary") else ""),
            "",
        ]
        lines += [*lines_of(group), "", *code_lengths(group)]
        if curve(group):
            lines += [f"![BLEU over known pairs]({picture_of(data).relative_to(DOCS)})", ""]
        lines += ["| run | command | commit | date | seed | machine |", "|---|---|---|---|---|---|"]
        for run in (run for entry in group for run in entry.runs):
            facts = " | ".join(str(run.about[key]) for key in ("commit", "date", "seed", "machine"))
            lines.append(f"| `{run.name}` | `{run.about['command']}` | {facts} |")
        signatures = {
            row.signature for entry in group for run in entry.runs for row in run.rows if row.name == "bleu"
        }
        lines += ["", "Signatures: " + ", ".join(f"`{name}`" for name in sorted(signatures)) + ".", ""]
    if turned:
        lines += [
            "## world with other dials",
            "",
            "Seed 1 unless the run says otherwise.",
            "",
            *dials_table(turned),
            "",
        ]
    lines.append(TAIL.rstrip())
    for name, about in (earlier_results() if earlier is None else earlier).items():
        place = about["entry"].partition("#")[0].rpartition("/")[2].removesuffix(".md")
        facts = " | ".join(str(about[key]) for key in ("commit", "date", "seed"))
        lines.append(f"| {name} | `{about['command']}` | {facts} | [{place}]({about['entry']}) |")
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Write or compare."""
    for path, text in files():
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path.relative_to(ROOT)} is not up to date: python scripts/write_results.py")


if __name__ == "__main__":
    main()

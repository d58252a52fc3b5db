"""Write the two tables of results of README.md from the stored scores that docs/results/readme.yaml names.

    python scripts/write_readme.py              writes them between their marks
    python scripts/write_readme.py --check      ends with status 1 where they are not up to date

Then `python scripts/check_claims.py --write` dates the links. A row with one run has its 95% interval over
sentences; one with several, which differ in the seed, has mean, lowest and highest. A result without stored
scores names an entry of earlier.json and its figures; check_claims compares these with the lab book.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.stored_results import DOCS, ROOT, Entry, Stored, family, resolve, stored_runs
from scripts.write_results import figure

README = ROOT / "README.md"
ROWS = DOCS / "results" / "readme.yaml"
DIRECTIONS = ("en-zh", "zh-en")


def cells(row: Mapping[str, Any], runs: Mapping[str, Stored]) -> Iterator[str]:
    """Both directions of one row, and links to its evidence; raises KeyError for a run that is not kept."""
    if "earlier" in row:
        names = [row["earlier"]]
        yield from row["figures"]
    else:
        names = row["runs"]
        entry = Entry(tuple(runs[name] for name in names))
        for way in DIRECTIONS:
            scores = entry.rows(row.get("score", "bleu"), row["set"], row["of"], way)
            yield re.sub(r", \d+ seeds", "", figure(scores, 1))
    if {run.name for run in resolve(family(names[0]), runs)} == set(names):
        names = [family(names[0])]
    yield " ".join(f"[](docs/studies/evidence.md#{name})" for name in names)


def table(
    columns: Sequence[str], rows: Sequence[Mapping[str, Any]], runs: Mapping[str, Stored]
) -> Iterator[str]:
    """A Markdown table; a cell that repeats the one above is left empty in the columns before the system."""
    yield "| " + " | ".join([*columns, *DIRECTIONS, "evidence"]) + " |"
    yield "|---" * (len(columns) + 3) + "|"
    above: list[str] = []
    for row in rows:
        facts = [str(row[column]) for column in columns]
        same = [facts[: n + 1] == above[: n + 1] and column != "system" for n, column in enumerate(columns)]
        shown = ["" if repeated else fact for repeated, fact in zip(same, facts, strict=True)]
        yield "| " + " | ".join([*shown, *cells(row, runs)]) + " |"
        above = facts


def with_tables(text: str, tables: Mapping[str, Mapping[str, Any]], runs: Mapping[str, Stored]) -> str:
    """The text with each table between its marks; links keep the label that they have.

    Raises ValueError where a mark is missing.
    """
    labels = {
        name: label for label, name in re.findall(r"\[([^\]]+)\]\(docs/studies/evidence\.md#([\w-]+)\)", text)
    }
    for name, content in tables.items():
        begin, end = f"<!-- table: {name} -->\n", "<!-- end of table -->"
        if begin not in text:
            raise ValueError(f"README.md lacks the mark {begin.strip()}")
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        body = "\n".join(table(content["columns"], content["rows"], runs))
        body = re.sub(
            r"\[\]\((docs/studies/evidence\.md#([\w-]+))\)",
            lambda match: f"[{labels.get(match[2], match[2])}]({match[1]})",
            body,
        )
        text = f"{before}{begin}\n{body}\n\n{end}{after}"
    return text


def main() -> None:
    """Write or compare."""
    runs = {run.name: run for run in stored_runs()}
    written = README.read_text(encoding="utf-8")
    text = with_tables(written, yaml.safe_load(ROWS.read_text(encoding="utf-8")), runs)
    if "--check" in sys.argv[1:]:
        if text != written:
            sys.exit("README.md: its tables are not up to date: python scripts/write_readme.py")
        return
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

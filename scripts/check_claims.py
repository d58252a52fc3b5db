"""Check that every number of the README is measured, and write where each comes from.

    python scripts/check_claims.py             ends with status 1 where a number has no result behind it
    python scripts/check_claims.py --write     also writes docs/studies/evidence.md, and commit, date and seed
                                               into the links to it in README.md

A number with a decimal point in a table, a list item or a paragraph of README.md needs a link to
docs/studies/evidence.md#NAME in the same place. NAME is a run under docs/results/runs, a family of runs that
differ in the seed (`bible` for `bible-seed-1`, ...), or an entry of docs/results/earlier.json, whose numbers
are those of the lab-book section that it names. A number counts as
measured where a score, a bound of its interval or a number of that section rounds to it; of several runs the
mean counts, too. A score with its interval, or a mean with the lowest and the highest, has to be one there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.stored_results import (
    DOCS,
    ROOT,
    RUNS,
    Stored,
    decimals,
    earlier_results,
    family,
    resolve,
    rounds_to,
    section,
    slug,
    stored_runs,
)

README = ROOT / "README.md"
PAGE = DOCS / "studies" / "evidence.md"
INTERVAL = re.compile(r"(\d+\.\d+) \[(\d+\.\d+), (\d+\.\d+)\]")
SPREAD = re.compile(r"(\d+\.\d+) \((\d+\.\d+) to (\d+\.\d+)\)")
FACTS = ("commit", "date", "seed", "machine")
LINK = re.compile(r"docs/studies/evidence\.md#([\w-]+)")

HEAD = """\
# Evidence

<!-- Written by `python scripts/check_claims.py --write`; do not edit. -->

What stands behind each number of the README: command, commit, date, seed, data, what the two training texts
are to each other, and the number of references. `make claims` compares the numbers with the stored scores
(`docs/results/runs/NAME/scores.json`) or, for commits before runs were kept, with the section of the lab
book that is linked; it fails where a number has neither. Intervals and signatures:
[results.md](../results.md) and the lab book.
"""


@dataclass(frozen=True)
class Claim:
    """A table row, list item or paragraph of the README with numbers in it."""

    line: int
    text: str

    @property
    def names(self) -> list[str]:
        """Of the evidence that it links to."""
        return list(dict.fromkeys(LINK.findall(self.text)))

    @property
    def numbers(self) -> list[str]:
        """With a decimal point, as they are written."""
        return list(dict.fromkeys(decimals(self.text)))


def claims(text: str) -> Iterator[Claim]:
    """Every place of a Markdown text that holds a number with a decimal point; code is left out."""
    block: list[str] = []
    start = 0
    fenced = False
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if line.startswith("```"):
            fenced = not fenced
            line = ""
        code = fenced or line.startswith("    ")
        begins = line.startswith(("|", "- ", "#")) or not line.strip() or code
        if begins and block:
            claim = Claim(start, " ".join(block))
            if claim.numbers:
                yield claim
            block = []
        if line.strip() and not code:
            if not block:
                start = number
            block.append(line.strip())


def spreads(runs: Sequence[Stored]) -> list[tuple[float, float, float]]:
    """Mean, lowest and highest over runs of the same score."""
    groups: dict[tuple[str, str, str, str], list[float]] = {}
    for row in (row for run in runs for row in run.rows):
        groups.setdefault((row.system, row.set, row.direction, row.name), []).append(row.value)
    return [(sum(group) / len(group), min(group), max(group)) for group in groups.values()]


def problems(
    text: str, runs: Mapping[str, Stored], earlier: Mapping[str, Mapping[str, Any]], docs: Path = DOCS
) -> Iterator[str]:
    """One sentence for each number without a result behind it."""
    for claim in claims(text):
        unknown = [name for name in claim.names if not resolve(name, runs) and name not in earlier]
        for name in unknown:
            yield f"line {claim.line}: no run and no earlier result is named {name}"
        if not claim.names:
            yield f"line {claim.line}: {', '.join(claim.numbers)} without a link to docs/studies/evidence.md"
        if unknown or not claim.names:
            continue
        chosen = [run for name in claim.names for run in resolve(name, runs)]
        intervals = [(row.value, row.low, row.high) for run in chosen for row in run.rows]
        values = [value for interval in [*intervals, *spreads(chosen)] for value in interval]
        for name in claim.names:
            if name in earlier:
                page, _, anchor = str(earlier[name]["entry"]).partition("#")
                entry = section(docs / page, anchor)
                values += map(float, decimals(entry))
                intervals += [
                    (float(a), float(b), float(c)) for a, b, c in INTERVAL.findall(" ".join(entry.split()))
                ]
        for score in INTERVAL.findall(claim.text):
            if not any(all(map(rounds_to, measured, score)) for measured in intervals):
                shown = "{} [{}, {}]".format(*score)
                yield f"line {claim.line}: {shown} is no score of {', '.join(claim.names)}"
        for spread in SPREAD.findall(claim.text):
            if not any(all(map(rounds_to, measured, spread)) for measured in spreads(chosen)):
                shown = "{} ({} to {})".format(*spread)
                yield f"line {claim.line}: {shown} is no mean, lowest, highest of {', '.join(claim.names)}"
        for number in claim.numbers:
            if not any(rounds_to(value, number) for value in values):
                yield f"line {claim.line}: {number} is not among the results of {', '.join(claim.names)}"


def page(text: str, runs: Mapping[str, Stored], earlier: Mapping[str, Mapping[str, Any]]) -> str:
    """The page of evidence: a section for each family of runs and each earlier result, with its claims."""
    places: dict[str, list[Claim]] = {}
    for claim in claims(text):
        for name in dict.fromkeys(map(family, claim.names)):
            places.setdefault(name, []).append(claim)
    lines = [HEAD]
    for name in [*dict.fromkeys(map(family, runs)), *earlier]:
        if name not in places:
            continue
        known = [(run.name, run.about) for run in resolve(name, runs)] or [(name, earlier[name])]
        about = known[0][1]
        lines += [f"## {name}", "", *(f"- {plain(claim.text)}" for claim in places[name]), ""]
        lines += [f"Data: {about['data']}; {about['relation']}; references: {about['references']}.", ""]
        lines += ["| command | commit | date | seed | machine | scores |", "|---|---|---|---|---|---|"]
        for place, facts in known:
            link = f"[lab book](../{facts['entry']})" if place in earlier else f"`docs/results/runs/{place}/`"
            anchor = "" if place == name else f'<a id="{place}"></a>'
            shown = [f"`{facts['command']}`{anchor}", *(str(facts[key]) for key in FACTS), link]
            lines.append("| " + " | ".join(shown) + " |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def labelled(text: str, runs: Mapping[str, Stored], earlier: Mapping[str, Mapping[str, Any]]) -> str:
    """The README with commits, dates and seeds in every link to evidence; a dagger before earlier results."""

    def label(match: re.Match[str]) -> str:
        name = match.group(1)
        abouts, mark = [run.about for run in resolve(name, runs)], ""
        if not abouts and name in earlier:
            abouts, mark = [earlier[name]], "† "
        if not abouts:
            return match.group(0)
        commits, dates, seeds = (
            ", ".join(dict.fromkeys(str(about[key]) for about in abouts))
            for key in ("commit", "date", "seed")
        )
        several = "s" if "," in seeds else ""
        return f"[{mark}{commits}, {dates}, seed{several} {seeds}](docs/studies/evidence.md#{name})"

    return re.sub(r"\[[^\]]*\]\(docs/studies/evidence\.md#([\w-]+)\)", label, text)


def plain(text: str) -> str:
    """A claim in one cell of a table, without links and emphasis."""
    text = re.sub(r"<!--.*?-->", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = text.replace("**", "").strip().strip("|").replace("|", "·")
    return " ".join(text.split())


def main() -> None:
    """Check, and write where asked."""
    runs = {run.name: run for run in stored_runs(RUNS)}
    earlier = earlier_results()
    written = README.read_text(encoding="utf-8")
    text = labelled(written, runs, earlier)
    assert all(name == slug(name) for name in (*runs, *earlier)), "names are anchors: lower case and hyphens"
    evidence = page(text, runs, earlier)
    wrong = list(problems(text, runs, earlier))
    if "--write" in sys.argv[1:]:
        PAGE.write_text(evidence, encoding="utf-8")
        README.write_text(text, encoding="utf-8")
    elif text != written or not PAGE.exists() or PAGE.read_text(encoding="utf-8") != evidence:
        wrong.append(
            f"it or {PAGE.relative_to(ROOT)} is not up to date: python scripts/check_claims.py --write"
        )
    if wrong:
        sys.exit("\n".join(f"README.md: {sentence}" for sentence in wrong))


if __name__ == "__main__":
    main()

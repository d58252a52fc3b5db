"""What the runs say: how each criterion ranks them, and how often the verdict is right."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from scipy.stats import spearmanr

from umt.align.agreement import Matches, VerdictThresholds, agreement_support
from umt.evaluation.report.figures import scatter
from umt.evaluation.report.svg import standalone

Record = dict[str, Any]
NAMES = {
    "support": "support: agreement with runs of other settings (ours)",
    "cosine": "mean cosine of CSLS pairs (MUSE)",
    "objective": "mean cosine of nearest neighbours (VecMap)",
    "frequency": "rank correlation of the frequencies of mutual matches",
    "mutual": "share of mutual matches",
}
MEASURE = """P@1: the share of the 1,000 most frequent words of both sides, as far as a dictionary knows them,
whose match is right; a word that a run leaves unmatched counts as wrong."""
LABELS = ("aligned", "doubtful", "failed")
BANDS = {"P@1 < 0.1": (0.0, 0.1), "0.1 to 0.3": (0.1, 0.3), "P@1 >= 0.3": (0.3, 1.01)}


@dataclass(frozen=True)
class Judged:
    """A run, its criteria by the keys of `NAMES`, and its verdict."""

    record: Record
    criteria: dict[str, float]
    label: str

    @property
    def p1(self) -> float:
        """What it is worth."""
        return float(self.record["p@1"])


def judge(records: Sequence[Record]) -> list[Judged]:
    """Every run that ended, judged by the others on its corpus and by what they reach on the null.

    A corpus with runs of one setting alone, as when the study was stopped, is left out: nobody can judge.
    """
    corpora = defaultdict(list)
    for record in records:
        if "error" not in record:
            corpora[record["corpus"]].append(record)
    result = []
    for members in corpora.values():
        runs = [each for each in members if not each["null"]]
        nulls = [each for each in members if each["null"]]
        if len({each["setting"] for each in runs}) < 2:
            continue
        null = max(_support(nulls), default=0.0)
        for record, score in zip(runs, _support(runs), strict=True):
            criteria = {"support": score, **{name: float(record[name]) for name in list(NAMES)[1:]}}
            result.append(Judged(record, criteria, VerdictThresholds().judge(score, null).label))
    return result


def _support(records: Sequence[Record]) -> list[float]:
    if len(records) < 2:
        return [0.0] * len(records)
    runs = [matches_of(each) for each in records]
    settings = [each["setting"] for each in records]
    return [float(each) for each in agreement_support(runs, [settings.index(each) for each in settings])]


def matches_of(record: Record) -> Matches:
    """What a run that ended said of the frequent words."""
    return Matches(torch.tensor(record["forward"]), torch.tensor(record["backward"]))


def show(records: Sequence[Record], directory: Path) -> str:
    """Write ``criterion.md`` and ``criterion.svg`` into ``directory``; returns the text."""
    judged = judge(records)
    failed = [each for each in records if "error" in each and not each["null"]]
    nulls = sum(each["null"] for each in records)
    seconds = sum(each["seconds"] for each in records)
    groups = [each.record["corpus"] for each in judged]
    alone = sum("error" not in each and not each["null"] for each in records) - len(judged)
    parts = [
        "# Validation criteria for alignments, without a dictionary",
        f"Written by `python -m benchmarks.criterion show`. {len(judged)} runs on {len(set(groups))} corpora"
        f", {nulls} more on permuted targets, {len(failed)} that stopped without a result, {alone} left out: "
        f"no other setting to compare them with; {seconds / 60:.0f} minutes on one core. {MEASURE}",
        "![support against P@1](criterion.svg)",
        "## Rank correlation of the criteria with P@1\n\nSpearman.",
        table(
            ["criterion", "all runs", "within a corpus on which some run worked, mean"], _correlations(judged)
        ),
        "## Verdict against P@1",
        table(["verdict", *BANDS], _confusion(judged)),
        _sentence(judged),
        "## By corpus",
        table(
            ["corpus", "runs", "best P@1", "P@1 of the best by support", *LABELS], _groups(judged, "corpus")
        ),
        "## By strategy",
        table(
            ["strategy", "runs", "best P@1", "P@1 of the best by support", *LABELS],
            _groups(judged, "strategy"),
        ),
    ]
    text = "\n\n".join(parts) + "\n"
    directory.mkdir(exist_ok=True)
    (directory / "criterion.md").write_text(text, encoding="utf-8")
    series: dict[str, list[tuple[float, float, str]]] = {}
    for label in LABELS:
        for each in judged:
            if each.label == label:
                entry = f"{each.record['corpus']}, {each.record['strategy']}"
                series.setdefault(label, []).append((each.criteria["support"], each.p1, entry))
    picture = scatter(series, "support", "P@1")
    (directory / "criterion.svg").write_text(standalone(picture), encoding="utf-8")
    return text


def _correlations(judged: Sequence[Judged]) -> Iterable[list[str]]:
    """Over all runs; and the mean over the corpora on which some run worked."""
    corpora = defaultdict(list)
    for each in judged:
        corpora[each.record["corpus"]].append(each)
    worked = [members for members in corpora.values() if max(each.p1 for each in members) >= 0.1]
    for name, what in NAMES.items():
        within = [_spearman(members, name) for members in worked]
        mean = f"{statistics.fmean(within):.3f}" if within else ""
        yield [what, f"{_spearman(judged, name):.3f}", mean]


def _spearman(judged: Sequence[Judged], name: str) -> float:
    values = [each.criteria[name] for each in judged]
    return float(spearmanr(values, [each.p1 for each in judged]).statistic)


def _confusion(judged: Sequence[Judged]) -> Iterable[list[str]]:
    for label in LABELS:
        those = [each.p1 for each in judged if each.label == label]
        yield [label, *(str(sum(low <= p1 < high for p1 in those)) for low, high in BANDS.values())]


def _sentence(judged: Sequence[Judged]) -> str:
    wrong = [each for each in judged if each.label == "aligned" and each.p1 < 0.1]
    entry = "; ".join(
        f"{each.record['corpus']}, {each.record['strategy']}: P@1 {each.p1:.3f}" for each in wrong
    )
    return f"Called aligned with P@1 below 0.1: {len(wrong)}{': ' + entry if entry else ''}."


def _groups(judged: Sequence[Judged], key: str) -> Iterable[list[str]]:
    for name in dict.fromkeys(each.record[key] for each in judged):
        members = [each for each in judged if each.record[key] == name]
        counted = Counter(each.label for each in members)
        chosen = max(members, key=lambda each: each.criteria["support"])
        best = max(each.p1 for each in members)
        verdicts = [str(counted[label]) for label in LABELS]
        yield [name, str(len(members)), f"{best:.3f}", f"{chosen.p1:.3f}", *verdicts]


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

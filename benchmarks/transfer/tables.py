"""Tables and pictures of the study, from the runs."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from markupsafe import Markup

from benchmarks.criterion.tables import table
from benchmarks.transfer.neighbours import ALIGNED, ROTATED
from benchmarks.transfer.prediction import correlations, phases
from benchmarks.transfer.records import Record
from umt.compression.block_bootstrap import gain_interval
from umt.evaluation.report.figures import intervals, line_chart
from umt.evaluation.report.svg import standalone

RESAMPLES = 1000
NAME = "joint-compression"
WAYS = ("network", "mixed")
Drawn: TypeAlias = dict[str, list[tuple[float, float, float] | None]]
NULL = "shuffled over the text"
"""The neighbour that has nothing but frequencies."""


def show(records: Sequence[Record], directory: Path) -> None:
    """Write the pictures, and the tables between the marks of the page that names them."""
    page = directory / f"{NAME}.md"
    text = page.read_text(encoding="utf-8")
    for name, make, experiment in (
        ("bridge", bridge, "bridge"),
        ("neighbours", neighbours, "neighbours"),
        ("neighbours aligned", neighbours, ALIGNED),
        ("neighbours rotated", neighbours, ROTATED),
        ("cipher", cipher, "cipher"),
        ("pointers", pointers, "pointers"),
        ("correlations", correlations, "sweep"),
        ("phases", phases, "sweep"),
    ):
        for corpus in dict.fromkeys(each["corpus"] for each in records):
            runs = [each for each in records if each["experiment"] == experiment and each["corpus"] == corpus]
            if not runs:
                continue
            rows, picture = make(runs)
            mark = f"{name} {corpus}"
            before, rest = text.split(f"<!-- {mark} -->\n")
            text = f"{before}<!-- {mark} -->\n{rows}\n{rest[rest.index('<!-- end -->') :]}"
            if picture:
                svg = directory / f"{NAME}-{mark.replace(' ', '-')}.svg"
                svg.write_text(standalone(picture), encoding="utf-8")
    page.write_text(text, encoding="utf-8")


def bridge(runs: Sequence[Record]) -> tuple[str, Markup]:
    """Bits saved against vectors rotated at random, by the precision of the alignment."""
    sizes, arms = _values(runs, "size"), _values(runs, "arm")
    quality = {
        arm: statistics.fmean(each["result"].get("p@1", -1) for each in _of(runs, arm=arm)) for arm in arms
    }
    rows: list[list[str]] = []
    drawn: Drawn = {f"{size / 1e6:g} MB a side": [] for size in sizes}
    arms.sort(key=lambda arm: (quality[arm], arm != "rotated"))
    for arm in arms:
        cells = [_pairs(arm), f"{quality[arm]:.3f}" if quality[arm] >= 0 else ""]
        for size in sizes:
            base, here = _matched(_of(runs, size=size, arm="rotated"), _of(runs, size=size, arm=arm))
            for way in WAYS:
                saved = _saved(base, here, way) if here else None
                cells.append(_percent(saved))
                if way == "network" and quality[arm] >= 0:
                    drawn[f"{size / 1e6:g} MB a side"].append(_interval(saved) if saved else None)
        rows.append(cells)
    headings = ["vectors of the target", "P@1"]
    headings += [f"{size / 1e6:g} MB, {way}" for size in sizes for way in WAYS]
    named = [f"{_pairs(arm)}, P@1 {quality[arm]:.2f}" for arm in arms if quality[arm] >= 0]
    return table(headings, rows), intervals(
        named, drawn, "% of the bits saved against a random rotation (network)"
    )


def _pairs(arm: str) -> str:
    """What an arm of the bridge is called in tables."""
    return f"dictionary, {arm}" if arm[0].isdigit() else arm


def neighbours(runs: Sequence[Record]) -> tuple[str, Markup]:
    """Bits of X beside each neighbour; what is saved against unigrams, and its share of what more X saves."""
    rows: list[list[str]] = []
    drawn: Drawn = {}
    for size in _values(runs, "size"):
        drawn[f"{size / 1e6:g} MB"] = []
        of_size = _of(runs, size=size)
        for arm in _values(of_size, "arm"):
            cells = [f"{size / 1e6:g} MB", arm]
            for way in WAYS:
                null, here = _matched(_of(of_size, arm=NULL), _of(of_size, arm=arm))
                base, most = _matched(_of(of_size, arm=NULL), _of(of_size, arm="more X"))
                saved = _saved(null, here, way)
                whole = most and arm not in (NULL, "nothing")
                share = saved["bits"] / _saved(base, most, way)["bits"] if whole else None
                cells += [
                    f"{_mean(here, way) / 8:,.0f}",
                    "" if arm == NULL else _bytes(saved),
                    "" if share is None else f"{share:z.1%}",
                ]
                if way == "network" and arm not in (NULL, "nothing"):
                    drawn[f"{size / 1e6:g} MB"].append(_interval(saved))
            rows.append(cells)
    parts = [f"{way}: {what}" for way in WAYS for what in ("bytes of X", "saved", "share of the possible")]
    arms = [arm for arm in _values(runs, "arm") if arm not in (NULL, "nothing")]
    return table(["size", "beside X", *parts], rows), intervals(
        arms, drawn, f"% of the bits of X saved against: {NULL}"
    )


def cipher(runs: Sequence[Record]) -> tuple[str, Markup]:
    """Bits of the cipher by the lexicon through which it is read, and where a search for fewer bits leads."""
    rows, lines = [], {}
    shares = list(runs[0]["result"]["searches"])
    for share in shares:
        searches = [each["result"]["searches"][share] for each in runs]
        size = runs[0]["result"]["bytes"]
        first, last = ([search[place] for search in searches] for place in (0, -1))
        cells = [
            cell
            for end in (first, last)
            for cell in (
                _spread([bits / size for bits, _ in end], ".3f"),
                _spread([100 * right for _, right in end], ".1f"),
            )
        ]
        rows.append([f"{float(share):.0%}", *cells])
    for each in runs:
        ends = [search[0] for search in each["result"]["searches"].values()]
        lines[f"seed {each['seed']}"] = [
            (100 * right, bits / each["result"]["bytes"]) for bits, right in ends
        ]
    headings = ["lexicon permuted", "bits/byte", "% of symbols right", "after search: bits/byte", "% right"]
    return table(headings, rows), line_chart(
        lines, "% of the symbols that the lexicon has right", "bits/byte"
    )


def pointers(runs: Sequence[Record]) -> tuple[str, None]:
    """Code length of Y, and of Y given X with every pointer paid."""
    rows = []
    for size in _values(runs, "size"):
        results = [each["result"] for each in _of(runs, size=size)]
        alone = np.array([each["blocks"]["alone"] for each in results])
        for arm in results[0]["arms"]:
            paid = np.array([each["blocks"][arm] for each in results])
            saved = {**gain_interval([alone], [paid], RESAMPLES), "base": float(alone.sum(1).mean())}
            one = results[0]["arms"][arm]
            total, cost = paid.sum(1).mean(), one["pointers"]
            bits = (alone.sum(1).mean(), total - cost, cost, total)
            rows.append([
                f"{results[0]['bytes'] / 1e6:.1f} MB, {len(results)}", arm,
                f"{one['pointing'] / results[0]['sentences'][1]:.0%}",
                *(f"{each / 8:,.0f}" for each in bits), _percent(saved),
            ])  # fmt: skip
    headings = ["Y, seeds", "pointers", "verses that point", "K(Y), bytes", "Y after X", "pointers"]
    return table([*headings, "K(Y given X)", "% saved"], rows), None


def _values(runs: Sequence[Record], key: str) -> list[Any]:
    return list(dict.fromkeys(each[key] for each in runs))


def _of(runs: Sequence[Record], **wanted: object) -> list[Record]:
    return [each for each in runs if all(each[key] == value for key, value in wanted.items())]


def _matched(*groups: Sequence[Record]) -> list[list[Record]]:
    """Of each group the runs of the seeds that all have."""
    seeds = set.intersection(*({each["seed"] for each in group} for group in groups))
    return [[each for each in group if each["seed"] in seeds] for group in groups]


def _saved(base: Sequence[Record], here: Sequence[Record], way: str) -> Mapping[str, float]:
    """Bits saved, with a 95% interval over seeds and stretches of text, and the bits of the base."""
    runs = [
        [[np.array(text) for text in each["result"]["blocks"][way]] for each in group]
        for group in (base, here)
    ]
    before, after = ([np.stack(text) for text in zip(*group, strict=True)] for group in runs)
    return {**gain_interval(before, after, RESAMPLES), "base": _mean(base, way)}


def _mean(runs: Sequence[Record], way: str) -> float:
    return statistics.fmean(sum(each["result"]["bits"][way]) for each in runs)


def _interval(saved: Mapping[str, float]) -> tuple[float, float, float]:
    """Percent of the base: value, low, high."""
    value, low, high = (100 * saved[name] / saved["base"] for name in ("bits", "low", "high"))
    return value, low, high


def _percent(saved: Mapping[str, float] | None) -> str:
    return "{:z.2f} [{:z.2f}, {:z.2f}]".format(*_interval(saved)) if saved else ""


def _bytes(saved: Mapping[str, float]) -> str:
    return "{:z,.0f} [{:z,.0f}, {:z,.0f}]".format(*(saved[name] / 8 for name in ("bits", "low", "high")))


def _spread(values: Sequence[float], form: str) -> str:
    """The mean, and the least and the largest of several seeds."""
    return f"{statistics.fmean(values):{form}} ({min(values):{form}} to {max(values):{form}})"

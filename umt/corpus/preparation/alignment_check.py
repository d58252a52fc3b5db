"""Whether the two sides of a corpus are parallel by accident: lines, sentences and order in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from umt.corpus.preparation.cleaning import SideStatistics
from umt.corpus.preparation.length_sequence import same_sequence
from umt.types import F64, I64

ALIGNED, NOT_ALIGNED, NOT_TESTED = "aligned", "not aligned", "could not be tested"
"""The answers of the check."""


def accidental_alignment(
    source: SideStatistics, target: SideStatistics, generator: np.random.Generator
) -> dict[str, Any]:
    """Are the two sides the same text in two languages?  Tests without a dictionary.

    same_lines: do lengths at equal line numbers correlate more than at shifted ones?
    same_order: do numerals and names that each side holds once come in the same order?
    same_sentences: do rare numerals and names that share a sentence here share one there?
    same_sequence: do lengths follow each other alike, though lines are missing or inserted?
    Each has its statistic, the number of items it rests on, the number it needs and whether it found an
    alignment.  The ``answer`` is `ALIGNED` where one did, `NOT_TESTED` where none did and one had too few
    items, else `NOT_ALIGNED`; the ``statement`` says it in a sentence.
    """
    tests = {
        "same_lines": _same_lines(source, target, generator),
        "same_order": _same_order(source, target),
        "same_sentences": _same_sentences(source, target),
        "same_sequence": same_sequence(source.lengths, target.lengths, generator),
    }
    names = {name: name.replace("_", " ") for name in tests}
    aligned = [names[name] for name, test in tests.items() if test["found"]]
    untested = [names[name] for name, test in tests.items() if test["items"] < test["needed"]]
    negative = [name for name in names.values() if name not in aligned and name not in untested]
    if aligned:
        answer, statement = ALIGNED, f"accidental alignment: {', '.join(aligned)}"
    elif untested:
        answer = NOT_TESTED
        statement = f"accidental alignment could not be tested by {', '.join(untested)} (too little shared)"
        statement += f"; none by {', '.join(negative)}" if negative else ""
    else:
        answer, statement = NOT_ALIGNED, "no accidental alignment found"
    return {"statement": statement, "answer": answer, "found": bool(aligned), **tests}


def _correlation(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Spearman's rank correlation; 0 where one side is constant."""
    return float(_ranked(first) @ _ranked(second))


def _ranked(values: NDArray[Any]) -> F64:
    """Ranks, centred and scaled to length 1: their dot product is Spearman's correlation."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    ranks -= ranks.mean()
    return ranks / max(float(np.linalg.norm(ranks)), 1.0)


def _same_lines(
    source: SideStatistics, target: SideStatistics, generator: np.random.Generator
) -> dict[str, Any]:
    """Whether line n of either side is of one length: the rank correlation, against shifts of one side.

    ``found`` above 0.2 and 6 deviations of the null ``z``; ``items`` lines compared, of ``needed``.
    """
    _, ours, theirs = np.intersect1d(source.lines[:20_000], target.lines[:20_000], return_indices=True)
    size, needed = len(ours), 50
    if size < needed:
        return {"found": False, "items": size, "needed": needed, "correlation": 0.0, "z": 0.0}
    # Ties are broken by chance, so that their order in the file does not count.
    first, second = (
        _ranked(lengths + generator.random(size))
        for lengths in (source.lengths[ours], target.lengths[theirs])
    )
    # Circular shifts keep whatever trend the files have, and destroy the alignment of lines.
    null = np.array(
        [
            first @ np.roll(second, int(shift))
            for shift in generator.integers(size // 10, size - size // 10, 30)
        ]
    )
    correlation = float(first @ second)
    z = (correlation - float(null.mean())) / (float(null.std()) + 1 / size)
    return {
        "found": correlation > 0.2 and z > 6,
        "items": size,
        "needed": needed,
        "correlation": round(correlation, 3),
        "z": round(z, 1),
    }


def _once(side: SideStatistics) -> tuple[I64, I64]:
    anchors, first, counts = np.unique(side.anchors, return_index=True, return_counts=True)
    return anchors[counts == 1], side.anchor_lines[first[counts == 1]]


def _same_order(source: SideStatistics, target: SideStatistics) -> dict[str, Any]:
    """Whether numbers and names that stand once on each side come in the same order: rank correlation."""
    (ours, our_lines), (theirs, their_lines) = _once(source), _once(target)
    shared, first, second = np.intersect1d(ours, theirs, return_indices=True)
    size, needed = len(shared), 30
    rho = _correlation(our_lines[first], their_lines[second]) if size >= needed else 0.0
    z = rho * max(size - 1, 0) ** 0.5
    return {
        "found": rho > 0.2 and z > 5,
        "items": size,
        "needed": needed,
        "correlation": round(rho, 3),
        "z": round(z, 1),
    }


def _same_sentences(source: SideStatistics, target: SideStatistics, rare: int = 5) -> dict[str, Any]:
    """Whether two numbers or names that share a line here share one there: the share of such pairs.

    rare: how often one may stand on a side to count.
    """
    ours, theirs = (np.unique(side.anchors, return_counts=True) for side in (source, target))
    shared = np.intersect1d(ours[0][ours[1] <= rare], theirs[0][theirs[1] <= rare])
    pairs = []
    for side in (source, target):
        rare_shared = np.isin(side.anchors, shared)
        by_line: dict[int, set[int]] = {}
        for line, anchor in zip(
            side.anchor_lines[rare_shared].tolist(), side.anchors[rare_shared].tolist(), strict=True
        ):
            by_line.setdefault(line, set()).add(anchor)
        pairs.append(
            {
                (one, other)
                for anchors in by_line.values()
                if 1 < len(anchors) <= 10
                for one in anchors
                for other in anchors
                if one < other
            }
        )
    size, needed = min(map(len, pairs)), 30
    share = len(pairs[0] & pairs[1]) / size if size else 0.0
    return {
        "found": size >= needed and share > 0.3,
        "items": size,
        "needed": needed,
        "share": round(share, 3),
    }

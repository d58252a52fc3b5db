"""Scores of translations in a list or a file, whoever wrote them, and of the difference to others."""

from __future__ import annotations

from collections.abc import Sequence

from umt.evaluation.metrics import SACRE_METRICS, with_first_reference
from umt.evaluation.pairwise_significance import compare_all
from umt.types import BadInput, Lang, Score

DEFAULT = ("bleu", "chrf", "ter")


def score_texts(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    target: Lang,
    metrics: Sequence[str] = DEFAULT,
    against: Sequence[str] | None = None,
    resamples: int = 1000,
) -> list[Score]:
    """Each of ``metrics`` with its 95% interval by bootstrap over sentences, and its signature.

    hypotheses: into ``target``; references: all of each item.  against: another system's translations of
    the same items; then follow, for each metric, its score of those ("bleu, other"), the difference with its
    95% interval and the two-sided p of that by paired bootstrap ("p bleu", Koehn 2004).
    Raises BadInput when a metric is not known, lengths differ or there are under 2 resamples.
    """
    if unknown := [name for name in metrics if name not in SACRE_METRICS]:
        raise BadInput(f"there is no metric {unknown[0]!r} here: choose among {', '.join(SACRE_METRICS)}")
    if resamples < 2:
        raise BadInput(f"an interval needs 2 resamples or more, got {resamples}")
    for name, lines in (("the translations", hypotheses), ("the other translations", against)):
        if lines is not None and len(lines) != len(references):
            raise BadInput(
                f"{name} are {len(lines):,} lines, the references {len(references):,}: give equally many"
            )
    if not references:
        raise BadInput("there is no line to score: the files are empty")
    if empty := [number for number, item in enumerate(references, 1) if not item]:
        raise BadInput(f"line {empty[0]} has no reference: give one, or take the line out of every file")
    kinds = [SACRE_METRICS[name](resamples) for name in metrics]
    scores = [score for kind in kinds for score in with_first_reference(kind, hypotheses, references, target)]
    if against is None:
        return scores
    outputs = {"one": hypotheses, "other": against}
    sacre = {kind.name: kind.sacre(target) for kind in kinds}
    for kind, compared in zip(
        kinds, compare_all(outputs, references, target, resamples, sacre).values(), strict=True
    ):
        other = kind.score(against, references, target)
        difference = float(compared.scores[0] - compared.scores[1])
        interval = float(compared.low[0, 1]), float(compared.high[0, 1])
        p = float(compared.p[0, 1])
        scores += [
            Score(f"{kind.name}, other", other.value, other.low, other.high, other.signature),
            Score(f"{kind.name}, difference", difference, *interval, compared.signature),
            Score(f"p {kind.name}", p, p, p, compared.signature),
        ]
    return scores

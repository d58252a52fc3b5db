"""Paired bootstrap between all pairs of several systems on one test set (Koehn 2004)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sacrebleu.metrics.base import Metric as SacreMetric

from umt.evaluation.metrics import Bleu, ChrF, reference_streams
from umt.types import Lang

Doubles = npt.NDArray[np.float64]

SEED = 12345
"""The seed of sacreBLEU's resamples, so that p is the same as its own."""


@dataclass(frozen=True)
class PairwiseComparison:
    """Differences between systems under one metric.

    scores: (systems,) on the whole set.  low, high: (systems, systems) the 95% interval of row minus column.
    p: (systems, systems) two-sided, that a difference as large comes from the choice of sentences.
    """

    systems: tuple[str, ...]
    scores: Doubles
    low: Doubles
    high: Doubles
    p: Doubles
    signature: str


def compare_all(
    outputs: Mapping[str, Sequence[str]],
    references: Sequence[Sequence[str]],
    target: Lang,
    resamples: int = 1000,
    metrics: Mapping[str, SacreMetric] | None = None,
) -> dict[str, PairwiseComparison]:
    """``metrics`` (BLEU and chrF) of every system, ``outputs`` by name, and of every difference between two.

    Every system is scored once on each resample, so that the cost grows with the systems and not with their
    pairs.  Raises ValueError when a system has not as many sentences as there are references.
    """
    size = len(references)
    indices = np.random.default_rng(SEED).choice(size, (resamples, size), replace=True)
    counts = np.stack([np.bincount(row, minlength=size) for row in indices])  # (resamples, sentences)
    metrics = metrics or {"BLEU": Bleu().sacre(target), "chrF": ChrF().sacre(target)}
    return {name: _compare(metric, outputs, references, counts) for name, metric in metrics.items()}


def _compare(
    metric: SacreMetric,
    outputs: Mapping[str, Sequence[str]],
    references: Sequence[Sequence[str]],
    counts: npt.NDArray[np.int64],
) -> PairwiseComparison:
    whole, resampled = [], []
    for lines in outputs.values():
        sentence_statistics = metric._extract_corpus_statistics(lines, reference_streams(lines, references))
        statistics = np.array(sentence_statistics, dtype=np.float64)  # (sentences, statistics)
        whole.append(_score(metric, statistics.sum(0)))
        resampled.append([_score(metric, sums) for sums in counts @ statistics])
    scores, samples = np.array(whole), np.array(resampled)  # (systems,), (systems, resamples)
    count = len(scores)
    low, high, p = np.zeros((count, count)), np.zeros((count, count)), np.ones((count, count))
    texts = list(outputs.values())
    for row in range(count):
        differences = samples[row] - samples  # (systems, resamples)
        low[row], high[row] = np.quantile(differences, (0.025, 0.975), axis=1)
        for column in range(count):
            if list(texts[row]) != list(texts[column]):
                p[row, column] = _p_value(differences[column], scores[row] - scores[column])
    signature = f"{metric.get_signature()}|bs:{counts.shape[0]}|seed:{SEED}"
    return PairwiseComparison(tuple(outputs), scores, low, high, p, signature)


def _score(metric: SacreMetric, statistics: Doubles) -> float:
    return float(metric._compute_score_from_stats(statistics.tolist()).score)


def _p_value(differences: Doubles, difference: float) -> float:
    """How often a resample deviates from the resamples' mean by more than the measured difference."""
    sizes = np.abs(differences)
    beyond = int((sizes - sizes.mean() > abs(difference)).sum())
    return (beyond + 1) / (len(sizes) + 1)

"""Scores with intervals and signatures: BLEU and chrF by sacreBLEU, on held-out pairs only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Protocol

from sacrebleu.metrics.base import Metric as SacreMetric
from sacrebleu.metrics.bleu import BLEU, BLEUScore
from sacrebleu.metrics.chrf import CHRF, CHRFScore

from umt.types import Lang, Score

TOKENIZERS = {"zh": "zh", "ja": "ja-mecab", "ko": "ko-mecab"}
"""sacreBLEU's tokenizer for each target language that is not written with spaces; ``13a`` for the others."""


class Metric(Protocol):
    """Compares translations with references."""

    def score(
        self, hypotheses: Sequence[str], references: Sequence[Sequence[str]], target: Lang
    ) -> Score: ...


# The mean over resamples is a TypeError where some are 0 and the others numpy.float32: make all plain floats.


class _PlainBleu(BLEU):
    def _compute_score_from_stats(self, stats: list[int]) -> BLEUScore:
        score = super()._compute_score_from_stats(stats)
        score.score = float(score.score)
        return score


class _PlainChrF(CHRF):
    def _compute_score_from_stats(self, stats: list[int]) -> CHRFScore:
        score = super()._compute_score_from_stats(stats)
        score.score = float(score.score)
        return score


@dataclass(frozen=True)
class Bleu:
    """Corpus BLEU (Papineni et al. 2002) on detokenised text, as sacreBLEU computes it (Post 2018).

    resamples: bootstrap resamples behind the 95% interval (Koehn 2004).
    """

    resamples: int = 1000

    def score(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]], target: Lang) -> Score:
        """Score ``hypotheses[i]`` against all of ``references[i]``; 0 to 100."""
        metric = _PlainBleu(tokenize=TOKENIZERS.get(target, "13a"))
        return _bootstrapped("bleu", metric, hypotheses, references, self.resamples)


@dataclass(frozen=True)
class ChrF:
    """Character n-gram F-score (Popović 2015), which needs no word boundaries; 0 to 100."""

    resamples: int = 1000

    def score(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]], target: Lang) -> Score:
        """Score ``hypotheses[i]`` against all of ``references[i]``; 0 to 100."""
        return _bootstrapped("chrf", _PlainChrF(), hypotheses, references, self.resamples)


def _bootstrapped(
    name: str,
    metric: SacreMetric,
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    resamples: int,
) -> Score:
    if len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} translations for {len(references)} references")
    streams = [list(stream) for stream in zip_longest(*references)]  # one a reference, None where fewer
    result = metric.corpus_score(hypotheses, streams, n_bootstrap=resamples)
    signature = str(metric.get_signature())
    if resamples < 2:
        return Score(name, result.score, result.score, result.score, signature)
    told = json.loads(result.format(width=6, signature=signature, is_json=True))
    # sacreBLEU leaves the interval out where every resample scores 0
    mean, half = told.get("confidence_mean", 0.0), told.get("confidence_var", 0.0)
    return Score(name, result.score, max(0.0, mean - half), mean + half, signature)

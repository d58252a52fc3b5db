"""Scores with intervals and signatures: BLEU and chrF by sacreBLEU, on held-out pairs only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import ClassVar, Protocol

from sacrebleu.metrics.base import Metric as SacreMetric
from sacrebleu.metrics.bleu import BLEU, BLEUScore
from sacrebleu.metrics.chrf import CHRF, CHRFScore
from sacrebleu.significance import PairedTest, Result

from umt.runtime.validate import require
from umt.types import BadInput, Lang, Score

TOKENIZERS = {"zh": "zh", "ja": "ja-mecab", "ko": "ko-mecab"}
"""sacreBLEU's tokenizer for each target language that is not written with spaces; ``13a`` for the others."""


class Metric(Protocol):
    """Compares translations with references, and some with their sources.

    ``hypotheses[i]`` translates ``sources[i]`` into ``target``; ``references[i]`` are all of its references.
    """

    def check(self, target: Lang) -> None:
        """Raises BadInput when translations into ``target`` cannot be scored here."""
        ...

    def score(
        self,
        hypotheses: Sequence[str],
        references: Sequence[Sequence[str]],
        target: Lang,
        sources: Sequence[str] = (),
    ) -> Score:
        """One figure for the whole set, with its interval."""
        ...


def with_first_reference(
    metric: Metric,
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    target: Lang,
    sources: Sequence[str] = (),
) -> list[Score]:
    """The score of ``metric``; where items have several references and it uses them, also against the first.

    Figures of the literature are mostly against one reference; the second score, "bleu, first reference", is
    the one to set beside them.
    """
    scores = [metric.score(hypotheses, references, target, sources)]
    if getattr(metric, "several_references", False) and any(len(item) > 1 for item in references):
        score = metric.score(hypotheses, [item[:1] for item in references], target, sources)
        scores.append(replace(score, name=f"{score.name}, first reference"))
    return scores


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

    several_references: ClassVar[bool] = True
    resamples: int = 1000

    def __post_init__(self) -> None:
        require(self)

    def check(self, target: Lang) -> None:
        """Raises BadInput when the tokenizer of ``target`` is not installed."""
        bleu_metric(target)

    def score(
        self,
        hypotheses: Sequence[str],
        references: Sequence[Sequence[str]],
        target: Lang,
        sources: Sequence[str] = (),
    ) -> Score:
        """Score ``hypotheses[i]`` against all of ``references[i]``; 0 to 100."""
        return _bootstrapped("bleu", bleu_metric(target), hypotheses, references, self.resamples)


@dataclass(frozen=True)
class ChrF:
    """Character n-gram F-score (Popović 2015), which needs no word boundaries; 0 to 100."""

    several_references: ClassVar[bool] = True
    resamples: int = 1000

    def __post_init__(self) -> None:
        require(self)

    def check(self, target: Lang) -> None:
        """Every language has characters."""

    def score(
        self,
        hypotheses: Sequence[str],
        references: Sequence[Sequence[str]],
        target: Lang,
        sources: Sequence[str] = (),
    ) -> Score:
        """Score ``hypotheses[i]`` against all of ``references[i]``; 0 to 100."""
        return _bootstrapped("chrf", chrf_metric(), hypotheses, references, self.resamples)


@dataclass(frozen=True)
class PairedBootstrap:
    """Is one system better than another on the same sentences, or was it luck (Koehn 2004)?

    systems: the one, and the other that it is compared with. resamples: of the sentences.
    """

    systems: tuple[str, str] = ("translator", "phrase-based")
    resamples: int = 1000

    def __post_init__(self) -> None:
        require(self, at_least={"resamples": 100})
        if len(set(self.systems)) != 2:
            raise ValueError(f"systems must be two different ones, got {list(self.systems)}")

    def check(self, target: Lang) -> None:
        """Raises BadInput when the tokenizer of ``target`` is not installed."""
        bleu_metric(target)

    def compare(
        self, ours: Sequence[str], theirs: Sequence[str], references: Sequence[Sequence[str]], target: Lang
    ) -> tuple[Score, ...]:
        """p of the difference in BLEU and in chrF, two-sided; the translations are those of ``systems``."""
        test = PairedTest(
            [("theirs", theirs), ("ours", ours)],
            {"bleu": bleu_metric(target), "chrf": chrf_metric()},
            reference_streams(ours, references),
            test_type="bs",
            n_samples=self.resamples,
        )
        signatures, results = test()
        scores = []
        for name, metric in (("p bleu", "BLEU"), ("p chrf", "chrF2")):
            result = results[metric][1]
            assert isinstance(result, Result)
            assert result.p_value is not None
            # sacreBLEU counts only differences above 0
            p = 1.0 if list(ours) == list(theirs) else result.p_value
            signature = f"{self.systems[0]} against {self.systems[1]}|{signatures[metric]}"
            scores.append(Score(name, p, p, p, signature))
        return tuple(scores)


def bleu_metric(target: Lang) -> SacreMetric:
    """sacreBLEU's BLEU with the tokenizer of ``target``. Raises BadInput when that is not installed."""
    try:
        return _PlainBleu(tokenize=TOKENIZERS.get(target, "13a"))
    except RuntimeError as error:  # its tokenizer is a package of its own
        raise BadInput(
            f"BLEU into {target} cannot be computed: {' '.join(str(error).split())} (or leave it out of "
            f"evaluation.metrics, with evaluation.compare=null)"
        ) from None


def chrf_metric() -> SacreMetric:
    """sacreBLEU's chrF."""
    return _PlainChrF()


def reference_streams(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> list[list[str]]:
    """One a reference, None where an item has fewer (which sacreBLEU takes, and does not say)."""
    if len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} translations for {len(references)} references")
    return [list(stream) for stream in zip_longest(*references)]


def _bootstrapped(
    name: str,
    metric: SacreMetric,
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    resamples: int,
) -> Score:
    result = metric.corpus_score(hypotheses, reference_streams(hypotheses, references), n_bootstrap=resamples)
    signature = str(metric.get_signature())
    if resamples < 2:
        return Score(name, result.score, result.score, result.score, signature)
    confidence = json.loads(result.format(width=6, signature=signature, is_json=True))
    # sacreBLEU leaves the interval out where every resample scores 0
    mean, half = confidence.get("confidence_mean", 0.0), confidence.get("confidence_var", 0.0)
    return Score(name, result.score, max(0.0, mean - half), mean + half, signature)

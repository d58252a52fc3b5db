"""Scores with intervals and signatures: BLEU, chrF and TER by sacreBLEU, on held-out pairs only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from typing import ClassVar, Protocol

from sacrebleu.metrics.base import Metric as SacreMetric
from sacrebleu.metrics.bleu import BLEU, BLEUScore
from sacrebleu.metrics.chrf import CHRF, CHRFScore
from sacrebleu.metrics.ter import TER
from sacrebleu.significance import PairedTest, Result

from umt.evaluation.comet import Comet
from umt.evaluation.metricx import MetricX
from umt.runtime.validate import require
from umt.text.languages import primary
from umt.types import BadInput, Lang, Score

_CHARACTERS = dict.fromkeys(("th", "lo", "km", "my", "bo"), "char")
TOKENIZERS = {"zh": "zh", "ja": "ja-mecab", "ko": "ko-mecab"} | _CHARACTERS
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
class _SacreScore:
    """A metric of a whole set on detokenised text, as sacreBLEU computes it (Post 2018).

    resamples: bootstrap resamples behind the 95% interval (Koehn 2004).
    """

    several_references: ClassVar[bool] = True
    name: ClassVar[str]
    resamples: int = 1000

    def __post_init__(self) -> None:
        require(self)

    def sacre(self, target: Lang) -> SacreMetric:
        """sacreBLEU's own. Raises BadInput when what it needs for ``target`` is not installed."""
        raise NotImplementedError

    def check(self, target: Lang) -> None:
        """Raises BadInput when what it needs for ``target`` is not installed."""
        self.sacre(target)

    def score(
        self,
        hypotheses: Sequence[str],
        references: Sequence[Sequence[str]],
        target: Lang,
        sources: Sequence[str] = (),
    ) -> Score:
        """Score ``hypotheses[i]`` against all of ``references[i]``."""
        return _bootstrapped(self.name, self.sacre(target), hypotheses, references, self.resamples)


@dataclass(frozen=True)
class Bleu(_SacreScore):
    """Corpus BLEU (Papineni et al. 2002) over words; 0 to 100."""

    name: ClassVar[str] = "bleu"

    def sacre(self, target: Lang) -> SacreMetric:
        return bleu_metric(target)


@dataclass(frozen=True)
class SpBleu(_SacreScore):
    """BLEU over the subwords of FLORES-200 (Goyal et al. 2022), alike for all languages; 0 to 100."""

    name: ClassVar[str] = "spbleu"

    def sacre(self, target: Lang) -> SacreMetric:
        return _sacre_bleu("flores200", "spBLEU")


@dataclass(frozen=True)
class ChrF(_SacreScore):
    """Character n-gram F-score (Popović 2015), which needs no word boundaries; 0 to 100."""

    name: ClassVar[str] = "chrf"

    def sacre(self, target: Lang) -> SacreMetric:
        return _PlainChrF()


@dataclass(frozen=True)
class ChrFPlusPlus(_SacreScore):
    """chrF with n-grams of up to two words beside those of characters (Popović 2017); 0 to 100."""

    name: ClassVar[str] = "chrf++"

    def sacre(self, target: Lang) -> SacreMetric:
        return _PlainChrF(word_order=2)


@dataclass(frozen=True)
class Ter(_SacreScore):
    """Translation edit rate (Snover et al. 2006), in edits per 100 words, or characters of Chinese and
    Japanese; the lower the better.
    """

    name: ClassVar[str] = "ter"

    def sacre(self, target: Lang) -> SacreMetric:
        unspaced = primary(target) in ("zh", "ja")
        return TER(normalized=unspaced, asian_support=unspaced)  # the second works with the first alone


SACRE_METRICS: Mapping[str, type[_SacreScore]] = {
    kind.name: kind for kind in (Bleu, SpBleu, ChrF, ChrFPlusPlus, Ter)
}


METRICS: Mapping[str, Callable[[], Metric]] = {
    **SACRE_METRICS,
    "comet": Comet,
    "xcomet": partial(Comet, "Unbabel/XCOMET-XL"),
    "metricx": MetricX,
}
"""By the word that stands for each in ``evaluation.metrics``."""


def metric_named(name: str) -> Metric:
    """The metric of ``METRICS``. Raises BadInput where there is none of the name."""
    if name not in METRICS:
        raise BadInput(f"there is no metric {name!r}: choose among {', '.join(METRICS)}")
    return METRICS[name]()


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
            {"bleu": bleu_metric(target), "chrf": ChrF().sacre(target)},
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
    return _sacre_bleu(TOKENIZERS.get(primary(target), "13a"), f"BLEU into {target}")


def _sacre_bleu(tokenizer: str, what: str) -> SacreMetric:
    try:
        return _PlainBleu(tokenize=tokenizer)
    except (RuntimeError, ImportError, OSError) as error:  # a package of its own, or a file of the network
        raise BadInput(
            f"{what} cannot be computed: {' '.join(str(error).split())} (or leave it out of the metrics; in "
            f"evaluate.py evaluation.metrics, with evaluation.compare=null)"
        ) from None


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

"""Criteria for choosing among translators without parallel text.

Four criteria, each the better the higher, on real sentences x of both languages with translations y':

- ``round_trip``: BLEU, over subwords, of the translation of y' back against x;
- ``code``: minus the bits per byte of x that code x by way of y': -log p(y') - log p(x | y'), one scorer;
- ``agreement``: minus the gap |log p(x) p(y'|x) - log p(y') p(x|y')| in bits per byte of x, which is zero for
  a joint distribution that factorises both ways (Xia et al. 2017, "Dual supervised learning");
- ``order``: bits per byte that translations of consecutive sentences save in their order, by the language
  model before it learned to translate, see `umt.lm.sentence_order`. Measured where it is the criterion.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, get_args

import numpy as np
from sacrebleu.metrics.bleu import BLEU

from umt.lm.joint_lm import JointLM
from umt.lm.scoring import SequenceScorer
from umt.lm.sentence_order import SentenceOrder
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Ids, Tokenizer
from umt.types import BadInput, Lang, Score

Criterion = Literal["round_trip", "code", "agreement", "order"]


def check_criterion(criterion: str) -> None:
    """Raises ValueError unless ``criterion`` is one."""
    if criterion not in get_args(Criterion):
        raise ValueError(f"criterion must be one of {', '.join(get_args(Criterion))}, got {criterion!r}")


def sample_sentences(
    text: TokenShards, count: int, max_length: int, seed: int, consecutive: bool = False
) -> list[Ids]:
    """At most ``count`` random sentences of 4 to ``max_length`` subwords; consecutive: in order."""
    lengths, random = text.lengths(), np.random.default_rng(seed)
    fitting = np.flatnonzero((lengths >= 4) & (lengths <= max_length))
    if consecutive:
        sampled = fitting[random.integers(max(1, len(fitting) - count + 1)) :][:count]
    else:
        sampled = random.permutation(fitting)[:count]
    return [np.asarray(text.ids(line)) for line in sampled]


def round_trip_bleu(sentences: Sequence[Ids], returned: Sequence[Ids]) -> float:
    """BLEU in [0, 100] of ``returned`` against ``sentences``, over subwords."""
    references, hypotheses = ([" ".join(map(str, ids)) for ids in text] for text in (sentences, returned))
    return float(BLEU(tokenize="none", force=True).corpus_score(hypotheses, [references]).score)


def order_criterion(
    order: SentenceOrder, model: JointLM, tokenizer: Tokenizer, sample: Mapping[Lang, Sequence[Ids]]
) -> Callable[[Sequence[Ids], Lang], Score]:
    """The criterion ``order`` by a copy of ``model``.

    sample: real consecutive sentences. Raises BadInput where they gain nothing, so translations could not.
    """
    gain = partial(order.gain, SequenceScorer(copy.deepcopy(model), tokenizer))
    for lang, sentences in sample.items():
        real = gain(sentences, lang)
        if real.low <= 0:
            raise BadInput(
                "translator.validation.criterion=order needs consecutive sentences and a language model that "
                f"knows them: {len(sentences)} lines of {lang} text read no better in order than permuted "
                f"({real.value:.3f} bits/byte, at least {real.low:.3f}). Give text in its order and "
                "lm.consecutive=16, more translator.validation.sentences, or criterion=round_trip"
            )
    return gain

"""Criteria for choosing among translators without parallel text.

Three criteria, each the better the higher, on real sentences x of both languages with translations y':

- ``round_trip``: BLEU, over subwords, of the translation of y' back against x;
- ``code``: minus the bits per byte of x that code x by way of y': -log p(y') - log p(x | y'), one scorer;
- ``agreement``: minus the gap |log p(x) p(y'|x) - log p(y') p(x|y')| in bits per byte of x, which is zero for
  a joint distribution that factorises both ways (Xia et al. 2017, "Dual supervised learning").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from sacrebleu.metrics.bleu import BLEU

from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Ids

Criterion = Literal["round_trip", "code", "agreement"]


def check_criterion(criterion: str) -> None:
    """Raises ValueError unless ``criterion`` is one."""
    if criterion not in get_args(Criterion):
        raise ValueError(f"criterion must be one of {', '.join(get_args(Criterion))}, got {criterion!r}")


def sample_sentences(text: TokenShards, count: int, max_length: int, seed: int) -> list[Ids]:
    """At most ``count`` random sentences of 4 to ``max_length`` subwords."""
    lengths = text.lengths()
    fitting = np.flatnonzero((lengths >= 4) & (lengths <= max_length))
    sampled = np.random.default_rng(seed).permutation(fitting)[:count]
    return [np.asarray(text.ids(line)) for line in sampled]


def round_trip_bleu(sentences: Sequence[Ids], returned: Sequence[Ids]) -> float:
    """BLEU in [0, 100] of ``returned`` against ``sentences``, over subwords."""
    references, hypotheses = ([" ".join(map(str, ids)) for ids in text] for text in (sentences, returned))
    return float(BLEU(tokenize="none", force=True).corpus_score(hypotheses, [references]).score)

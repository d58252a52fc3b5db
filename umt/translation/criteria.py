"""Choosing among translators without parallel text: what comes back of a sentence that goes there and back.

Three criteria, each the better the higher, on real sentences x of both languages with renderings y':

- ``round_trip``: BLEU, over subwords, of x against the translation of y' back;
- ``code``: minus the bits per byte of x that tell x by way of y': -log p(y') - log p(x | y'), one judge;
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


def sample_sentences(text: TokenShards, count: int, longest: int, seed: int) -> list[Ids]:
    """At most ``count`` random sentences of 4 to ``longest`` subwords."""
    lengths = text.lengths()
    fitting = np.flatnonzero((lengths >= 4) & (lengths <= longest))
    chosen = np.random.default_rng(seed).permutation(fitting)[:count]
    return [np.asarray(text.ids(line)) for line in chosen]


def round_trip_bleu(sentences: Sequence[Ids], returned: Sequence[Ids]) -> float:
    """BLEU of ``returned`` against ``sentences``, over subwords."""
    there, back = ([" ".join(map(str, ids)) for ids in each] for each in (sentences, returned))
    return float(BLEU(tokenize="none", force=True).corpus_score(back, [there]).score)

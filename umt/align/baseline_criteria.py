"""Published and simple unsupervised criteria of an alignment; larger should mean better.

The study of docs/criterion.md compares them with `umt.align.agreement`.
"""

from __future__ import annotations

import torch
from scipy.stats import spearmanr
from torch import Tensor

from umt.align import Alignment
from umt.align.agreement import Matches
from umt.align.soft_matching import csls_cosine
from umt.embeddings.retrieval import nearest


def mean_cosine(alignment: Alignment, words: int) -> float:
    """MUSE's (`csls_cosine`), of frequent words."""
    x, y = _frequent(alignment, words)
    return csls_cosine(x @ y.T)


def vecmap_objective(alignment: Alignment, words: int) -> float:
    """VecMap's (Artetxe et al., 2018): the mean cosine of frequent words and their nearest, both ways."""
    forward, backward = nearest(*_frequent(alignment, words))
    return float(forward.scores.mean() + backward.scores.mean()) / 2


def frequency_correlation(matches: Matches) -> float:
    """Spearman's correlation of the frequency ranks of words that choose each other; 0 without any."""
    rows = _mutual(matches)
    if len(rows) < 3:
        return 0.0
    correlation = float(spearmanr(rows.numpy(), matches.forward[rows].numpy()).statistic)
    return correlation if correlation == correlation else 0.0


def mutual_share(matches: Matches) -> float:
    """Share of the source words whose match chooses them."""
    return len(_mutual(matches)) / len(matches.forward)


def _frequent(alignment: Alignment, words: int) -> tuple[Tensor, Tensor]:
    sides = alignment.source.vectors, alignment.target.vectors
    x, y = (torch.nn.functional.normalize(side[:words], dim=1) for side in sides)
    return x, y


def _mutual(matches: Matches) -> Tensor:
    """The source words that their match chooses."""
    known = (matches.forward >= 0) & (matches.forward < len(matches.backward))
    back = matches.backward[matches.forward.clamp(0, len(matches.backward) - 1)]
    return torch.nonzero(known & (back == torch.arange(len(back))))[:, 0]

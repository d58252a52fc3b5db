"""From scores between two vocabularies to matches, pairs and an alignment: what all strategies share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from umt.align import Alignment, Verdict
from umt.align.linear_maps import normalise, procrustes
from umt.align.refinement import Refinement
from umt.embeddings.lexicon import Lexicon
from umt.embeddings.wordspace import Embeddings, WordSpace
from umt.types import BadInput

_ALONE = "one run alone cannot be judged; the restarts aligner compares several"


def best(scores: Tensor) -> tuple[Tensor, Tensor]:
    """The best column of each row and the best row of each column of (rows, columns) ``scores``."""
    return scores.argmax(1), scores.argmax(0)


def mutual_best(scores: Tensor) -> Tensor:
    """(pairs, 2) rows and columns that are each other's best."""
    forward, backward = best(scores)
    rows = torch.arange(len(scores))
    chosen = backward[forward] == rows
    return torch.stack([rows[chosen], forward[chosen]], 1)


def half_csls(similarity: Tensor, neighbourhood: int = 10) -> Tensor:
    """Half of CSLS (Conneau et al. 2018): (N, M) similarities, each less half the mean of the best
    ``neighbourhood`` of its row and of its column.
    """
    k = min(neighbourhood, *similarity.shape)
    rows = similarity.topk(k, dim=1, sorted=False).values.mean(1, keepdim=True)
    columns = similarity.topk(k, dim=0, sorted=False).values.mean(0, keepdim=True)
    return similarity - rows / 2 - columns / 2


def csls_cosine(similarity: Tensor) -> float:
    """MUSE's criterion (Conneau et al., 2018): the mean cosine of each word and its best by CSLS.

    similarity: (N, M) cosines.
    """
    chosen = half_csls(similarity).argmax(1, keepdim=True)
    return float(similarity.gather(1, chosen).mean())


def zscore(scores: Tensor) -> Tensor:
    """(N, M) of mean 0 and deviation 1, so that a sharpness means the same for every strategy."""
    return (scores - scores.mean()) / scores.std().clamp_min(1e-12)


def similarity_profiles(x: Tensor, z: Tensor) -> Tensor:
    """How alike the words of both sides are by their sorted similarities to their own language.

    The start of VecMap (Artetxe, Labaka and Agirre, 2018): order does not matter, so no seed is needed.
    x: (N, features), z: (N, features). Returns (N, N) scaled cosines.
    """
    a, b = (normalize((rows @ rows.T).sort(1).values, dim=1) for rows in (x, z))
    return half_csls(a @ b.T)


def sinkhorn(scores: Tensor, sharpness: float, rounds: int = 8) -> Tensor:
    """The doubly stochastic matching that prefers high ``scores``, as much as ``sharpness`` says.

    scores: (N, N). Returns exp(sharpness scores) with rows and columns scaled to sum to 1 (Sinkhorn, 1967).
    """
    kernel = (sharpness * (scores - scores.max())).exp().clamp_min(1e-30)
    column = torch.ones_like(kernel[0])
    for _ in range(rounds):
        row = 1 / (kernel @ column)
        column = 1 / (kernel.T @ row)
    return row[:, None] * kernel * column


def reweight_spectrum(space: WordSpace, words: int, spectrum: float) -> Tensor:
    """The vectors of the most frequent words with the spread of their principal axes made steeper.

    A map is found by the few directions that differ most from one another; fitting it wants them all alike,
    and word vectors are made for fitting. So each principal axis of the centred vectors of all words is
    stretched by its standard deviation to the power of ``spectrum``; 0 leaves the vectors as they are. It
    does not depend on how the space is turned. Returns (words, dim) unit rows, centred.
    """
    centred = space.vectors - space.vectors.mean(0)
    variances, axes = torch.linalg.eigh((centred.T @ centred).double() / len(centred))
    variances, axes = variances.flip(0).clamp_min(0), axes.flip(1)
    stretch = (variances / variances[0].clamp_min(1e-30)) ** (spectrum / 2)
    return normalise(space.vectors[:words] @ (axes * stretch).to(space.vectors))


def frequency_score(source: WordSpace, target: WordSpace, words: int) -> Tensor:
    """Minus the squared difference of standardised log frequencies, (words, words)."""
    x, y = (zscore(space.frequencies[:words].log()).float() for space in (source, target))
    return -((x[:, None] - y[None, :]) ** 2)


def matched_words(source: WordSpace, target: WordSpace, words: int) -> int:
    """How many of the most frequent words both sides have, at most ``words``.

    Raises `BadInput` for fewer than 20, or when the vectors are not of one dimension.
    """
    size = min(words, len(source.words), len(target.words))
    if size < 20:
        raise BadInput(f"{source.lang} and {target.lang} have {size} words to match, too few: give more text")
    if source.vectors.shape[1] != target.vectors.shape[1]:
        shapes = f"{source.vectors.shape[1]} and {target.vectors.shape[1]}"
        raise BadInput(
            f"the vectors of {source.lang} and {target.lang} have {shapes} dimensions: make them equal"
        )
    return size


def alignment_of(
    scores: Tensor,
    source: WordSpace,
    target: WordSpace,
    history: Sequence[Mapping[str, float]],
    candidates: int,
    widening: Refinement | None,
    generator: Generator,
) -> Alignment:
    """What (N, N) ``scores`` between the N most frequent words say, widened to all words if asked for.

    Without a widening the vectors are those of the N words, the source turned to fit the mutual best pairs.
    Raises `BadInput` when no two words choose each other.
    """
    pairs = mutual_best(scores)
    if len(pairs) < 2:
        raise BadInput(f"{source.lang} and {target.lang}: no two words choose each other; give more text")
    last = history[-1].get("similarity", math.nan) if history else math.nan
    verdict = Verdict("doubtful", last, math.nan, _ALONE)
    if widening is not None:
        wide = widening.refine(source, target, pairs, generator)
        told = (*history, *wide.history)
        return Alignment(wide.source, wide.target, wide.lexicon, wide.reverse, told, verdict)
    size = len(scores)
    x, z = normalise(source.vectors[:size]), normalise(target.vectors[:size])
    turned = x @ procrustes(x[pairs[:, 0]], z[pairs[:, 1]])
    sides = source.words[:size], target.words[:size]
    return Alignment(
        Embeddings(sides[0], turned),
        Embeddings(sides[1], z),
        lexicon_of(sides[0], sides[1], scores, candidates),
        lexicon_of(sides[1], sides[0], scores.T, candidates),
        tuple(history),
        verdict,
    )


def lexicon_of(words: tuple[str, ...], others: tuple[str, ...], scores: Tensor, candidates: int) -> Lexicon:
    """The best ``candidates`` of each row of ``scores`` (words, others)."""
    found = scores.topk(min(candidates, scores.shape[1]), dim=1)
    return Lexicon(words, others, found.indices, (found.values / 0.05).softmax(1))

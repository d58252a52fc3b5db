"""Soft and hard matching of two vocabularies by scores; functions that several strategies share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from umt.align import Alignment, Verdict
from umt.align.linear_maps import procrustes
from umt.align.refinement import Refinement
from umt.embeddings.lexicon import Lexicon
from umt.embeddings.wordspace import Embeddings, WordSpace, normalise
from umt.types import BadInput

_UNJUDGED = "one run has no other to be compared with: aligner=restarts compares several"


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
    """(N, M) of mean 0 and deviation 1, so that an inverse temperature means the same for every strategy."""
    return (scores - scores.mean()) / scores.std().clamp_min(1e-12)


def similarity_profiles(x: Tensor, z: Tensor) -> Tensor:
    """How alike the words of both sides are by their sorted similarities to their own language.

    The start of VecMap (Artetxe, Labaka and Agirre, 2018): order does not matter, so no seed is needed.
    x: (N, features), z: (N, features). Returns (N, N) scaled cosines.
    """
    a, b = (normalize((rows @ rows.T).sort(1).values, dim=1) for rows in (x, z))
    return half_csls(a @ b.T)


def sinkhorn(scores: Tensor, inverse_temperature: float, rounds: int = 8) -> Tensor:
    """The doubly stochastic matching that maximises (N, N) ``scores`` with entropy (Sinkhorn, 1967).

    Returns exp(inverse_temperature scores) with rows and columns scaled to sum to 1.
    """
    kernel = (inverse_temperature * (scores - scores.max())).exp().clamp_min(1e-30)
    column = torch.ones_like(kernel[0])
    for _ in range(rounds):
        row = 1 / (kernel @ column)
        column = 1 / (kernel.T @ row)
    return row[:, None] * kernel * column


def reweight_spectrum(space: WordSpace, words: int, spectrum: float) -> Tensor:
    """The vectors of the most frequent words with each principal axis scaled by a power of its deviation.

    An unsupervised matching depends on the few directions of largest variance, whereas fitting a map on known
    pairs wants a flat spectrum, for which word vectors are made. So each principal axis of the centred
    vectors of all words is scaled by its standard deviation to the power of ``spectrum``. Invariant to
    rotations, scaling and shifts of the space. Returns (words, dim) unit rows, centred.
    """
    deviations = space.principal.std(0)
    stretch = (deviations / deviations[0].clamp_min(1e-15)) ** spectrum
    return normalise(space.principal[:words] * stretch)


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
    refinement: Refinement | None,
    generator: Generator,
) -> Alignment:
    """The alignment of (N, N) ``scores`` between the N most frequent words, refined to all words.

    With ``refinement`` None the vectors are those of the N words, the source rotated to fit the mutual best
    pairs. Raises `BadInput` when fewer than two pairs are mutual best.
    """
    pairs = mutual_best(scores)
    if len(pairs) < 2:
        raise BadInput(
            f"{source.lang} and {target.lang}: no two words are each other's best match: give more text"
        )
    last = history[-1].get("similarity", math.nan) if history else math.nan
    verdict = Verdict("not judged", last, math.nan, _UNJUDGED)
    if refinement is not None:
        shared = refinement.refine(source, target, pairs, generator)
        rounds = (*history, *shared.history)
        return Alignment(shared.source, shared.target, shared.lexicon, shared.reverse, rounds, verdict)
    size = len(scores)
    x, z = source.normalised[:size], target.normalised[:size]
    rotated = x @ procrustes(x[pairs[:, 0]], z[pairs[:, 1]])
    sides = source.words[:size], target.words[:size]
    return Alignment(
        Embeddings(sides[0], rotated),
        Embeddings(sides[1], z),
        lexicon_of(sides[0], sides[1], scores, candidates),
        lexicon_of(sides[1], sides[0], scores.T, candidates),
        tuple(history),
        verdict,
    )


def mutual_words(
    alignment: Alignment, source: WordSpace | Embeddings, target: WordSpace | Embeddings
) -> Tensor:
    """(pairs, 2) rows in two spaces of the words that are each other's best candidate in both lexicons.

    In the order of the lexicon; words that a space lacks are left out.
    """
    lexicon, reverse = alignment.lexicon, alignment.reverse_lexicon
    best_source = dict(zip(reverse.source, reverse.candidates[:, 0].tolist(), strict=True))
    pairs = []
    for word, best in zip(lexicon.source, lexicon.candidates[:, 0].tolist(), strict=True):
        translation = lexicon.target[best]
        known = word in source.index and translation in target.index and translation in best_source
        if known and reverse.target[best_source[translation]] == word:
            pairs.append((source.index[word], target.index[translation]))
    return torch.tensor(pairs, dtype=torch.int64).view(-1, 2)


def lexicon_of(words: tuple[str, ...], others: tuple[str, ...], scores: Tensor, candidates: int) -> Lexicon:
    """The best ``candidates`` of each row of ``scores`` (words, others)."""
    best = scores.topk(min(candidates, scores.shape[1]), dim=1)
    return Lexicon(words, others, best.indices, (best.values / 0.05).softmax(1))

"""Re-ranking of translation candidates by transliteration: names are often written as they sound.

The transducer (`umt.align.transliteration`) is trained without a table of sounds: among the pairs that the
vectors suggest, those that it scores higher than nearly all random pairs are taken as transliterations, and
train it further. Its log likelihood ratio is then added to the CSLS scores of all candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import isotonic_regression
from torch import Tensor

from umt.align.transliteration import Romanised, Transducer
from umt.embeddings.lexicon import fit_temperature
from umt.embeddings.retrieval import Neighbours, mutual
from umt.embeddings.wordspace import WordSpace
from umt.runtime.validate import require
from umt.types import F64, I64

_SHIFTS = 10
"""Random pairs for every pair: the others' partners, so many places further."""
_RIDGE = 0.01
"""Of the mean eigenvalue that unit vectors have."""
_SELDOM = 0.01
"""Lowest probability that a word is a name, as a share of the mean over all words."""
_OFTEN = 0.9
"""Highest probability that a word is a name."""
_FOLDS = 5
_ENOUGH = 20
"""Fewer certain transliterations than this do not train a transducer."""


class TransliterationModel(NamedTuple):
    """A transducer and its training pairs.

    spelled: (n,) the pairs of which both words have letters. weights: (n,) probability that each is a
    transliteration.
    """

    transducer: Transducer
    spelled: I64
    weights: F64


@dataclass(frozen=True)
class TransliterationReranker:
    """Candidates re-ranked by CSLS score and transliteration evidence.

    candidates: how many of each word, the best by the vectors, are re-ranked.
    min_confidence: a pair trains the transducer from this probability of being no chance pair on.
    rounds: of expectation-maximisation.
    weight: of the log likelihood ratio, below 1 because letters are not independent of one another.
    """

    candidates: int = 100
    min_confidence: float = 0.8
    rounds: int = 20
    weight: float = 0.7

    def __post_init__(self) -> None:
        require(self, positive="candidates rounds weight", within={"min_confidence": "(0, 1)"})

    def rerank(
        self, source: WordSpace, target: WordSpace, forward: Neighbours, backward: Neighbours
    ) -> tuple[Neighbours, Neighbours]:
        """The neighbours of both sides with the evidence added to their scores, best first.

        A score is worth as many nats as the temperature says at which the two directions predict each other
        (`fit_temperature`). Done twice: the better pairs of the first pass train the second. Where too few
        pairs are certain transliterations, the neighbours are returned unchanged.
        """
        romanised = Romanised.read(source.words, source.lang), Romanised.read(target.words, target.lang)
        vectors = source.normalised, target.normalised
        temperatures = fit_temperature(forward, backward), fit_temperature(backward, forward)
        new_forward, new_backward = forward, backward
        for _ in range(2):
            pairs = mutual(new_forward, new_backward).numpy()
            model = self.learn(*romanised, pairs[:, 0], pairs[:, 1])
            if model is None:
                return forward, backward
            reranked = []
            for side, near in enumerate((forward, backward)):
                rows = np.repeat(np.arange(len(near.indices)), near.indices.shape[1])
                others = near.indices.numpy().ravel()
                ratio = model.transducer.log_likelihood_ratio(
                    *romanised, *((rows, others), (others, rows))[side]
                )
                shares = _name_probability(vectors[side], pairs[model.spelled, side], model.weights)[rows]
                # log(1 - share + share e^ratio): how much likelier the spelling makes a candidate
                bonus = np.logaddexp(np.log1p(-shares), np.log(shares) + self.weight * ratio)
                reranked.append(_ranked(near, temperatures[side] * bonus.reshape(near.indices.shape)))
            new_forward, new_backward = reranked
        return new_forward, new_backward

    def learn(
        self, source: Romanised, target: Romanised, rows: I64, columns: I64
    ) -> TransliterationModel | None:
        """A transducer from suggested pairs; None: too few are transliterations."""
        spelled = np.flatnonzero((source.lengths[rows] > 0) & (target.lengths[columns] > 0))
        rows, columns = rows[spelled], columns[spelled]
        if len(rows) < _ENOUGH:
            return None
        shifts = [np.roll(columns, (shift + 1) * len(rows) // (_SHIFTS + 1)) for shift in range(_SHIFTS)]
        chance = np.tile(rows, _SHIFTS), np.concatenate(shifts)
        transducer = Transducer.start(source, target, rows, columns)
        for _ in range(self.rounds):
            ratio = transducer.log_likelihood_ratio(source, target, rows, columns)
            weights = _true_pair_rate(ratio, transducer.log_likelihood_ratio(source, target, *chance))
            weights[weights < self.min_confidence] = 0
            if weights.sum() < _ENOUGH:
                return None
            transducer = transducer.em_step(source, target, rows, columns, weights)
        return TransliterationModel(transducer, spelled, weights)


def _true_pair_rate(candidates: F64, chance: F64) -> F64:
    """(found,) the share of the pairs as much alike as each that chance does not explain.

    1 - p(score by chance) / p(score found), rising with the score (isotonic regression): what is left of a
    local false discovery rate.
    """
    scores = np.concatenate([candidates, chance])
    labels = np.repeat([1.0, 0.0], [len(candidates), len(chance)])
    weights = np.repeat([1 / len(candidates), 1 / len(chance)], [len(candidates), len(chance)])
    order = np.argsort(scores, kind="stable")
    rising = isotonic_regression(labels[order], weights=weights[order]).x
    odds = np.empty(len(scores))
    odds[order] = (1 - rising) / np.maximum(rising, 1e-12)
    return np.maximum(0, 1 - odds[: len(candidates)])


def _name_probability(vectors: Tensor, rows: I64, weights: F64) -> F64:
    """(words,) probability that each word is a name, by ridge regression on its vector.

    A pair that does not sound alike may hold a name all the same, matched wrongly, so the regression is too
    low by a factor: its mean prediction for transliterations that it was not fitted on (Elkan and Noto, 2008,
    "Learning classifiers from only positive and unlabeled data").
    """
    labels, base = torch.from_numpy(weights), float(weights.mean())
    centred = vectors.double() - vectors[rows].double().mean(0)
    features, fold = centred[rows], torch.arange(len(rows)) % _FOLDS
    predicted_unseen = torch.zeros_like(labels)
    for held_out in range(_FOLDS):
        slopes = _regression(features[fold != held_out], labels[fold != held_out] - base)
        predicted_unseen[fold == held_out] = base + features[fold == held_out] @ slopes
    factor = max(base, float(predicted_unseen @ labels / labels.sum()))
    predicted = (base + centred @ _regression(features, labels - base)) / factor
    return np.asarray(predicted.clamp(_SELDOM * base, _OFTEN))


def _regression(features: Tensor, labels: Tensor) -> Tensor:
    dim = features.shape[1]
    square = features.T @ features + _RIDGE * len(features) / dim * torch.eye(dim)
    slopes: Tensor = torch.linalg.solve(square, features.T @ labels)
    return slopes


def _ranked(near: Neighbours, bonus: F64) -> Neighbours:
    scores = near.scores + torch.from_numpy(bonus).to(near.scores)
    order = scores.argsort(dim=1, descending=True, stable=True)
    return Neighbours(near.indices.gather(1, order), scores.gather(1, order))

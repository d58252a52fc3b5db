"""Names tell: words that are likely translations and sound alike are translations more likely still.

Which letters sound alike nobody says. Among the pairs that the vectors suggest, those that a transducer
finds more alike than nearly all pairs put together at random are transliterations; they teach the transducer,
and so on. What it then says of any pair is evidence beside that of the vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import isotonic_regression
from torch import Tensor

from umt.align.linear_maps import normalise
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
"""Of the share of all words that is written by ear, what any word has at least."""
_OFTEN = 0.9
"""What any word has at most."""
_FOLDS = 5
_ENOUGH = 20
"""Fewer pairs that surely sound alike teach nothing."""


class TransliterationModel(NamedTuple):
    """What pairs taught; ``told``: which of them have letters, ``weights``: how surely they sound alike."""

    transducer: Transducer
    told: I64
    weights: F64


@dataclass(frozen=True)
class TransliterationReranker:
    """Candidates ranked anew by their scores and by how they sound.

    candidates: how many of each word, the best by the vectors, are listened to.
    certain: a pair teaches if so large a share of the pairs as alike as it are more than chance has.
    rounds: of expectation-maximisation.
    weight: of the evidence, which is overconfident: letters do not come independently of one another.
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
        """The neighbours of both sides with sound added to their scores, best first.

        A score is worth as many nats as the temperature says at which scores predict one another
        (`temperature_of`). Twice: the better pairs of the first time teach the second. Where no pairs surely
        sound alike, the neighbours come back as they are.
        """
        ears = Romanised.read(source.words, source.lang), Romanised.read(target.words, target.lang)
        company = normalise(source.vectors), normalise(target.vectors)
        heats = fit_temperature(forward, backward), fit_temperature(backward, forward)
        there, back = forward, backward
        for _ in range(2):
            pairs = mutual(there, back).numpy()
            heard = self.learn(*ears, pairs[:, 0], pairs[:, 1])
            if heard is None:
                return forward, backward
            found = []
            for side, near in enumerate((forward, backward)):
                rows = np.repeat(np.arange(len(near.indices)), near.indices.shape[1])
                others = near.indices.numpy().ravel()
                told = heard.transducer.log_likelihood_ratio(*ears, *((rows, others), (others, rows))[side])
                shares = _name_probability(company[side], pairs[heard.told, side], heard.weights)[rows]
                # log(1 - share + share e^told): how much likelier sound makes a candidate
                more = np.logaddexp(np.log1p(-shares), np.log(shares) + self.weight * told)
                found.append(_ranked(near, heats[side] * more.reshape(near.indices.shape)))
            there, back = found
        return there, back

    def learn(
        self, source: Romanised, target: Romanised, rows: I64, columns: I64
    ) -> TransliterationModel | None:
        """A transducer from suggested pairs; None: too few sound alike."""
        told = np.flatnonzero((source.lengths[rows] > 0) & (target.lengths[columns] > 0))
        rows, columns = rows[told], columns[told]
        if len(rows) < _ENOUGH:
            return None
        shifts = [np.roll(columns, (shift + 1) * len(rows) // (_SHIFTS + 1)) for shift in range(_SHIFTS)]
        chance = np.tile(rows, _SHIFTS), np.concatenate(shifts)
        transducer = Transducer.start(source, target, rows, columns)
        for _ in range(self.rounds):
            alike = transducer.log_likelihood_ratio(source, target, rows, columns)
            weights = _true_pair_rate(alike, transducer.log_likelihood_ratio(source, target, *chance))
            weights[weights < self.min_confidence] = 0
            if weights.sum() < _ENOUGH:
                return None
            transducer = transducer.em_step(source, target, rows, columns, weights)
        return TransliterationModel(transducer, told, weights)


def _true_pair_rate(found: F64, chance: F64) -> F64:
    """(found,) the share of the pairs as much alike as each that chance does not explain.

    1 - p(score by chance) / p(score found), rising with the score (isotonic regression): what is left of a
    local false discovery rate.
    """
    scores = np.concatenate([found, chance])
    labels = np.repeat([1.0, 0.0], [len(found), len(chance)])
    weights = np.repeat([1 / len(found), 1 / len(chance)], [len(found), len(chance)])
    order = np.argsort(scores, kind="stable")
    rising = isotonic_regression(labels[order], weights=weights[order]).x
    odds = np.empty(len(scores))
    odds[order] = (1 - rising) / np.maximum(rising, 1e-12)
    return np.maximum(0, 1 - odds[: len(found)])


def _name_probability(vectors: Tensor, rows: I64, weights: F64) -> F64:
    """(words,) how likely each word is written by ear: names keep the company of names (ridge regression).

    A pair that does not sound alike may hold a name all the same, beside the wrong one, so the regression
    guesses too little everywhere, by a factor: what it guesses, on average, of pairs that do sound alike and
    that it has not seen (Elkan and Noto, 2008, "Learning classifiers from only positive and unlabeled data").
    """
    wanted, base = torch.from_numpy(weights), float(weights.mean())
    every = vectors.double() - vectors[rows].double().mean(0)
    told, fold = every[rows], torch.arange(len(rows)) % _FOLDS
    unseen = torch.zeros_like(wanted)
    for kept in range(_FOLDS):
        slopes = _regression(told[fold != kept], wanted[fold != kept] - base)
        unseen[fold == kept] = base + told[fold == kept] @ slopes
    factor = max(base, float(unseen @ wanted / wanted.sum()))
    guessed = (base + every @ _regression(told, wanted - base)) / factor
    return np.asarray(guessed.clamp(_SELDOM * base, _OFTEN))


def _regression(features: Tensor, wanted: Tensor) -> Tensor:
    dim = features.shape[1]
    square = features.T @ features + _RIDGE * len(features) / dim * torch.eye(dim)
    slopes: Tensor = torch.linalg.solve(square, features.T @ wanted)
    return slopes


def _ranked(near: Neighbours, more: F64) -> Neighbours:
    scores = near.scores + torch.from_numpy(more).to(near.scores)
    order = scores.argsort(dim=1, descending=True, stable=True)
    return Neighbours(near.indices.gather(1, order), scores.gather(1, order))

"""Online logistic regressions that mix the log odds of many predictions of one yes-or-no decision.

Four regressions read the same inputs, each with weights of its own for every situation that it tells apart; a
fifth weighs the four, and two curves correct the probability that comes out where such were wrong before
(Mahoney 2005: gated mixing and adaptive probability maps).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from umt.runtime.jit import inlined, jit
from umt.types import F32, F64

LENGTHS = 16  # match lengths told apart
_ORDERS = 7  # longest context orders told apart, 0 to 6
_KINDS = 8  # of which short orders were seen
_STEPS = 33  # support points of a correction curve over logits in [-8, 8], two a unit
CURVES = 1 << 16  # curves by the last symbol and the node, hashed
_SMALLEST = 1e-5  # probability of the outcome that is thought impossible: at most 17 bits a decision

_FIRST_WEIGHT = 0.15  # of every own input; many say the same, so that together they begin surer than any one
_EXPERTS_WEIGHT = 0.4  # divided by the experts: they have learned what counts must first see
_FINAL_RATE = 0.002  # of the regression over the four: all data pass it, so it may learn slowly
_OPINION = 8.0  # logits that one of the four may report to it
_CURVE_RATE, _PAIR_RATE = 0.02, 0.03  # of the correction curves; a rarer curve learns faster
_UNCORRECTED, _BY_NODE, _BY_PAIR = 0.5, 0.2, 0.3  # shares of the probability before and after correction


class Mixers(NamedTuple):
    """Weights of W inputs in four regressions, each with a row for every situation, and in one over all.

    by_match: (_ORDERS * LENGTHS, W) by the longest order that was seen before, and the length of the match.
    by_node: (alphabet, W).  by_depth: (depths * _KINDS, W) by depth and by which short orders were seen.
    by_last: (alphabet, W) by the symbol before.  final: (_ORDERS * depths, 4) by the longest order and depth.
    """

    by_match: F64
    by_node: F64
    by_depth: F64
    by_last: F64
    final: F64


class Curves(NamedTuple):
    """Corrections of a probability, interpolated over its logit.

    by_node: (alphabet, _STEPS).  by_pair: (CURVES, _STEPS) by the last symbol and the node.
    """

    by_node: F32
    by_pair: F32


class Situation(NamedTuple):
    """What is known of a decision before it is taken: the rows of all tables that predict it.

    order: the longest context order seen before.  kind: in 0..7, which short orders were seen.
    match: the length of the match where that predicts this decision, else 0.  pair: the row of
    `Curves.by_pair`.
    """

    depth: int
    node: int
    last: int
    order: int
    kind: int
    match: int
    pair: int


class Mixture(NamedTuple):
    """Logits of the four regressions and of the one over them; the probability that it all comes to.

    low, share: the place of the last logit on a correction curve, and how far it is beyond.
    """

    first: float
    second: float
    third: float
    fourth: float
    logit: float
    chance: float
    low: int
    share: float


@jit
def _squash(logit: float) -> float:
    return 1.0 / (1.0 + np.exp(-min(max(logit, -20.0), 20.0)))  # type: ignore[no-any-return]


@jit
def empty_curves(number: int) -> F32:
    """Correction curves that correct nothing yet: (number, _STEPS)."""
    curves = np.zeros((number, _STEPS), np.float32)
    for step in range(_STEPS):
        curves[0, step] = _squash((step - 16) / 2.0)
    curves[1:] = curves[0]
    return curves


@jit
def empty_mixers(alphabet: int, depths: int, own: int, experts: int) -> Mixers:
    """Regressions on ``own`` inputs and those of ``experts`` that have seen nothing."""
    width = own + experts
    mixers = Mixers(
        np.full((_ORDERS * LENGTHS, width), _FIRST_WEIGHT),
        np.full((alphabet, width), _FIRST_WEIGHT),
        np.full((depths * _KINDS, width), _FIRST_WEIGHT),
        np.full((alphabet, width), _FIRST_WEIGHT),
        np.full((_ORDERS * depths, 4), 1 / 4),
    )
    for weights in (mixers.by_match, mixers.by_node, mixers.by_depth, mixers.by_last):
        weights[:, own:] = _EXPERTS_WEIGHT / max(experts, 1)
    return mixers


@inlined
def mix(situation: Situation, inputs: F64, mixers: Mixers, curves: Curves) -> Mixture:
    """The probability that a decision is 1: four regressions on ``inputs`` (W,), one on those, two curves."""
    by_match = mixers.by_match[situation.order * LENGTHS + situation.match]
    by_node, by_last = mixers.by_node[situation.node], mixers.by_last[situation.last]
    by_depth = mixers.by_depth[situation.depth * _KINDS + situation.kind]
    first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    for index in range(len(inputs)):
        first += by_match[index] * inputs[index]
        second += by_node[index] * inputs[index]
        third += by_depth[index] * inputs[index]
        fourth += by_last[index] * inputs[index]
    final = mixers.final[_final_row(situation, mixers)]
    logit = final[0] * first + final[1] * second + final[2] * third + final[3] * fourth
    position = (min(max(logit, -7.999), 7.999) + 8) * 2
    low = int(position)
    share = position - low
    node, pair = curves.by_node[situation.node], curves.by_pair[situation.pair]
    chance = _UNCORRECTED * _squash(logit)
    chance += _BY_NODE * (node[low] * (1 - share) + node[low + 1] * share)
    chance += _BY_PAIR * (pair[low] * (1 - share) + pair[low + 1] * share)
    chance = min(max(chance, _SMALLEST), 1 - _SMALLEST)
    return Mixture(first, second, third, fourth, logit, chance, low, share)


@jit
def _final_row(situation: Situation, mixers: Mixers) -> int:
    return situation.order * (len(mixers.by_depth) // _KINDS) + situation.depth


@inlined
def update_curves(bit: int, situation: Situation, mixture: Mixture, curves: Curves) -> None:
    """Move the two curves that corrected towards ``bit``, at the support points that were used."""
    node, pair = curves.by_node[situation.node], curves.by_pair[situation.pair]
    for step, part in ((mixture.low, 1 - mixture.share), (mixture.low + 1, mixture.share)):
        node[step] += (bit - node[step]) * _CURVE_RATE * part
        pair[step] += (bit - pair[step]) * _PAIR_RATE * part


@inlined
def update_mixers(
    bit: int, rate: float, situation: Situation, mixture: Mixture, inputs: F64, mixers: Mixers
) -> None:
    """A step of gradient descent on the log loss of each regression by itself."""
    final = mixers.final[_final_row(situation, mixers)]
    step = _FINAL_RATE * (bit - _squash(mixture.logit))
    for index, opinion in enumerate((mixture.first, mixture.second, mixture.third, mixture.fourth)):
        final[index] += step * min(max(opinion, -_OPINION), _OPINION)
    by_match = mixers.by_match[situation.order * LENGTHS + situation.match]
    by_node, by_last = mixers.by_node[situation.node], mixers.by_last[situation.last]
    by_depth = mixers.by_depth[situation.depth * _KINDS + situation.kind]
    first, second = bit - _squash(mixture.first), bit - _squash(mixture.second)
    third, fourth = bit - _squash(mixture.third), bit - _squash(mixture.fourth)
    for index in range(len(inputs)):
        step = rate * inputs[index]
        by_match[index] += first * step
        by_node[index] += second * step
        by_depth[index] += third * step
        by_last[index] += fourth * step

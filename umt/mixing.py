"""A counting coder: how many bits a stream of symbols takes when contexts are counted as they pass.

Context mixing in the manner of PAQ (Mahoney 2005): every symbol is a path of yes-or-no decisions down a
prefix code (`umt.prefix_code`), each context that the decision stands in predicts it from what followed that
context before, and an online logistic regression mixes the predictions, among them those of a neural network
where one is given. Nothing is learned before the first symbol and nothing but the past is used: a decoder
that repeats the steps gets the symbols back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from umt.compiled import compiled
from umt.prefix_code import PrefixCode

Longs = NDArray[np.int64]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

CONTEXTS = 13
_OWN = 2 * CONTEXTS + 2  # inputs without experts: two a context, the longest match, a constant
_COUNTS = 48  # recent zeros and ones are counted up to here
_LENGTHS = 16  # match lengths told apart
_STEPS = 33  # support points of a correction curve over logits in [-8, 8]
_MATCHES = 1 << 20
_CURVES = 1 << 16
_SMALLEST = 1e-5


def code(
    symbols: Longs, tree: PrefixCode, starts: NDArray[np.bool_], experts: Sequence[Floats] = ()
) -> Doubles:
    """Bits that each symbol takes: (symbols,), all of them decodable in order.

    starts: (alphabet,) whether a word begins with this symbol.
    experts: each (decisions,), another model's log odds that the decision is 1, for every decision of every
        symbol in turn (`PrefixCode.lengths` of them each), made without seeing the symbol.
    Raises ValueError when there are more or fewer of them than decisions.
    """
    decisions = int(tree.lengths[symbols].sum())
    for expert in experts:
        if len(expert) != decisions:
            raise ValueError(f"{decisions} decisions need as many expert log odds, got {len(expert)}")
    bits = np.zeros(len(symbols))
    slots = 1 << min(22, max(12, (4 * decisions).bit_length()))
    _code(
        symbols.astype(np.int64),
        tree.lengths,
        tree.nodes,
        tree.bits,
        starts,
        np.array(experts, np.float32).reshape(len(experts), decisions).T.copy(),
        np.zeros((CONTEXTS, slots), np.int64),
        bits,
    )
    return bits


@compiled
def _squash(logit: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-min(max(logit, -20.0), 20.0)))


@compiled
def _hash(first: Any, second: Any) -> Any:
    mixed = (first * 0x2545F4914F6CDD1D + second + 1) * 0x9E3779B97F4A7C1
    return mixed ^ (mixed >> 29)


# A slot holds what followed one context at one decision: 16 bits of check, 16 of probability, 8 each of the
# occurrences, the recent zeros and the recent ones.


@compiled
def _slot(slots: Any, key: Any) -> Any:
    """Where ``key`` is counted: its slot, or one of three neighbours on the same cache line, made empty."""
    check = max((key >> 40) & 0xFFFF, 1)
    first = key & (len(slots) - 1)
    rarest, fewest = first, 1 << 20
    for step in range(3):
        place = first ^ step
        if slots[place] & 0xFFFF == check:
            return place
        count = (slots[place] >> 32) & 0xFF if slots[place] else -1
        if count < fewest:
            rarest, fewest = place, count
    slots[rarest] = check | (0x8000 << 16)
    return rarest


@compiled
def _seen(slot: Any, bit: Any, rates: Any) -> Any:
    """The slot after one more decision."""
    probability, count = ((slot >> 16) & 0xFFFF) / 65536.0, (slot >> 32) & 0xFF
    zeros, ones = (slot >> 40) & 0xFF, (slot >> 48) & 0xFF
    probability += (bit - probability) * rates[count]
    probability = min(max(probability, 0.0005), 0.9995)
    # A surprise halves what spoke against it: recent evidence counts more.
    if bit:
        ones, zeros = min(ones + 1, _COUNTS - 1), zeros if zeros < 3 else zeros // 2 + 1
    else:
        zeros, ones = min(zeros + 1, _COUNTS - 1), ones if ones < 3 else ones // 2 + 1
    count = min(count + 1, 250)
    return (
        (slot & 0xFFFF)
        | (np.int64(probability * 65536.0) << 16)
        | (count << 32)
        | (zeros << 40)
        | (ones << 48)
    )


@compiled
def _bucket(count: Any) -> Any:
    return count if count < 5 else 5 + (count > 7) + (count > 15) + (count > 40) + (count > 120)


@compiled
def _curves(number: Any) -> Any:
    """Correction curves that correct nothing yet: (number, steps)."""
    curves = np.zeros((number, _STEPS), np.float32)
    for step in range(_STEPS):
        curves[0, step] = _squash((step - 16) / 2.0)
    curves[1:] = curves[0]
    return curves


@compiled
def _code(
    symbols: Any, lengths: Any, nodes: Any, bits: Any, starts: Any, experts: Any, slots: Any, out: Any
) -> None:
    logits = np.log((np.arange(4096) + 0.5) / (4095.5 - np.arange(4096)))
    rates = 1.0 / (np.arange(256) + 1.4)
    calibrated = np.zeros((CONTEXTS, _COUNTS, _COUNTS), np.float32)  # p(1 | recent zeros and ones)
    for zeros in range(_COUNTS):
        for ones in range(_COUNTS):
            calibrated[:, zeros, ones] = (ones + 0.4) / (zeros + ones + 0.8)
    trust = np.array([0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1])
    depths, said_by_others = nodes.shape[1], experts.shape[1]
    width = _OWN + said_by_others
    # Four regressions, each with weights of its own for every situation it tells apart; a fifth weighs all.
    by_match = np.full((7 * _LENGTHS, width), 0.15)
    by_node = np.full((len(lengths), width), 0.15)
    by_depth = np.full((depths * 8, width), 0.15)
    by_last = np.full((len(lengths), width), 0.15)
    of_four = np.full((7 * depths, 4), 1 / 4)
    agreed = np.full(_LENGTHS, 0.6)  # how often a match of this length predicts well
    of_node, of_pair = _curves(len(lengths)), _curves(_CURVES)
    last = np.full(_MATCHES, -1, np.int64)
    inputs, places, contexts = np.zeros(width), np.zeros(CONTEXTS, np.int64), np.zeros(CONTEXTS, np.int64)
    word, before, earlier, match, matched, decision = 0, 0, 0, -1, 0, 0
    for weights in (by_match, by_node, by_depth, by_last):
        weights[:, _OWN:] = 0.4 / max(said_by_others, 1)
    for time in range(len(symbols)):
        symbol = symbols[time]
        context = 0
        contexts[0] = 0
        for order in range(1, 7):
            context = _hash(context, symbols[time - order] if time >= order else 0)
            contexts[order] = context
        one = symbols[time - 1] if time > 0 else 0
        two = symbols[time - 2] if time > 1 else 0
        three = symbols[time - 3] if time > 2 else 0
        contexts[7] = _hash(word, before)
        contexts[8] = _hash(contexts[7], earlier)
        contexts[9] = two
        contexts[10] = _hash(two, three)
        contexts[11] = _hash(word, earlier)
        contexts[12] = _hash(one, before)
        matched = matched + 1 if matched and symbols[match] == one else 0
        match += 1
        key = (contexts[4] >> 7) & (_MATCHES - 1)
        if not matched and last[key] >= 0:
            match = last[key]
            while (
                matched < 32
                and match > matched
                and symbols[match - 1 - matched] == symbols[time - 1 - matched]
            ):
                matched += 1
            matched = matched if matched > 2 else 0
        last[key] = time
        guess = symbols[match] if matched else -1
        spent = 0.0
        rate = 0.002 + 0.018 / (1 + time / 4000)
        for depth in range(lengths[symbol]):
            node, bit = nodes[symbol, depth], bits[symbol, depth]
            known = 0
            for each in range(CONTEXTS):
                place = _slot(slots[each], _hash(contexts[each] + each * 0x632BE59BD9B4E019, node))
                places[each] = place
                slot = slots[each, place]
                count = (slot >> 32) & 0xFF
                inputs[2 * each] = inputs[2 * each + 1] = 0.0
                if count:
                    known = each if each < 7 else known
                    chance = calibrated[each, (slot >> 40) & 0xFF, (slot >> 48) & 0xFF]
                    inputs[2 * each] = logits[int(chance * 4096)]
                    inputs[2 * each + 1] = logits[(slot >> 20) & 0xFFF] * trust[_bucket(count)]
            follows = guess >= 0 and depth < lengths[guess] and nodes[guess, depth] == node
            length = min(matched, _LENGTHS - 1) if follows else 0
            sure = logits[int(agreed[length] * 4096)]
            inputs[_OWN - 2] = (sure if bits[guess, depth] else -sure) if follows else 0.0
            inputs[_OWN - 1] = 0.3
            for each in range(said_by_others):
                inputs[_OWN + each] = experts[decision, each]
            decision += 1
            first = by_match[known * _LENGTHS + length]
            second = by_node[node]
            often = (slots[1, places[1]] >> 32) & 0xFF > 3
            kind = (
                4 * often
                + 2 * ((slots[3, places[3]] >> 32) & 0xFF > 0)
                + ((slots[2, places[2]] >> 32) & 0xFF > 0)
            )
            third = by_depth[depth * 8 + kind]
            fourth = by_last[one]
            a, b, c, d = 0.0, 0.0, 0.0, 0.0
            for each in range(width):
                a += first[each] * inputs[each]
                b += second[each] * inputs[each]
                c += third[each] * inputs[each]
                d += fourth[each] * inputs[each]
            fifth = of_four[known * depths + depth]
            logit = fifth[0] * a + fifth[1] * b + fifth[2] * c + fifth[3] * d
            position = (min(max(logit, -7.999), 7.999) + 8) * 2
            low = int(position)
            share = position - low
            curve, other = of_node[node], of_pair[(_hash(contexts[1], node) >> 5) & (_CURVES - 1)]
            chance = 0.5 * _squash(logit)
            chance += 0.2 * (curve[low] * (1 - share) + curve[low + 1] * share)
            chance += 0.3 * (other[low] * (1 - share) + other[low + 1] * share)
            chance = min(max(chance, _SMALLEST), 1 - _SMALLEST)
            spent -= np.log2(chance if bit else 1 - chance)
            for step, part in ((low, 1 - share), (low + 1, share)):
                curve[step] += (bit - curve[step]) * 0.02 * part
                other[step] += (bit - other[step]) * 0.03 * part
            wrong = 0.002 * (bit - _squash(logit))
            for each, said in enumerate((a, b, c, d)):
                fifth[each] += wrong * min(max(said, -8.0), 8.0)
            a, b = bit - _squash(a), bit - _squash(b)
            c, d = bit - _squash(c), bit - _squash(d)
            for each in range(width):
                step_size = rate * inputs[each]
                first[each] += a * step_size
                second[each] += b * step_size
                third[each] += c * step_size
                fourth[each] += d * step_size
            if follows:
                agreed[length] += ((bits[guess, depth] == bit) - agreed[length]) * 0.005
            for each in range(CONTEXTS):
                slot = slots[each, places[each]]
                zeros, ones = (slot >> 40) & 0xFF, (slot >> 48) & 0xFF
                if (slot >> 32) & 0xFF:
                    chance = calibrated[each, zeros, ones]
                    chance += (bit - chance) * 0.01
                    calibrated[each, zeros, ones] = min(max(chance, 0.0005), 0.9995)
                slots[each, places[each]] = _seen(slot, bit, rates)
        out[time] = spent
        if starts[symbol]:
            word, before, earlier = _hash(12345, symbol), word, before
        else:
            word = _hash(word, symbol)

"""A counting coder: how many bits a stream of symbols takes when contexts are counted as they pass.

Context mixing in the manner of PAQ (Mahoney 2005): every symbol is a path of yes-or-no decisions down a
prefix code (see `prefix_code`), each context that the decision stands in predicts it from what
followed that context before, and an online logistic regression mixes the predictions, among them those of a
neural network where one is given. Nothing is learned before the first symbol and nothing but the past is
used: a decoder that repeats the steps gets the symbols back.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from umt.compression.mixing.context_counts import (
    TRUST,
    Counts,
    bucket,
    calibrate,
    counted,
    empty_counts,
    find_slot,
    mixed_hash,
    occurrences,
    recent,
)
from umt.compression.mixing.logistic_mixing import (
    CURVES,
    LENGTHS,
    Curves,
    Situation,
    empty_curves,
    empty_mixers,
    mix,
    update_curves,
    update_mixers,
)
from umt.compression.mixing.prefix_code import PrefixCode
from umt.runtime.jit import inlined, jit
from umt.types import F32, F64, I64, Bools


class Context(IntEnum):
    """What a decision may depend on, beside the node of the prefix code where it is taken."""

    NOTHING = 0
    ONE = 1  # the last symbol
    TWO = 2  # the last two
    THREE = 3
    FOUR = 4
    FIVE = 5
    SIX = 6
    WORD_BEFORE = 7  # the word so far and the one before it
    TWO_WORDS_BEFORE = 8  # the word so far and two before it
    SECOND_LAST = 9  # the last symbol but one, as if the last were open
    SECOND_AND_THIRD_LAST = 10
    WORD_AND_EARLIER = 11  # the word so far and the last word but one
    LAST_AND_WORD_BEFORE = 12  # the last symbol and the word before


_CONTEXTS = len(Context)
_LONGEST_ORDER = int(Context.SIX)
_MATCH, _CONSTANT = 2 * _CONTEXTS, 2 * _CONTEXTS + 1  # inputs after the two of every context
_OWN = 2 * _CONTEXTS + 2  # inputs without experts
_MATCHES = 1 << 20  # contexts of four symbols whose last place is remembered
_SHORTEST, _LONGEST = 3, 32  # symbols of a match, as far as it is measured: shorter ones are chance

_CONSTANT_INPUT = 0.3  # what learns how often a decision is 1 in the situation that a regression tells apart
_FIRST_AGREEMENT = 0.6  # how often a match is thought to predict well before one has been seen
_RATE, _EARLY_RATE = 0.002, 0.018  # of the regressions, and what is added at first: they begin with a guess
_COOLING = 4000  # symbols in which that falls by half
_AGREEMENT_RATE = 0.005  # of how often matches predict well: a mean over about 200


class _Past(NamedTuple):
    """Where the longest match was, and how far to trust one.

    last: (_MATCHES,) the last place of each context of four symbols, or -1.
    agreement: (LENGTHS,) how often the symbol after a match of this length was the next.
    """

    last: I64
    agreement: F64


def code_length(symbols: I64, tree: PrefixCode, starts: Bools, experts: Sequence[F32] = ()) -> F64:
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
        np.zeros((len(Context), slots), np.int64),
        bits,
    )
    return bits


@jit
def _code(
    symbols: I64, lengths: I64, nodes: I64, bits: I64, starts: Bools, experts: F32, slots: I64, out: F64
) -> None:
    """Write the bits that each symbol takes to ``out`` (symbols,).

    symbols: (symbols,).  lengths, nodes, bits: see `PrefixCode`.  starts: (alphabet,) see `code`.  experts:
    (decisions, experts) log odds.  slots: (contexts, 2^k) zeros, for `Counts`.
    """
    counts = empty_counts(slots)
    mixers = empty_mixers(len(lengths), nodes.shape[1], _OWN, experts.shape[1])
    curves = Curves(empty_curves(len(lengths)), empty_curves(CURVES))
    past = _Past(np.full(_MATCHES, -1, np.int64), np.full(LENGTHS, _FIRST_AGREEMENT))
    inputs = np.zeros(_OWN + experts.shape[1])
    places, contexts = np.zeros(_CONTEXTS, np.int64), np.zeros(_CONTEXTS, np.int64)
    word, before, earlier, match, matched, decision = 0, 0, 0, -1, 0, 0
    for time in range(len(symbols)):
        symbol, last = symbols[time], symbols[time - 1] if time > 0 else 0
        _set_contexts(symbols, time, word, before, earlier, contexts)
        match, matched = _longest_match(symbols, time, contexts[Context.FOUR], match, matched, past.last)
        guess = symbols[match] if matched else -1
        rate = _RATE + _EARLY_RATE / (1 + time / _COOLING)
        spent = 0.0
        for depth in range(lengths[symbol]):
            node, bit = nodes[symbol, depth], bits[symbol, depth]
            order = _read_counts(node, contexts, counts, places, inputs)
            follows = guess >= 0 and depth < lengths[guess] and nodes[guess, depth] == node
            match_bit = bits[guess, depth] if follows else 0
            match_length = min(matched, LENGTHS - 1) if follows else 0
            kind = _short_orders(counts.slots, places)
            pair = (mixed_hash(contexts[Context.ONE], node) >> 5) & (CURVES - 1)
            situation = Situation(depth, node, last, order, kind, match_length, pair)
            sure = counts.logits[int(past.agreement[match_length] * 4096)]
            inputs[_MATCH] = (sure if match_bit else -sure) if follows else 0.0
            inputs[_CONSTANT] = _CONSTANT_INPUT
            inputs[_OWN:] = experts[decision]
            decision += 1
            mixture = mix(situation, inputs, mixers, curves)
            spent -= np.log2(mixture.chance if bit else 1 - mixture.chance)
            update_curves(bit, situation, mixture, curves)
            update_mixers(bit, rate, situation, mixture, inputs, mixers)
            if follows:
                agreement = past.agreement
                agreement[match_length] += ((match_bit == bit) - agreement[match_length]) * _AGREEMENT_RATE
            _update_counts(bit, places, counts)
        out[time] = spent
        if starts[symbol]:
            word, before, earlier = mixed_hash(12345, symbol), word, before
        else:
            word = mixed_hash(word, symbol)


@jit
def _set_contexts(symbols: I64, time: int, word: int, before: int, earlier: int, contexts: I64) -> None:
    """Write the hash of every `Context` at ``time`` to ``contexts`` (contexts,).

    word, before, earlier: hashes of the word so far and of the two before it.
    """
    context = 0
    contexts[Context.NOTHING] = 0
    for order in range(1, _LONGEST_ORDER + 1):
        context = mixed_hash(context, symbols[time - order] if time >= order else 0)
        contexts[order] = context
    one = symbols[time - 1] if time > 0 else 0
    two = symbols[time - 2] if time > 1 else 0
    three = symbols[time - 3] if time > 2 else 0
    contexts[Context.WORD_BEFORE] = mixed_hash(word, before)
    contexts[Context.TWO_WORDS_BEFORE] = mixed_hash(contexts[Context.WORD_BEFORE], earlier)
    contexts[Context.SECOND_LAST] = two
    contexts[Context.SECOND_AND_THIRD_LAST] = mixed_hash(two, three)
    contexts[Context.WORD_AND_EARLIER] = mixed_hash(word, earlier)
    contexts[Context.LAST_AND_WORD_BEFORE] = mixed_hash(one, before)


@jit
def _longest_match(
    symbols: I64, time: int, context: int, match: int, matched: int, last: I64
) -> tuple[int, int]:
    """The place after what looks like the present, and how many symbols look alike; 0: there is none.

    context: hash of the last four symbols, remembered in ``last`` (`_Past`).  match, matched: the answer of
    ``time`` - 1, which is followed while it goes on to predict what comes.
    """
    one = symbols[time - 1] if time > 0 else 0
    matched = matched + 1 if matched and symbols[match] == one else 0
    match += 1
    key = (context >> 7) & (_MATCHES - 1)
    if not matched and last[key] >= 0:
        match = last[key]
        while (
            matched < _LONGEST
            and match > matched
            and symbols[match - 1 - matched] == symbols[time - 1 - matched]
        ):
            matched += 1
        matched = matched if matched >= _SHORTEST else 0
    last[key] = time
    return match, matched


@inlined
def _read_counts(node: int, contexts: I64, counts: Counts, places: I64, inputs: F64) -> int:
    """The longest order seen before at ``node``; what the slots of all contexts say there.

    places: (contexts,) gets the slots.  inputs: two a context, log odds by its recent counts and by its own
    probability, weighed by `TRUST`; 0 where nothing was seen.
    """
    longest = 0
    for context in range(_CONTEXTS):
        key = mixed_hash(contexts[context] + context * 0x632BE59BD9B4E019, node)
        place = find_slot(counts.slots[context], key)
        places[context] = place
        slot = counts.slots[context, place]
        inputs[2 * context] = inputs[2 * context + 1] = 0.0
        if occurrences(slot):
            longest = context if context <= _LONGEST_ORDER else longest
            zeros, ones = recent(slot)
            chance = counts.calibrated[context, zeros, ones]
            inputs[2 * context] = counts.logits[int(chance * 4096)]
            inputs[2 * context + 1] = counts.logits[(slot >> 20) & 0xFFF] * TRUST[bucket(occurrences(slot))]
    return longest


@jit
def _short_orders(slots: I64, places: I64) -> int:
    """Which short orders were seen: 4 the last symbol often, 2 the last three, 1 the last two."""
    often = occurrences(slots[Context.ONE, places[Context.ONE]]) > 3
    three = occurrences(slots[Context.THREE, places[Context.THREE]]) > 0
    two = occurrences(slots[Context.TWO, places[Context.TWO]]) > 0
    return 4 * often + 2 * three + two


@inlined
def _update_counts(bit: int, places: I64, counts: Counts) -> None:
    """Count ``bit`` in the slots at ``places`` (contexts,), and what their counts meant."""
    for context in range(_CONTEXTS):
        slot = counts.slots[context, places[context]]
        if occurrences(slot):
            calibrate(counts.calibrated[context], slot, bit)
        counts.slots[context, places[context]] = counted(slot, bit, counts.rates)

"""Is the code shortest at the true lexicon? A cipher under a network that has learned other text in clear.

The network has learned X and is held. Y is other text of X's language under permuted names, read through a
lexicon from Y's symbols to X's. The search scores every symbol in every place of Y under the lexicon of the
moment, and swaps those pairs of entries that save the most bits, as many as make the code shorter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.transfer.bridge import CODE
from benchmarks.transfer.records import Job, Record
from benchmarks.transfer.texts import EN, Sides
from umt.compression.prequential import PrequentialNetwork
from umt.compression.symbols import CodedText
from umt.runtime.seeds import child_seed
from umt.types import F32, I64

LEARNED, READ = 300_000, 60_000
"""Bytes of X, and of Y."""
EPOCHS, ROUNDS = 3, 6
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Of the symbols of Y's lexicon, permuted among each other: where the search begins."""


def jobs(name: str, sides: Sides, seeds: int) -> Iterator[Job]:
    """A search from every distance."""
    x, rest = sides.coded(EN, LEARNED)
    y = rest.until(int(rest.ends[np.searchsorted(np.cumsum(rest.sizes), READ) - 1]))
    for seed in range(1, seeds + 1):
        key = {"experiment": "cipher", "corpus": name, "arm": "search", "seed": seed}
        yield Job(key, partial(_measure, sides.vocabulary, x, y, seed))


def _measure(vocabulary: int, x: CodedText, y: CodedText, seed: int, _: Path) -> Record:
    """From each distance: bits of Y and the share of its symbols that are right, after every round."""
    network = PrequentialNetwork(CODE, [x, y], vocabulary, child_seed(seed, 0))
    batches = CODE.batches([x])
    order = np.random.default_rng(seed)
    total = EPOCHS * len(batches)
    for step in range(total):
        rate = min(1.0, (step + 1) / 20) * max(0.1, 1 - step / total)
        network.learn(batches[order.integers(len(batches))], rate)
    searches = {}
    for share in SHARES:
        lexicon = np.arange(len(y.numbers))
        chosen = order.permutation(len(lexicon))[: round(share * len(lexicon))]
        lexicon[chosen] = lexicon[order.permutation(chosen)]
        searches[str(share)] = search(network, y, lexicon)
    return {"searches": searches, "bytes": int(y.sizes.sum())}


def search(network: PrequentialNetwork, y: CodedText, lexicon: I64) -> list[tuple[float, float]]:
    """(bits of y, share of its symbols that are right) of the lexicon and of what each round makes of it."""
    bits, costs = read(network, y, lexicon)
    steps = []
    for _ in range(ROUNDS):
        steps.append((round(bits, 1), round(float((lexicon[y.codes] == y.codes).mean()), 4)))
        swaps = best_swaps(costs.numpy()[:, lexicon])
        while len(swaps):
            trial = lexicon.copy()
            trial[swaps] = lexicon[swaps[:, ::-1]]
            changed, costs = read(network, y, trial)
            if changed < bits:
                bits, lexicon = changed, trial
                break
            swaps = swaps[: len(swaps) // 4]
        else:
            break
    return steps


def best_swaps(costs: F32) -> I64:
    """(n, 2) disjoint pairs of symbols that would save bits if they changed places, the most saving first.

    costs: (symbols, symbols) bits of each if it stood for what another stands for.
    """
    own = costs.diagonal()
    change = costs + costs.T - own[:, None] - own
    partner = change.argmin(1)
    change_of = change[np.arange(len(own)), partner]
    swaps: list[tuple[int, int]] = []
    taken: set[int] = set()
    for symbol in np.argsort(change_of):
        pair = int(symbol), int(partner[symbol])
        if change_of[symbol] < 0 and taken.isdisjoint(pair):
            swaps.append(pair)
            taken.update(pair)
    return np.array(swaps, np.int64).reshape(-1, 2)


def read(network: PrequentialNetwork, y: CodedText, lexicon: I64) -> tuple[float, Tensor]:
    """Bits of y read through a lexicon, and (symbols, symbols) bits if a symbol were another.

    Contexts stay as the lexicon makes them.
    """
    network.numbers[1] = torch.from_numpy(y.numbers)
    network.leaves[1] = torch.from_numpy(lexicon[y.codes])
    costs, bits = torch.zeros(len(y.numbers), len(y.numbers)), 0.0
    for batch in CODE.batches([y]):
        rows = [replace(row, text=1) for row in batch]
        log_chances, targets = network.predict(rows)
        log_chances /= -math.log(2)
        bits += float(log_chances.gather(1, targets[:, None]).sum())
        symbols = torch.cat([torch.from_numpy(y.codes[row.first_new : row.end]) for row in rows])
        costs.index_add_(0, symbols, log_chances)
    return bits, costs

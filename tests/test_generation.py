"""Decoding with a cache equals decoding without one, whatever the company; what may not be written is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from umt.generation import Direction, Generation, Output, Search
from umt.joint_lm import Architecture, JointLM
from umt.searching import Beam, Greedy, Sampling
from umt.tokenizer import Ids

VOCABULARY, END = 90, 1
EN, ZH = 3, 4
ALLOWED = torch.tensor([END, *range(5, VOCABULARY - 7)])
WAY = Direction(EN, ZH, END, ALLOWED)


@pytest.fixture(scope="module")
def model() -> JointLM:
    """Random weights, large enough for a distribution that is far from flat and ends now and then."""
    made = JointLM.create(Architecture(32, 3, 4, 48, 64), VOCABULARY, torch.Generator().manual_seed(1))
    with torch.no_grad():
        made.embeddings.mul_(120)
        made.embeddings[END] *= 1.5
    made.network.double()
    return made


@pytest.fixture(scope="module")
def sources() -> list[Ids]:
    draw = np.random.default_rng(0)
    lengths = [5, 1, 9, 14, 3, 3, 0, 7, 14, 2, 11, 6, 8, 4, 20, 1, 12]
    return [draw.integers(5, VOCABULARY, length).astype(np.uint16) for length in lengths]


def whole(model: JointLM, source: Ids, beginnings: Sequence[Sequence[int]]) -> torch.Tensor:
    """(beginnings, allowed) log p of the next token: whole sentences through ``transformers``, no cache."""
    rows = torch.tensor([[EN, *source.tolist(), ZH, *written] for written in beginnings])
    with torch.no_grad():
        told: torch.Tensor = model.network(input_ids=rows).logits[:, -1, ALLOWED].log_softmax(-1)
    return told


def one_by_one(model: JointLM, source: Ids, cap: int, search: Search, draws: torch.Tensor) -> Output:
    """Greedy decoding or sampling, as simply as it can be said."""
    written: list[int] = []
    nats = 0.0
    while len(written) < cap:
        [logp] = whole(model, source, [written])
        place = int(logp.argmax())
        if isinstance(search, Sampling):
            chances, order = (logp / search.temperature).softmax(-1), torch.arange(len(logp))
            if search.top_k or search.top_p < 1:
                chances, order = chances.sort(descending=True)
                chances = chances[: search.top_k or None]
                chances = chances / chances.sum()
                chances = chances[: int((chances.cumsum(-1) < search.top_p).sum()) + 1]
            sums = chances.cumsum(-1)
            place = int(order[int((sums <= draws[len(written)] * sums[-1]).sum())])
        nats -= float(logp[place])
        if int(ALLOWED[place]) == END:
            return Output(np.array(written), nats, True)
        written.append(int(ALLOWED[place]))
    return Output(np.array(written), nats, False)


def beam(model: JointLM, source: Ids, cap: int, search: Beam) -> list[Output]:
    """Beam search over tuples."""
    size, pool = search.size, list[tuple[float, float, tuple[int, ...]]]()
    alive: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for step in range(1, cap + 1):
        grown = []
        told = whole(model, source, [written for _, written in alive]).tolist()
        for (score, written), row in zip(alive, told, strict=True):
            grown += [(score + p, (*written, int(t))) for p, t in zip(row, ALLOWED.tolist(), strict=True)]
        grown = sorted(grown, reverse=True)[: 2 * size]
        over = [each for each in grown[:size] if each[1][-1] == END or step == cap]
        pool += [(score / step**search.length_penalty, score, written) for score, written in over]
        pool = sorted(pool, reverse=True)[:size]
        alive = [each for each in grown if each[1][-1] != END][:size]
        if len(pool) == size and pool[-1][0] >= alive[0][0] / step**search.length_penalty:
            break
    return [
        Output(np.array([token for token in written if token != END]), -score, written[-1] == END)
        for _, score, written in pool
    ]


def same(found: Output, expected: Output) -> None:
    assert found.ids.tolist() == expected.ids.tolist()
    assert found.nats == pytest.approx(expected.nats, abs=1e-4)
    assert found.ended == expected.ended


SEARCHES = [
    Greedy(),
    Sampling(),
    Sampling(temperature=0.7),
    Sampling(top_k=5),
    Sampling(temperature=1.3, top_k=20, top_p=0.8),
    Sampling(top_p=0.5),
]


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_the_cache_changes_nothing(model: JointLM, sources: list[Ids], search: Search) -> None:
    crowd, pairs = Generation(search, workers=1), Generation(search, cached=60, workers=2)
    caps = crowd.caps(sources, model.context)
    draws = torch.rand(len(sources), int(caps.max()), generator=torch.Generator().manual_seed(5)).double()
    together = crowd.generate(model, sources, WAY, torch.Generator().manual_seed(5))
    apart = pairs.generate(model, sources, WAY, torch.Generator().manual_seed(5))
    for number, source in enumerate(sources):
        [first], [second] = together[number], apart[number]
        same(first, second)
        if len(source):
            same(first, one_by_one(model, source, int(caps[number]), search, draws[number]))
        else:
            assert (len(first.ids), first.nats, first.ended) == (0, 0, True)
    assert len({output.ended for [output] in together}) == 2, "some end, some meet the cap"


@pytest.mark.parametrize("search", [Beam(1), Beam(4), Beam(3, 0.0), Beam(5, 2.0)], ids=str)
def test_the_cache_changes_no_beam(model: JointLM, sources: list[Ids], search: Beam) -> None:
    generation = Generation(search, ratio=1.0, extra=4, cached=400, workers=2)
    found = generation.generate(model, sources, WAY)
    caps = generation.caps(sources, model.context).tolist()
    for source, cap, outputs in [*zip(sources, caps, found, strict=True)][::3]:
        if len(source):
            for each, expected in zip(outputs, beam(model, source, cap, search), strict=True):
                same(each, expected)

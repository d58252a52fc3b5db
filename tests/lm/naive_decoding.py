"""Decoding as its definition says, without a cache, and what the tests of the decoder share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from umt.lm.beam_search import Beam
from umt.lm.generation import Direction, Output, Search
from umt.lm.joint_lm import JointLM
from umt.lm.search import Greedy, Sampling
from umt.text.tokenizer import Ids

VOCABULARY, END = 90, 1
EN, ZH = 3, 4
ALLOWED = torch.tensor([END, *range(5, VOCABULARY - 7)])
WAY = Direction(EN, ZH, END, ALLOWED)


def whole(model: JointLM, source: Ids, beginnings: Sequence[Sequence[int]]) -> torch.Tensor:
    """(beginnings, allowed) log p of the next token: whole sentences through ``transformers``, no cache."""
    rows = torch.tensor([[EN, *source.tolist(), ZH, *written] for written in beginnings])
    asked = torch.arange(rows.shape[1]).expand(len(rows), -1) > len(source)
    with torch.no_grad():
        last = model.target_states(rows, asked).view(len(rows), -1, model.head.shape[1])[:, -1]
        report: torch.Tensor = (last @ model.head.T)[:, ALLOWED].log_softmax(-1)
    return report


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
        report = whole(model, source, [written for _, written in alive]).tolist()
        for (score, written), row in zip(alive, report, strict=True):
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


def same(result: Output, expected: Output) -> None:
    assert result.ids.tolist() == expected.ids.tolist()
    assert result.nll == pytest.approx(expected.nll, abs=1e-4)
    assert result.ended == expected.ended


SEARCHES = [
    Greedy(),
    Sampling(),
    Sampling(temperature=0.7),
    Sampling(top_k=5),
    Sampling(temperature=1.3, top_k=20, top_p=0.8),
    Sampling(top_p=0.5),
]

GROUPED = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
}

"""Decoding with a cache equals decoding without one, whatever the company; what may not be written is not."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
)

from tests.lm.naive_decoding import (
    ALLOWED,
    EN,
    END,
    GROUPED,
    SEARCHES,
    VOCABULARY,
    WAY,
    ZH,
    beam,
    one_by_one,
    same,
    whole,
)
from umt.lm.beam_search import Beam
from umt.lm.generation import Direction, Generation, Output, Search
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.kernels import DecodingWeights, KVCache
from umt.lm.search import Greedy, Sampling
from umt.text.tokenizer import Ids, Tokenizer
from umt.types import BadInput, Lang


@pytest.fixture(scope="module", params=["joint", "t5gemma2"])
def model(request: pytest.FixtureRequest) -> JointLM:
    """Random weights, large enough for a distribution that is far from flat and ends now and then."""
    made = JointLM.create(Architecture(32, 3, 4, 48, 64), VOCABULARY, torch.Generator().manual_seed(1))
    with torch.no_grad():
        made.embeddings.mul_(120)
        made.embeddings[END] *= 1.5
    made.network.double()
    made = made.divided(request.param)
    if made.encoder is None:
        return made
    with torch.no_grad():
        for number, weight in enumerate(made.encoder.layers.parameters()):
            weight.add_(0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(number)))
    return made


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_the_cache_changes_nothing(model: JointLM, sources: list[Ids], search: Search) -> None:
    crowd = Generation(search, length_ratio=1.2, length_offset=5, workers=1)
    pairs = Generation(search, length_ratio=1.2, length_offset=5, cache_positions=40, workers=2)
    caps = crowd.max_lengths(sources, model.context)
    draws = torch.rand(len(sources), int(caps.max()), generator=torch.Generator().manual_seed(5)).double()
    together = crowd.generate(model, sources, WAY, torch.Generator().manual_seed(5))
    apart = pairs.generate(model, sources, WAY, torch.Generator().manual_seed(5))
    for number, source in enumerate(sources):
        [first], [second] = together[number], apart[number]
        same(first, second)
        if len(source):
            same(first, one_by_one(model, source, int(caps[number]), search, draws[number]))
        else:
            assert (len(first.ids), first.nll, first.ended) == (0, 0, True)
    assert len({output.ended for [output] in together}) == 2, "some end, some meet the cap"


@pytest.mark.parametrize("search", [Greedy(), Sampling(top_k=5), Beam(4)], ids=str)
def test_a_loop_attends_as_products_over_all_rows_do(
    model: JointLM, sources: list[Ids], search: Search
) -> None:
    def write() -> list[list[Output]]:
        generation = Generation(search, length_ratio=1.2, length_offset=5, workers=1)
        return generation.generate(model, sources, WAY, torch.Generator().manual_seed(5))

    class InBlocks(KVCache):
        def step(self, tokens: torch.Tensor) -> torch.Tensor:
            self.by_loop = False
            return super().step(tokens)

    looped = write()
    with patch("umt.lm.decoding_cache.KVCache", InBlocks):
        products = write()
    for outputs, expected in zip(looped, products, strict=True):
        for each, other in zip(outputs, expected, strict=True):
            same(each, other)


def test_short_products_change_little(sources: list[Ids]) -> None:
    model = JointLM.create(Architecture(32, 3, 4, 48, 64), VOCABULARY, torch.Generator().manual_seed(1))
    [exact] = zip(*Generation(workers=1).generate(model, sources, WAY), strict=True)
    outputs = Generation(workers=1).generate(model, sources, WAY, dtype=torch.bfloat16)
    [short] = zip(*outputs, strict=True)
    assert any(each.nll != other.nll for each, other in zip(exact, short, strict=True))
    for each, other in zip(exact, short, strict=True):
        assert other.nll == pytest.approx(each.nll, rel=0.01, abs=0.05)


@pytest.mark.parametrize("search", [Beam(1), Beam(4), Beam(3, 1.0), Beam(5, 2.0)], ids=str)
def test_the_cache_changes_no_beam(model: JointLM, sources: list[Ids], search: Beam) -> None:
    generation = Generation(search, length_ratio=1.0, length_offset=4, cache_positions=400, workers=2)
    result = generation.generate(model, sources, WAY)
    caps = generation.max_lengths(sources, model.context).tolist()
    for source, cap, outputs in [*zip(sources, caps, result, strict=True)][::2]:
        if len(source):
            for each, expected in zip(outputs, beam(model, source, cap, search), strict=True):
                same(each, expected)


def test_only_text_of_the_target_is_written() -> None:
    tokenizer = Tokenizer.train({Lang("en"): ["a cat sat"] * 9, Lang("zh"): ["猫坐"] * 9}, 300)
    every = Direction.between(tokenizer, Lang("en"), Lang("zh"))
    assert set(every.allowed.tolist()) == set(range(len(tokenizer))) - tokenizer.special_ids | {tokenizer.end}
    few = Direction.between(tokenizer, Lang("zh"), Lang("en"), [tokenizer.pad, tokenizer.mask, 40, 41])
    assert few.allowed.tolist() == [tokenizer.end, 40, 41]
    model = JointLM.create(Architecture(16, 1, 2, 16, 64), len(tokenizer), torch.Generator().manual_seed(0))
    sources = [np.arange(10, 30).astype(np.uint16)]
    for search in (Greedy(), Sampling(temperature=5.0), Beam(2), Beam(8)):
        [outputs] = Generation(search).generate(model, sources, few, torch.Generator().manual_seed(0))
        assert all(set(output.ids.tolist()) <= {40, 41} for output in outputs)


def test_draws_follow_the_model(model: JointLM) -> None:
    source = np.array([20, 30], dtype=np.uint16)
    many = Generation(Sampling(), length_ratio=0, length_offset=1).generate(
        model, [source] * 4000, WAY, torch.Generator().manual_seed(0)
    )
    places = {token: place for place, token in enumerate(ALLOWED.tolist())}
    first = [places[output.ids[0] if len(output.ids) else END] for [output] in many]
    shares = torch.bincount(torch.tensor(first), minlength=len(ALLOWED)) / 4000
    expected = whole(model, source, [[]])[0].exp()
    assert float((shares - expected).abs().sum()) < 0.15
    assert float(expected.max()) > 0.05, "the test needs a distribution that is not flat"


def test_what_cannot_be_written_is_refused(model: JointLM) -> None:
    long = [np.full(62, 9, dtype=np.uint16)]
    with pytest.raises(ValueError, match="62 subwords leaves no room in a context of 64"):
        Generation().generate(model, long, WAY)
    with pytest.raises(ValueError, match="generator"):
        Generation(Sampling()).generate(model, [long[0][:3]], WAY)
    with pytest.raises(ValueError, match="at least two"):
        Direction(EN, ZH, END, torch.tensor([7, 8]))
    with pytest.raises(ValueError, match="temperature"):
        Sampling(temperature=0.0)
    with pytest.raises(BadInput, match=r"knows the layers of .* not those of Linear"):
        DecodingWeights.of(torch.nn.Linear(2, 2), ALLOWED)
    windows = Gemma3ForCausalLM(Gemma3TextConfig(**GROUPED, layer_types=["sliding_attention"] * 2))
    with pytest.raises(BadInput, match="that see all that came before"):
        DecodingWeights.of(windows, ALLOWED)

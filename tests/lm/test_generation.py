"""Decoding with a cache equals decoding without one, whatever the company; what may not be written is not."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
import pytest
import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from umt.lm.beam_search import Beam
from umt.lm.generation import Direction, Generation, Output, Search
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.kernels import DecodingWeights, KVCache
from umt.lm.search import Greedy, Sampling
from umt.lm.t5gemma2 import Division
from umt.text.tokenizer import Ids, Tokenizer
from umt.types import BadInput, Lang

VOCABULARY, END = 90, 1
EN, ZH = 3, 4
ALLOWED = torch.tensor([END, *range(5, VOCABULARY - 7)])
WAY = Direction(EN, ZH, END, ALLOWED)


@pytest.fixture(scope="module", params=["joint", "encoder_decoder", "t5gemma2"])
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


@pytest.fixture(scope="module")
def sources() -> list[Ids]:
    draw = np.random.default_rng(0)
    lengths = [5, 1, 9, 3, 3, 0, 7, 12, 2, 6]
    return [draw.integers(5, VOCABULARY, length).astype(np.uint16) for length in lengths]


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


def trained_in_fp32(kind: Division) -> JointLM:
    """Random weights in fp32, far from flat."""
    model = JointLM.create(Architecture(32, 3, 4, 48, 64), VOCABULARY, torch.Generator().manual_seed(1))
    with torch.no_grad():
        model.embeddings.mul_(120)
        model.embeddings[END] *= 1.5
    return model.divided(kind)


@pytest.mark.parametrize("search", [*SEARCHES, Beam(4), Beam(3, 1.0)], ids=str)
@pytest.mark.parametrize("kind", ["joint", "encoder_decoder", "t5gemma2"])
def test_plain_transformers_decode_alike(sources: list[Ids], search: Search, kind: Division) -> None:
    model = trained_in_fp32(kind)
    plain = JointLM(model.network, model.encoder, kernels=False)
    generation = Generation(search, length_ratio=1.2, length_offset=5, cache_positions=400, workers=2)
    ours = generation.generate(model, sources, WAY, torch.Generator().manual_seed(5))
    with patch("umt.lm.decoding_cache.KVCache", side_effect=AssertionError):
        theirs = generation.generate(plain, sources, WAY, torch.Generator().manual_seed(5))
    for outputs, expected in zip(theirs, ours, strict=True):
        assert len(outputs) == len(expected)
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
FULL = {"layer_types": ["full_attention"] * 2, "query_pre_attn_scalar": 8}
NETWORKS = [
    LlamaForCausalLM(LlamaConfig(**GROUPED, tie_word_embeddings=False)),
    Qwen3ForCausalLM(Qwen3Config(**GROUPED)),
    Gemma3ForCausalLM(Gemma3TextConfig(**GROUPED, **FULL)),
]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: type(network).__name__)
def test_grouped_heads_and_ragged_prompts(network: PreTrainedModel) -> None:
    model = JointLM(network.double())
    with torch.no_grad():
        for number, weight in enumerate(model.parameters()):  # the gains of the norms too
            draw = torch.Generator().manual_seed(number)
            weight.add_(torch.randn(weight.shape, generator=draw, dtype=weight.dtype) * 0.3)
    sources = [np.arange(6, 6 + length).astype(np.uint16) for length in (9, 4, 1)]
    greedy = Generation(length_ratio=1.0, length_offset=3, workers=1).generate(model, sources, WAY)
    for source, [output] in zip(sources, greedy, strict=True):
        same(output, one_by_one(model, source, len(source) + 3, Greedy(), torch.empty(0)))
    result = Generation(Beam(3), length_ratio=1.0, length_offset=3, workers=1).generate(model, sources, WAY)
    for source, outputs in zip(sources, result, strict=True):
        for each, expected in zip(outputs, beam(model, source, len(source) + 3, Beam(3)), strict=True):
            same(each, expected)


WINDOWS = {"layer_types": ["sliding_attention"] * 2, "sliding_window": 4, "query_pre_attn_scalar": 8}
UNKNOWN = [
    Gemma3ForCausalLM(Gemma3TextConfig(**GROUPED, **WINDOWS)),
    GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_positions=64, n_embd=32, n_layer=2, n_head=4)),
]


@pytest.mark.parametrize("network", UNKNOWN, ids=lambda network: type(network).__name__)
def test_unknown_layers_are_decoded_by_transformers(network: PreTrainedModel, sources: list[Ids]) -> None:
    network = network.double().eval()
    with torch.no_grad():
        for number, weight in enumerate(network.parameters()):
            draw = torch.Generator().manual_seed(number)
            weight.add_(torch.randn(weight.shape, generator=draw, dtype=weight.dtype) * 0.3)
    model = JointLM(network)
    assert not model.decodes_by_kernels
    greedy = Generation(length_ratio=1.0, length_offset=3, workers=1).generate(model, sources, WAY)
    for source, [output] in zip(sources, greedy, strict=True):
        if len(source):
            same(output, one_by_one(model, source, len(source) + 3, Greedy(), torch.empty(0)))


def test_only_text_of_the_target_is_written() -> None:
    tokenizer = Tokenizer.train({Lang("en"): ["a cat sat"] * 9, Lang("zh"): ["猫坐"] * 9}, 300)
    every = Direction.between(tokenizer, Lang("en"), Lang("zh"))
    assert set(every.allowed.tolist()) == set(range(len(tokenizer))) - tokenizer.special_ids | {tokenizer.end}
    few = Direction.between(tokenizer, Lang("zh"), Lang("en"), [tokenizer.pad, tokenizer.mask, 40, 41])
    assert few.allowed.tolist() == [tokenizer.end, 40, 41]
    model = JointLM.create(Architecture(16, 1, 2, 16, 64), len(tokenizer), torch.Generator().manual_seed(0))
    sources = [np.arange(10, 30).astype(np.uint16)]
    for search in (Greedy(), Sampling(temperature=5.0), Beam(2)):
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

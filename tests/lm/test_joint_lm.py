"""The network equals what ``transformers`` computes, and other programs open what is saved."""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    pipeline,
)

from tests.small_networks import SIZE, made, no_transformers, numbers, plain, roughened
from umt.lm import kernels
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.loading import load, save
from umt.text.tokenizer import Tokenizer
from umt.training.permutation import Permutation
from umt.types import BadInput, Lang


def everything(model: JointLM, ids: Tensor, bidirectional: bool) -> list[Tensor]:
    """Hidden states, losses and every gradient."""
    model.zero_grad()
    hidden = model.hidden(ids[:, :-1], bidirectional=bidirectional)
    nats = model.nll(hidden.flatten(0, 1), ids[:, 1:].flatten())
    weights = torch.linspace(0, 1, len(nats))
    (nats * weights).sum().backward()
    return [hidden, nats, *(weight.grad.clone() for weight in model.parameters() if weight.grad is not None)]


CROSS_ENTROPY = importlib.import_module(
    "umt.lm.kernels.cross_entropy"
)  # the door has a function of this name


@pytest.mark.parametrize("kind", ["gemma", "llama", "qwen"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_kernels_equal_transformers(kind: str, bidirectional: bool) -> None:
    model, ids = made(), numbers()
    if kind == "llama":
        model = roughened(JointLM(LlamaForCausalLM(LlamaConfig(**SIZE))))
    if kind == "qwen":
        model = roughened(JointLM(Qwen3ForCausalLM(Qwen3Config(**SIZE, head_dim=16))))
    assert model.trains_by_kernels
    with no_transformers():
        ours = everything(model, ids, bidirectional)
    theirs = everything(plain(model), ids, bidirectional)
    assert len(ours) == len(theirs) == 2 + len(list(model.parameters()))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_number_is_not_lost_on_the_way_to_the_loss(precision: torch.dtype, bad: float) -> None:
    hidden = torch.randn(4, 8, generator=torch.Generator().manual_seed(1)).to(precision)
    head = torch.randn(100, 8, generator=torch.Generator().manual_seed(2)).to(precision).requires_grad_()
    hidden[1] = bad
    result = kernels.cross_entropy(hidden, head, torch.arange(4))
    assert result.isfinite().tolist() == [True, False, True, True]


def test_logits_kept_or_computed_twice_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, ids = made(), numbers()
    retained = everything(model, ids, False)
    monkeypatch.setattr(CROSS_ENTROPY, "_KEPT", 0)
    monkeypatch.setattr(CROSS_ENTROPY, "_BLOCK", 1)
    for one, other in zip(retained, everything(model, ids, False), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_prediction_that_is_certainly_wrong_has_a_finite_loss() -> None:
    model = made()
    hidden = (1000 * torch.nn.functional.normalize(model.head[7:8])).detach().requires_grad_()
    [nats] = model.nll(hidden * 50, torch.tensor([9]))
    assert 88 < float(nats.detach()) < 1e6
    nats.backward()
    assert hidden.grad is not None
    assert bool(hidden.grad.isfinite().all())


def test_nothing_looks_ahead_unless_asked() -> None:
    model, ids = made(), numbers()
    changed = ids.clone()
    changed[:, -1] = 5
    for bidirectional in (False, True):
        one, other = (model.hidden(each, bidirectional=bidirectional)[:, :-1] for each in (ids, changed))
        assert torch.equal(one, other) is not bidirectional


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_nothing(bidirectional: bool) -> None:
    model, ids = made(), numbers(2, 12)
    alone = model.hidden(ids, bidirectional=bidirectional)
    right = torch.cat([ids, torch.zeros(2, 3, dtype=torch.long)], 1)
    seen = model.hidden(right, right != 0, bidirectional)[:, :12]
    torch.testing.assert_close(seen, alone, rtol=1e-4, atol=1e-5)
    if not bidirectional:
        left = torch.cat([torch.zeros(2, 3, dtype=torch.long), ids], 1)
        torch.testing.assert_close(model.hidden(left, left != 0)[:, 3:], alone, rtol=1e-4, atol=1e-5)


def test_other_programs_open_it(tmp_path: Path) -> None:
    en = Lang("en")
    tokenizer = Tokenizer.train({en: ["the cat sat on the mat"] * 5}, 270)
    model = made(vocabulary=len(tokenizer))
    save(model, tmp_path)
    tokenizer.save(tmp_path)
    ids = torch.tensor([[tokenizer.tag(en), *tokenizer.encode(["the cat"])[0].tolist()]])
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path)
    torch.testing.assert_close(theirs(ids).logits, model.logits(model.hidden(ids)), rtol=1e-4, atol=1e-5)
    again = load(tmp_path)
    assert torch.equal(again.hidden(ids), model.hidden(ids))
    output = pipeline("text-generation", model=str(tmp_path))("<en>the cat", max_new_tokens=3)
    assert "the cat" in output[0]["generated_text"]


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        ("hidden_size", r"describes [\d,]{9,} weights, its files have"),
        ("num_hidden_layers", "1,000,000 layers"),
    ],
)
def test_no_memory_is_asked_for_what_the_files_cannot_hold(
    size: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(made(), tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    del settings["layer_types"]
    (tmp_path / "config.json").write_text(json.dumps(settings | {size: 10**6}))
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", None)
    with pytest.raises(BadInput, match=sentence):
        load(tmp_path)


def test_a_model_from_elsewhere_grows(tmp_path: Path) -> None:
    save(made(), tmp_path)
    model = load(tmp_path)
    model.resize(310)
    assert model.embeddings.shape == (310, 32)
    assert model.head is model.embeddings
    with pytest.raises(BadInput, match="nosuch"):
        load(tmp_path / "nosuch")
    torch.manual_seed(1)  # as another process would draw
    other = load(tmp_path)
    other.resize(310)
    assert torch.equal(model.embeddings, other.embeddings)


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="width 30"):
        Architecture(30, 1, 4, 8, 8)
    with pytest.raises(ValueError, match="exceed the context"):
        made().hidden(numbers(1, 65))


@pytest.mark.parametrize("size", [1, 2, 3, 10, 1000, 4097])
def test_a_permutation_holds_every_number_once(size: int) -> None:
    orders = [Permutation(size, seed)[0:size].tolist() for seed in (1, 2)]
    assert all(sorted(order) == list(range(size)) for order in orders)
    if size >= 10:
        assert orders[0] != orders[1]
        assert Permutation(size, 1)[3:8].tolist() == orders[0][3:8]

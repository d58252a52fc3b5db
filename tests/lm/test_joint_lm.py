"""The network equals what ``transformers`` computes, and other programs open what is saved."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    pipeline,
)

from umt.lm import kernels
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.loading import load, save
from umt.lm.t5gemma2 import Division
from umt.text.tokenizer import Tokenizer
from umt.training.permutation import Permutation
from umt.types import BadInput, Lang

TINY = Architecture(width=32, layers=2, heads=2, hidden=48, context=64)


def made(seed: int = 1, vocabulary: int = 300) -> JointLM:
    return roughened(JointLM.create(TINY, vocabulary, Generator().manual_seed(seed)))


def roughened(model: JointLM) -> JointLM:
    """With norms that are not all one."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 1:
                weight.add_(0.3 * torch.randn(weight.shape, generator=Generator().manual_seed(2)))
    return model


def numbers(rows: int = 5, length: int = 17) -> Tensor:
    return torch.randint(5, 300, (rows, length), generator=Generator().manual_seed(3))


def everything(model: JointLM, ids: Tensor, bidirectional: bool) -> list[Tensor]:
    """Hidden states, losses and every gradient."""
    model.zero_grad()
    hidden = model.hidden(ids[:, :-1], bidirectional=bidirectional)
    nats = model.nll(hidden.flatten(0, 1), ids[:, 1:].flatten())
    weights = torch.linspace(0, 1, len(nats))
    (nats * weights).sum().backward()
    return [hidden, nats, *(weight.grad.clone() for weight in model.parameters() if weight.grad is not None)]


SIZE = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "tie_word_embeddings": True,
}


CROSS_ENTROPY = importlib.import_module(
    "umt.lm.kernels.cross_entropy"
)  # the door has a function of this name


def plain(model: JointLM) -> JointLM:
    """The same weights, with ``transformers`` and torch alone."""
    return JointLM(model.network, model.encoder, kernels=False)


@contextmanager
def no_transformers() -> Iterator[None]:
    """Within, asking for the layers of ``transformers`` is an error."""
    names = ("umt.lm.joint_lm.hidden_states", "umt.lm.joint_lm.hidden_states_after")
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(name, None)
        yield


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


def given_and_asked() -> tuple[Tensor, Tensor, Tensor]:
    """Rows whose beginning is given: what is seen, what comes next, and where that is asked for."""
    ids, places = numbers(6, 18), torch.arange(17)
    begins, ends = torch.tensor([3, 8, 1, 12, 5, 9]), torch.tensor([17, 12, 9, 15, 6, 17])
    return ids[:, :-1], ids[:, 1:], (places >= begins[:, None]) & (places < ends[:, None])


def divided(kind: Division = "encoder_decoder") -> JointLM:
    """An encoder-decoder with an encoder of its own."""
    model = made().divided(kind)
    assert model.encoder is not None
    with torch.no_grad():
        for number, weight in enumerate(model.encoder.layers.parameters()):
            weight.add_(0.1 * torch.randn(weight.shape, generator=Generator().manual_seed(number)))
    return model


def asked_of(model: JointLM) -> list[Tensor]:
    seen, wanted, asked = given_and_asked()
    states = model.target_states(seen, asked)
    nats = model.nll(states, wanted[asked])
    model.zero_grad()
    (nats * torch.linspace(0, 1, len(nats))).sum().backward()
    # The states of an encoder's last layer are no one's past: most of its weights learn nothing.
    gradients = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
    return [states, nats, *(each for each in gradients if each.any())]


def test_encoder_decoder_kernels_equal_transformers() -> None:
    same_by_kernels(divided())


def same_by_kernels(model: JointLM) -> None:
    with no_transformers():
        ours = asked_of(model)
    theirs = asked_of(plain(model))
    assert len(ours) == len(theirs) > 2 + len(list(made().parameters()))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-5)


def test_a_fresh_encoder_decoder_differs_by_its_reading_alone() -> None:
    """Of prompts of one subword, which have no right side, it says what the joint network says."""
    seen, _, _ = given_and_asked()
    asked = torch.ones_like(seen, dtype=torch.bool)
    asked[:, 0] = False
    joint, other = made(), made().as_encoder_decoder()
    torch.testing.assert_close(
        other.target_states(seen, asked), joint.target_states(seen, asked), rtol=1e-4, atol=1e-5
    )
    asked[:, 1:5] = False
    assert not torch.allclose(other.target_states(seen, asked), joint.target_states(seen, asked), rtol=1e-2)


def test_t5gemma2_kernels_equal_transformers() -> None:
    model, (seen, _, asked) = divided("t5gemma2"), given_and_asked()
    assert model.trains_by_kernels
    same_by_kernels(model)
    asked[:] = True  # without a source: a language model
    torch.testing.assert_close(
        model.target_states(seen, asked), plain(model).target_states(seen, asked), rtol=1e-4, atol=2e-5
    )


def test_t5gemma2_is_that_of_transformers(tmp_path: Path) -> None:
    model, (seen, _, asked) = divided("t5gemma2"), given_and_asked()
    save(model, tmp_path)
    again = load(tmp_path)
    assert again.merged
    assert torch.equal(again.target_states(seen, asked), model.target_states(seen, asked))
    theirs = AutoModelForSeq2SeqLM.from_pretrained(tmp_path).eval()
    begin = int(asked[3].int().argmax())  # its row is read on its own, without padding
    logits = theirs(input_ids=seen[3:4, :begin], decoder_input_ids=seen[3:4, asked[3]]).logits[0]
    ours = model.logits(model.target_states(seen[3:4], asked[3:4]))
    torch.testing.assert_close(logits, ours, rtol=1e-4, atol=2e-5)


def test_no_t5gemma2_is_made_of_a_llama() -> None:
    with pytest.raises(BadInput, match="no T5Gemma 2 can be made of a LlamaForCausalLM"):
        JointLM(LlamaForCausalLM(LlamaConfig(**SIZE))).divided("t5gemma2")


@pytest.mark.parametrize("kind", ["encoder_decoder", "t5gemma2"])
def test_the_company_of_a_row_changes_nothing(kind: Division) -> None:
    model, (seen, _, asked) = divided(kind), given_and_asked()
    together = model.target_states(seen, asked)
    alone = [model.target_states(seen[row : row + 1], asked[row : row + 1]) for row in range(len(seen))]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_number_is_not_lost_on_the_way_to_the_loss(precision: torch.dtype, bad: float) -> None:
    hidden = torch.randn(4, 8, generator=torch.Generator().manual_seed(1)).to(precision)
    head = torch.randn(100, 8, generator=torch.Generator().manual_seed(2)).to(precision).requires_grad_()
    hidden[1] = bad
    result = kernels.cross_entropy(hidden, head, torch.arange(4))
    assert result.isfinite().tolist() == [True, False, True, True]


@pytest.mark.parametrize("apart", [False, True], ids=["joint", "encoder-decoder"])
def test_products_in_bf16_lead_the_same_way(apart: bool) -> None:
    seen, wanted, asked = given_and_asked()

    def led(products: torch.dtype) -> tuple[float, torch.Tensor]:
        model = divided() if apart else made()
        nats = model(seen, wanted, asked, dtype=products)
        gradients = torch.autograd.grad(nats, list(model.parameters()), allow_unused=True)
        return float(nats.detach()), torch.cat([each.flatten() for each in gradients if each is not None])

    (exact, way), (result, other) = led(torch.float32), led(torch.bfloat16)
    assert result == pytest.approx(exact, rel=0.01)
    assert result != exact
    assert float(torch.cosine_similarity(way, other, 0)) > 0.999


def test_a_row_that_asks_for_nothing_spoils_no_other() -> None:
    model, (seen, _, asked) = divided(), given_and_asked()
    expected = model.target_states(seen[1:], asked[1:])
    asked[0] = False
    torch.testing.assert_close(model.target_states(seen, asked), expected, rtol=1e-4, atol=1e-5)


def test_a_damaged_encoder_is_named(tmp_path: Path) -> None:
    save(divided(), tmp_path)
    (tmp_path / "encoder" / "config.json").unlink()
    with pytest.raises(BadInput, match="no encoder could be opened at"):
        load(tmp_path)


def test_an_encoder_is_saved_beside_its_decoder(tmp_path: Path) -> None:
    model, (seen, _, asked) = divided(), given_and_asked()
    save(model, tmp_path)
    again = load(tmp_path)
    assert torch.equal(again.target_states(seen, asked), model.target_states(seen, asked))
    assert again.encoder is not None
    assert again.encoder.embed_tokens.weight is again.embeddings
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path)  # the decoder alone is a language model
    torch.testing.assert_close(theirs(seen).logits, model.logits(model.hidden(seen)), rtol=1e-4, atol=1e-5)


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

"""The joint model divided into an encoder and a decoder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    LlamaConfig,
    LlamaForCausalLM,
)

from tests.small_networks import SIZE, made, no_transformers, numbers, plain
from umt.lm.joint_lm import JointLM
from umt.lm.loading import load, save
from umt.lm.t5gemma2 import Division
from umt.types import BadInput


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

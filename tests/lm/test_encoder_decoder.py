"""The joint model divided into an encoder and a decoder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor
from transformers import AutoModelForSeq2SeqLM, LlamaConfig, LlamaForCausalLM

from tests.small_networks import SIZE, made, no_transformers, numbers, plain
from umt.lm.joint_lm import JointLM
from umt.lm.loading import load, save
from umt.types import BadInput


def given_and_asked() -> tuple[Tensor, Tensor, Tensor]:
    """Rows whose beginning is given: what is seen, what comes next, and where that is asked for."""
    ids, places = numbers(6, 18), torch.arange(17)
    begins, ends = torch.tensor([3, 8, 1, 12, 5, 9]), torch.tensor([17, 12, 9, 15, 6, 17])
    return ids[:, :-1], ids[:, 1:], (places >= begins[:, None]) & (places < ends[:, None])


def divided() -> JointLM:
    """An encoder-decoder whose two sides differ."""
    model = made().divided("t5gemma2")
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
    gradients = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
    return [states, nats, *gradients]


def same_by_kernels(model: JointLM) -> None:
    with no_transformers():
        ours = asked_of(model)
    theirs = asked_of(plain(model))
    assert len(ours) == len(theirs) > 2 + len(list(made().parameters()))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-5)


def test_t5gemma2_kernels_equal_transformers() -> None:
    model, (seen, _, asked) = divided(), given_and_asked()
    assert model.trains_by_kernels
    same_by_kernels(model)
    asked[:] = True  # without a source: a language model
    torch.testing.assert_close(
        model.target_states(seen, asked), plain(model).target_states(seen, asked), rtol=1e-4, atol=2e-5
    )


def test_t5gemma2_is_that_of_transformers(tmp_path: Path) -> None:
    model, (seen, _, asked) = divided(), given_and_asked()
    save(model, tmp_path)
    again = load(tmp_path)
    assert again.encoder is not None
    assert torch.equal(again.target_states(seen, asked), model.target_states(seen, asked))
    theirs = AutoModelForSeq2SeqLM.from_pretrained(tmp_path).eval()
    begin = int(asked[3].int().argmax())  # its row is read on its own, without padding
    logits = theirs(input_ids=seen[3:4, :begin], decoder_input_ids=seen[3:4, asked[3]]).logits[0]
    ours = model.logits(model.target_states(seen[3:4], asked[3:4]))
    torch.testing.assert_close(logits, ours, rtol=1e-4, atol=2e-5)


def test_no_t5gemma2_is_made_of_a_llama() -> None:
    with pytest.raises(BadInput, match="no T5Gemma 2 can be made of a LlamaForCausalLM"):
        JointLM(LlamaForCausalLM(LlamaConfig(**SIZE))).divided("t5gemma2")


def test_the_company_of_a_row_changes_nothing() -> None:
    model, (seen, _, asked) = divided(), given_and_asked()
    together = model.target_states(seen, asked)
    alone = [model.target_states(seen[row : row + 1], asked[row : row + 1]) for row in range(len(seen))]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("apart", [False, True], ids=["joint", "encoder-decoder"])
def test_products_in_bf16_lead_the_same_way(apart: bool) -> None:
    seen, wanted, asked = given_and_asked()

    def led(products: torch.dtype) -> tuple[float, torch.Tensor]:
        model = divided() if apart else made()
        nats = model(seen, wanted, asked, dtype=products)
        learned = [weight for weight in model.parameters() if weight.requires_grad]
        gradients = torch.autograd.grad(nats, learned)
        return float(nats.detach()), torch.cat([each.flatten() for each in gradients])

    (exact, way), (result, other) = led(torch.float32), led(torch.bfloat16)
    assert result == pytest.approx(exact, rel=0.01)
    assert result != exact
    assert float(torch.cosine_similarity(way, other, 0)) > 0.999


def test_a_row_that_asks_for_nothing_spoils_no_other() -> None:
    model, (seen, _, asked) = divided(), given_and_asked()
    expected = model.target_states(seen[1:], asked[1:])
    asked[0] = False
    torch.testing.assert_close(model.target_states(seen, asked), expected, rtol=1e-4, atol=1e-5)


def test_an_encoder_of_an_earlier_version_is_named(tmp_path: Path) -> None:
    save(made(), tmp_path)
    (tmp_path / "encoder").mkdir()
    with pytest.raises(BadInput, match="was written before T5 Gemma 2 became the encoder-decoder"):
        load(tmp_path)

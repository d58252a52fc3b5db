"""Where the joint model starts: from scratch, from aligned word vectors, from a model of somebody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor
from transformers import (
    BertConfig,
    BertLMHeadModel,
    CohereConfig,
    CohereForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
)

from tests.small_texts import quiet
from umt.compression.archive import Archiver
from umt.embeddings.wordspace import Embeddings
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.loading import is_causal, load, save
from umt.text.token_shards import TokenShards, write_shards
from umt.text.tokenizer import PretrainedTokenizer, Tokenizer
from umt.training.embedding_init import subword_vectors
from umt.training.lm_objectives import CausalLM
from umt.training.loop import LoopOptions, fit
from umt.training.optimiser import OptimiserConfig
from umt.training.pretraining import Pretraining
from umt.types import BadInput, Lang

EN, ZH = Lang("en"), Lang("zh")
ENGLISH, CHINESE = ("cat", "dog", "mat", "house"), ("猫", "狗", "垫子", "房子")
LINES = {
    EN: [f"the {a} saw the {b}" for a in ENGLISH for b in ENGLISH] * 10,
    ZH: [f"{a}\n看见\n{b}" for a in CHINESE for b in CHINESE] * 10,
}
TINY = Architecture(width=16, layers=1, heads=2, hidden=24, context=64)


Spaces = tuple[Embeddings, Embeddings]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(LINES, 400)


@pytest.fixture(scope="module")
def shards(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> dict[Lang, TokenShards]:
    place = tmp_path_factory.mktemp("shards")
    for lang, lines in LINES.items():
        write_shards([line.replace("\n", "") for line in lines], lang, tokenizer, place)
    return {lang: TokenShards(place, lang) for lang in LINES}


@pytest.fixture(scope="module")
def spaces() -> Spaces:
    """Every word beside its translation."""
    vectors = torch.randn(4, 30, generator=Generator().manual_seed(1))
    noise = 0.1 * torch.randn(4, 30, generator=Generator().manual_seed(2))
    return Embeddings(ENGLISH, vectors), Embeddings(CHINESE, vectors + noise)


def cosine(one: Tensor, other: Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(one, other, dim=-1))


@pytest.mark.parametrize("width", [16, 48])
def test_translations_start_side_by_side(tokenizer: Tokenizer, spaces: Spaces, width: int) -> None:
    vectors = subword_vectors(spaces, tokenizer, width, Generator().manual_seed(1))
    assert vectors.shape == (len(tokenizer), width)
    torch.testing.assert_close(vectors.pow(2).mean(1), torch.ones(len(tokenizer)), rtol=1e-4, atol=1e-4)
    rows = {}
    for word in (*(f" {word}" for word in ENGLISH), *CHINESE):
        [ids] = tokenizer.encode([word])
        assert len(ids) == 1, f"{word} is no subword"
        rows[word.strip()] = vectors[int(ids[0])]
    for number, word in enumerate(ENGLISH):
        output = [cosine(rows[word], rows[other]) for other in CHINESE]
        assert output.index(max(output)) == number
        assert max(output) > 0.9


def test_pretraining_starts_from_aligned_vectors(tokenizer: Tokenizer, spaces: Spaces) -> None:
    optimisation = OptimiserConfig(1)
    model = Pretraining(TINY, optimisation, embeddings="aligned", row_length=32).initial_model(
        tokenizer, spaces, Generator().manual_seed(1)
    )
    cat, dog, neko = (int(tokenizer.encode([word])[0][0]) for word in (" cat", " dog", "猫"))
    rows = model.embeddings.detach().cpu()
    assert cosine(rows[cat], rows[neko]) > 0.9 > cosine(rows[dog], rows[neko])


def theirs(folder: Path) -> str:
    """A small causal model of another architecture, with a vocabulary of its own."""
    vocabulary = Tokenizer.train({EN: LINES[EN]}, 300)
    vocabulary.save(folder)
    config = GPT2Config(vocab_size=len(vocabulary), n_positions=64, n_embd=16, n_layer=1, n_head=2)
    torch.manual_seed(1)
    GPT2LMHeadModel(config).save_pretrained(folder)
    return str(folder)


def test_training_goes_on_from_any_causal_model(spaces: Spaces, tmp_path: Path) -> None:
    name = theirs(tmp_path / "theirs")
    tokenizer = PretrainedTokenizer(name).learn({EN: [], ZH: []}, {})
    for lang, lines in LINES.items():
        write_shards(lines, lang, tokenizer, tmp_path)
    shards = {lang: TokenShards(tmp_path, lang) for lang in LINES}
    pretraining = Pretraining(
        None,
        OptimiserConfig(30, learning_rate=1e-2),
        name,
        embeddings="own",
        masked=0.5,
        row_length=32,
        batch_tokens=256,
        language_shares={"en": 1, "zh": 3},
    )
    model, records = pretraining.train(
        tokenizer, shards, spaces, tmp_path / "run", Generator().manual_seed(1), lambda *_: None
    )
    assert len(model.embeddings) == len(tokenizer)
    assert model.network.config.model_type == "gpt2"
    begun = pretraining.initial_model(tokenizer, spaces, Generator()).embeddings.detach().cpu()
    own = GPT2LMHeadModel.from_pretrained(name).get_input_embeddings().weight.detach()
    assert torch.equal(begun[: len(own)], own), "training begins with what the model knows"
    assert records[-1]["causal/bits_per_byte"] < 0.7 * records[0]["causal/bits_per_byte"]
    save(model, tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert torch.equal(again.embeddings.cpu(), model.embeddings.detach().cpu())


def test_a_model_remembers_wherever_it_is_copied_whether_it_is_a_code(
    spaces: Spaces, tokenizer: Tokenizer, shards: dict[Lang, TokenShards], tmp_path: Path
) -> None:
    def trained(name: str, start: Path | None, **weights: float) -> Path:
        inputs = {"architecture": TINY} if start is None else {"architecture": None, "name": str(start)}
        pretraining = Pretraining(
            **inputs,
            optimisation=OptimiserConfig(2),
            embeddings="own" if start else "random",
            row_length=16,
            batch_tokens=64,
            **weights,
        )
        model, _ = pretraining.train(
            tokenizer, shards, spaces, tmp_path / f"{name}-run", Generator().manual_seed(1), quiet
        )
        save(model, tmp_path / name)
        tokenizer.save(tmp_path / name)
        return tmp_path / name

    masked = trained("masked", None, causal=0.0, masked=1.0)
    with pytest.raises(BadInput, match="pseudo-likelihood and no code length"):
        Archiver.open(masked, None, quiet)
    after = trained("after", masked, causal=1.0, masked=0.0)
    assert not is_causal(masked)
    assert is_causal(after)
    assert is_causal(trained("both", None, causal=1.0, masked=1.0))
    assert not is_causal(trained("again", after, causal=0.0, masked=1.0))


SMALL: dict[str, Any] = {
    "vocab_size": 300,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
}


@pytest.mark.parametrize(
    ("theirs", "answer"),
    [
        (CohereForCausalLM(CohereConfig(**SMALL, logit_scale=0.3)), "a way of its own"),
        (
            BertLMHeadModel(BertConfig(**SMALL, is_decoder=False)),
            "what comes after",
        ),
    ],
)
def test_a_network_that_does_not_work_this_way_is_refused(theirs: Any, answer: str, tmp_path: Path) -> None:
    theirs.save_pretrained(tmp_path)
    with pytest.raises(BadInput, match=answer):
        load(tmp_path)


def test_impossible_starts_are_refused(tokenizer: Tokenizer, spaces: Spaces, tmp_path: Path) -> None:
    start = (tokenizer, spaces, Generator())
    with pytest.raises(BadInput, match=r"nosuch.*folder"):
        Pretraining(None, OptimiserConfig(1), str(tmp_path / "nosuch"), embeddings="own").initial_model(
            *start
        )
    save(JointLM.create(TINY, len(tokenizer), Generator()), tmp_path)
    with pytest.raises(BadInput, match="context of 64"):
        Pretraining(None, OptimiserConfig(1), str(tmp_path), embeddings="own", row_length=65).initial_model(
            *start
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "architecture"),
        ({"architecture": TINY, "row_length": 65}, "exceeds the context of the network, 64"),
        ({"name": "x", "causal": 0.0}, "both 0"),
        ({"name": "x", "embeddings": "aligned"}, "keeps its own"),
        ({"name": "x", "embeddings": "y"}, "aligned"),
    ],
)
def test_pretraining_refuses_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pretraining(**{"architecture": None, "optimisation": OptimiserConfig(1), **options})


@pytest.mark.slow
def test_compiled_training_is_the_same_up_to_rounding(
    tokenizer: Tokenizer, shards: dict[Lang, TokenShards], tmp_path: Path
) -> None:
    output = []
    for compiled in (False, True):
        model = JointLM.create(TINY, len(tokenizer), Generator().manual_seed(1))
        causal = CausalLM(shards, tokenizer, 32, 256, seed=1)
        options = LoopOptions(every=1, compiled=compiled, exact=True)
        place = tmp_path / str(compiled)
        output.append(
            fit(model, {"causal": causal}, OptimiserConfig(4), place, 1, lambda *_: None, options=options)
        )
    losses = [[record["causal/nats"] for record in records] for records in output]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)

"""MetricX: a small mT5 of our own, asked as the original program asks it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, processors
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import MT5Config, MT5ForConditionalGeneration, PreTrainedTokenizerFast

from umt.evaluation.metrics import metric_named
from umt.evaluation.metricx import MetricX
from umt.types import BadInput, Lang

ZH = Lang("zh")
SCORE = 250_089
FIRST = "source: the dog runs candidate: 狗 跑 reference: 狗 在 跑"
WORDS = ["source", ":", "candidate", "reference", "the", "dog", "runs", "狗", "跑", "猫", "睡", "在", "公园"]


def last_state(folder: Path, text: str) -> torch.Tensor:
    """The decoder's state after one step over the text without its end."""
    network = MT5ForConditionalGeneration.from_pretrained(folder).eval()
    *subwords, end = PreTrainedTokenizerFast.from_pretrained(folder)(text)["input_ids"]
    assert end == 1
    with torch.no_grad():
        encoded = network.encoder(input_ids=torch.tensor([subwords])).last_hidden_state
        states = network.decoder(input_ids=torch.tensor([[0]]), encoder_hidden_states=encoded)
    state = states.last_hidden_state[0, 0]
    assert isinstance(state, torch.Tensor)
    return state


def save_weights(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer and a model that gives ``FIRST`` 7 error points, with an output layer of its own."""
    folder = tmp_path_factory.mktemp("metricx")
    special = {"<pad>": 0, "</s>": 1, "<unk>": 2}
    pieces = Tokenizer(WordLevel(special | {word: n for n, word in enumerate(WORDS, 3)}, "<unk>"))
    pieces.pre_tokenizer = Whitespace()
    pieces.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=pieces, **names).save_pretrained(folder)
    torch.manual_seed(1)
    config = MT5Config(vocab_size=250_112, d_model=8, d_kv=4, d_ff=16, num_layers=2, num_heads=2)
    network = MT5ForConditionalGeneration(config)
    weights = {
        name: each.clone() for name, each in network.state_dict().items() if "embed_tokens" not in name
    }
    weights["shared.weight"] = torch.randn(250_112, 8)
    weights["lm_head.weight"] = torch.randn(250_112, 8)
    config.save_pretrained(folder)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"tie_word_embeddings": False}))
    save_weights(folder, weights)
    last = last_state(folder, FIRST)
    weights["lm_head.weight"][SCORE] = 7 * last / (last @ last)
    save_weights(folder, weights)
    return folder


def metric(folder: Path, batch: int = 8) -> MetricX:
    return MetricX(str(folder), "main", str(folder), batch, resamples=100)


def test_errors_are_the_logit_of_the_output_layer_after_one_step(folder: Path) -> None:
    texts = [
        FIRST,
        "source: the dog candidate: 猫 reference: 狗",
        "source: the candidate: 睡 reference: 公园",
    ]
    row = load_file(folder / "model.safetensors")["lm_head.weight"][SCORE]
    by_hand = [float((last_state(folder, text) @ row).clamp(0, 25)) for text in texts]
    assert by_hand[0] == pytest.approx(7, abs=1e-4)
    assert len({round(value, 3) for value in by_hand}) > 1
    for batch in (1, 2, 8):
        assert metric(folder, batch).errors(texts) == pytest.approx(by_hand, abs=1e-4), (
            "padding changes nothing"
        )


def test_score_is_the_mean_with_interval_against_the_first_reference(folder: Path) -> None:
    score = metric(folder).score(["狗 跑"] * 2, [["狗 在 跑", "睡"], ["狗 在 跑"]], ZH, ["the dog runs"] * 2)
    assert (score.name, score.value) == ("metricx", pytest.approx(7, abs=1e-4))
    assert (score.low, score.high) == (pytest.approx(7, abs=1e-4), pytest.approx(7, abs=1e-4))
    assert f"model:{folder}@main" in score.signature
    with pytest.raises(ValueError, match=r"shorter|longer"):
        metric(folder).score(["狗"], [["狗"]], ZH)


def test_errors_stay_between_0_and_25(folder: Path, tmp_path: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    for name, scale, expected in (("high", 10, 25), ("low", -1, 0)):
        (place := tmp_path / name).mkdir()
        for file in folder.iterdir():
            (place / file.name).write_bytes(file.read_bytes())
        head = weights["lm_head.weight"].clone()
        head[SCORE] *= scale
        save_weights(place, weights | {"lm_head.weight": head})
        assert metric(place).errors([FIRST]) == [expected]


def test_a_model_that_cannot_be_had_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match=r"MetricX cannot be had: .* leave metricx out"):
        MetricX(str(tmp_path), "main", str(tmp_path)).check(ZH)
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", lambda *_, **__: 1 / 0)
    by_word = metric_named("metricx")
    with pytest.raises(BadInput, match=r"division by zero .*google/metricx-24-hybrid-large-v2p6"):
        by_word.check(ZH)

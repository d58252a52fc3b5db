"""An exported translator is used without this program, and writes what this program writes."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, GenerationConfig

from tests.finished_runs import finished_run, right
from umt.cli import export, translate
from umt.evaluation.external_systems import TRANSLATOR
from umt.lm.beam_search import Beam
from umt.lm.generation import Generation
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.search import Greedy
from umt.pipeline.display.model_card import model_card
from umt.text.morphology import SuffixSplitter
from umt.text.plain_text import plain_text_tokenizer
from umt.text.tokenizer import Tokenizer
from umt.translation.export import by_ctranslate2
from umt.translation.translator import NeuralTranslator
from umt.types import Lang

EN, ZH = Lang("en"), Lang("zh")
SENTENCES = [
    "The old man reads a long book.",
    "She walked into the sea.",
    "He likes “books” - and  her boxes .",
]
CHINESE = ["老人读一本很长的书。", "她走进海里。", "他喜欢书和她的箱子!"]
PARTS = {"walked": ("walk", "ed"), "likes": ("like", "s"), "books": ("book", "s"), "boxes": ("box", "s"),
         "took": ("take", "ed"), "went": ("go", "ed"), "found": ("find", "ed"),
         "founded": ("found", "ed")}  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    splitter = SuffixSplitter(PARTS)
    texts = {EN: [splitter.split_text(each) for each in SENTENCES] * 5, ZH: CHINESE * 5}
    learned = Tokenizer.train(texts, 380)
    return Tokenizer(learned.languages, learned.parts, {EN: splitter})


@pytest.fixture(scope="module")
def translator(tokenizer: Tokenizer) -> NeuralTranslator:
    """Random, and far from flat, so that every sentence has a translation of its own."""
    model = JointLM.create(Architecture(32, 2, 2, 48, 96), len(tokenizer), torch.Generator().manual_seed(3))
    model = model.divided("t5gemma2")
    with torch.no_grad():
        for number, weight in enumerate(model.parameters()):
            weight.add_(0.2 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(number)))
        model.embeddings[tokenizer.end] *= 1.5
    allowed = {
        lang: sorted({int(i) for ids in tokenizer.encode(texts, lang) for i in ids})
        for lang, texts in ((EN, SENTENCES), (ZH, CHINESE))
    }
    return NeuralTranslator(
        EN, ZH, model.eval(), tokenizer, allowed, 40, Generation(Greedy(), 0.0, 40), noisy_channel=False
    )


@pytest.fixture(scope="module")
def saved(translator: NeuralTranslator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "translator"
    folder.mkdir()
    translator.save(folder)
    return folder


@pytest.mark.parametrize("form", ["hf", "ctranslate2"])
def test_the_lines_of_the_model_card_translate_as_greedy_search_does(
    form: str, saved: Path, translator: NeuralTranslator, tmp_path: Path
) -> None:
    if form == "ctranslate2":
        pytest.importorskip("ctranslate2")
    export.main([str(saved), "--to", form, "-o", str(tmp_path / "out"), "--beam", "1"])
    for way, sentences in (("en-zh", SENTENCES), ("zh-en", CHINESE)):
        place = tmp_path / "out" / way
        [block] = re.findall(r'"\.\.\."\n((?:    .+\n)+)', (place / "README.md").read_text("utf-8"))
        lines = re.sub("^    ", "", block, flags=re.MULTILINE)
        assert "umt" not in lines
        source, target = (Lang(lang) for lang in way.split("-"))
        limits = Generation(Greedy(), translator.generation.length_ratio, 70)  # as the folder's own
        own = NeuralTranslator.load(saved, source, target, limits, noisy_channel=False)
        ours = own.translate(sentences)
        assert len(set(ours)) > 1
        for sentence, expected in zip(sentences, ours, strict=True):
            with redirect_stdout(io.StringIO()) as printed:
                exec(lines, {"folder": str(place), "sentence": sentence})
            assert printed.getvalue().strip() == expected


def test_the_folder_holds_search_length_and_language(
    saved: Path, tmp_path: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(export, "training_warnings", lambda _: ["its alignment is failed"])
    export.main([str(saved), "--to", "hf", "-o", str(tmp_path / "out")])
    assert capsys.readouterr().err == f"warning: {saved}: its alignment is failed\n"
    settings = GenerationConfig.from_pretrained(tmp_path / "out" / "zh-en")
    assert (settings.num_beams, settings.length_penalty) == (4, 0.0)
    assert settings.decoder_start_token_id == tokenizer.tag(EN)
    assert settings.max_new_tokens == 70
    plain = AutoTokenizer.from_pretrained(tmp_path / "out" / "zh-en")
    ids = plain(CHINESE[0])["input_ids"]
    assert ids[0] == tokenizer.tag(ZH)
    assert ids[1:] == tokenizer.encode(CHINESE[:1], ZH)[0].tolist()


def test_endings_are_split_and_joined_by_the_tokenizer_alone(tokenizer: Tokenizer) -> None:
    there, back = plain_text_tokenizer(tokenizer, EN, ZH), plain_text_tokenizer(tokenizer, ZH, EN)
    sentences = ["Walked, walked and WALKED.", "It's walked's end", "He founded it; she found boxes",
                 "took Went ˍed? likesˍs"]  # fmt: skip
    for sentence, ids in zip(sentences, tokenizer.encode(sentences, EN), strict=True):
        assert there(sentence)["input_ids"][1:] == ids.tolist()
        assert back.decode(ids.tolist()) == sentence
    splitter = tokenizer.inflections[EN]
    for written in ("walk ˍing ˍed", "tree ˍs", "go ˍed on", "Box ˍed", "walkˍed", "take ˍxyz", "ˍed"):
        ids = tokenizer.without_suffix_splitting.encode([written])[0].tolist()
        assert back.decode(ids) == splitter.join_text(written).strip()


@pytest.mark.parametrize("search", [Greedy(), Beam(3)], ids=str)
def test_ctranslate2_decodes_for_us(
    search: Greedy | Beam, translator: NeuralTranslator, tmp_path: Path
) -> None:
    pytest.importorskip("ctranslate2")
    sources = [piece for sentence in SENTENCES for piece in translator._pieces(sentence)]
    other = by_ctranslate2(
        NeuralTranslator(
            EN, ZH, translator.model, translator.tokenizer, translator.allowed_subwords, 40,
            Generation(search, 0.0, 40),
        ),
        tmp_path,
    )  # fmt: skip
    ours = Generation(search, 0.0, 40).generate(translator.model, sources, translator.direction())
    theirs = other.generation.generate(translator.model, sources, translator.direction())
    for expected, result in zip(ours, theirs, strict=True):
        assert result[0].ids.tolist() == expected[0].ids.tolist()
        if expected[0].ended:
            assert result[0].nll == pytest.approx(expected[0].nll, abs=1e-2)


def test_the_model_card_shows_scores_with_their_signatures(
    translator: NeuralTranslator, tmp_path: Path
) -> None:
    run = finished_run(tmp_path, 1, {TRANSLATOR: [right(number) for number in range(30)]})
    back = replace(translator, source=ZH, target=EN)
    card = model_card(tmp_path / "align-1", run.path, back, "hf", 4)
    assert re.search(r"\| test \| bleu \| 100\.0 \[100\.0, 100\.0\] \| .*tok:13a.* \|", card)
    assert "unrelated" in card
    assert (
        "parallel" not in model_card(tmp_path / "align-1", run.path, translator, "hf", 4).split("Scores")[1]
    )


def test_what_cannot_be_exported_is_said_in_a_sentence(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tokenizer: Tokenizer
) -> None:
    joint = JointLM.create(Architecture(32, 2, 2, 48, 96), len(tokenizer), torch.Generator().manual_seed(3))
    (tmp_path / "joint").mkdir()
    NeuralTranslator(EN, ZH, joint, tokenizer, longest=40).save(tmp_path / "joint")
    for place, form, message in (
        (saved, "onnx", "no exporter to ONNX knows T5Gemma 2"),
        (tmp_path / "joint", "hf", "translator.architecture=t5gemma2"),
        (tmp_path, "hf", "holds no neural translator"),
    ):
        with pytest.raises(SystemExit):
            export.main([str(place), "--to", form, "-o", str(tmp_path / "out")])
        assert message in re.sub(r"\s+", " ", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_translate_takes_another_engine(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ctranslate2")
    outputs = []
    for engine in ("own", "ctranslate2"):
        translate.main(["--to", "zh", "--model", str(saved), "--engine", engine, "--beam", "1", SENTENCES[0]])
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]

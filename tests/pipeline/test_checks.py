"""What cannot work is told before anything is built."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from transformers import Gemma3TextConfig, GPT2Config, PretrainedConfig, Qwen3Config

from umt.corpus.files import ParallelFiles
from umt.pipeline import inputs
from umt.pipeline.checks import validate
from umt.types import BadInput, Lang

ROOT = Path(__file__).parents[2]
EN, KO = Lang("en"), Lang("ko")
SETS = [ParallelFiles(name, (EN, KO), Path("a"), Path("b")) for name in ("dev", "test")]


def checked(*overrides: str, languages: tuple[Lang, Lang] = (EN, Lang("zh")), sets: int = 2) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        config = compose("config", overrides=list(overrides))
    validate(config, languages, SETS[:sets])


@pytest.mark.skipif(find_spec("mecab_ko") is not None, reason="sacreBLEU can cut Korean into words")
def test_a_metric_that_cannot_be_computed() -> None:
    for left_out in ("evaluation.compare=null", "evaluation.metrics=[]"):
        with pytest.raises(BadInput, match=r"BLEU into ko cannot be computed.*sacrebleu\[ko\]"):
            checked(left_out, languages=(KO, EN))
    checked(
        "evaluation.metrics=[{_target_: umt.evaluation.metrics.ChrF}]",
        "evaluation.compare=null",
        languages=(EN, KO),
    )
    checked(languages=(EN, KO), sets=0)
    checked("evaluation.left_out=[dev]", languages=(EN, KO), sets=1)  # not scored
    checked()


def test_a_dictionary_is_the_file_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text("cat 猫\n", encoding="utf-8")
    for file, pairs in ((str(tmp_path / "d.txt"), {"cat": {"猫"}}), ("' '", None)):
        with initialize_config_dir(str(ROOT / "conf"), version_base=None):
            config = compose("config", overrides=[f"evaluation.dictionary.test={file}"])
        if pairs is None:
            with pytest.raises(BadInput, match=r"evaluation\.dictionary\.test is an empty path"):
                inputs.dictionary(config, inputs.corpus(config), "test")
        else:
            known = inputs.dictionary(config, inputs.corpus(config), "test")
            assert known is not None
            assert {word: {*each} for word, each in known.pairs.items()} == pairs


def test_a_dictionary_of_other_languages_is_named_before_anything_is_built(tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text("cat кот\n", encoding="utf-8")
    for part in ("train", "test"):
        with pytest.raises(BadInput, match="most of what should be zh is not"):
            checked(f"evaluation.dictionary.{part}={tmp_path / 'd.txt'}")
        checked(f"evaluation.dictionary.{part}={tmp_path / 'd.txt'}", languages=(EN, Lang("ru")))


@pytest.mark.parametrize("override", ["evaluation.metrics=[null]", "evaluation.metrics=[{a:1}]"])
def test_what_is_no_metric_is_named(override: str) -> None:
    with pytest.raises(BadInput, match=r"evaluation\.metrics"):
        checked(override)


@pytest.mark.parametrize(
    "override",
    [
        "order.window=x",
        "order=5",
        "order.sentences=1",
        "generation=null",
        "generation.length_ratio=x",
    ],
)
def test_what_evaluation_alone_uses_is_checked_before_the_training(override: str) -> None:
    with pytest.raises(BadInput, match=rf"^evaluation\.{override.partition('=')[0]} "):
        checked(f"evaluation.{override}")
    checked("evaluation.order=null")


@pytest.mark.skipif(find_spec("comet") is not None, reason="COMET is installed")
def test_a_metric_that_is_not_installed() -> None:
    with pytest.raises(BadInput, match=r"^evaluation\.metrics.*pip install unbabel-comet"):
        checked("evaluation=comet")


FULL_ATTENTION = {"layer_types": ["full_attention"] * 26}


@pytest.mark.parametrize(
    ("pretrained", "kind"),
    [
        (GPT2Config(), "GPT2LMHeadModel"),
        (Qwen3Config(), "Qwen3ForCausalLM"),
        (Gemma3TextConfig(), "Gemma3ForCausalLM"),
        (Gemma3TextConfig(**FULL_ATTENTION), None),
    ],
    ids=["gpt2", "qwen3", "gemma3 with sliding windows", "gemma3"],
)
def test_a_network_that_cannot_be_divided(
    pretrained: PretrainedConfig, kind: str | None, tmp_path: Path
) -> None:
    pretrained.save_pretrained(tmp_path)
    start = ["lm=pretrained", f"lm.name={tmp_path}"]
    if kind is None:
        checked(*start)
    else:
        with pytest.raises(BadInput, match=rf"translator\.architecture=t5gemma2 .* is a {kind}"):
            checked(*start)
    checked(*start, "translator.architecture=joint")
    checked(*start, "translator=none")


def test_a_bad_value_is_told_with_its_group() -> None:
    with pytest.raises(BadInput, match=r"translator\.architecture must be one of t5gemma2, joint"):
        checked("translator.architecture=both")


def test_supervised_control_is_fitted_on_words_that_do_not_score() -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        config = compose("config", overrides=["corpus.size=500"])
    source = inputs.corpus(config)
    control, scored = inputs.supervised_dictionary(config, source), inputs.dictionary(config, source, "test")
    assert control is not None
    assert scored is not None
    assert control.dictionary.pairs
    assert not set(control.dictionary.pairs) & set(scored.pairs)

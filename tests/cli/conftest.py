"""What the tests of the translator and of its command share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.small_translator import CHINESE, EN, ENGLISH, MADE, ZH
from umt.lm.generation import Generation
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.search import Greedy
from umt.text.tokenizer import Tokenizer
from umt.translation.translator import NeuralTranslator


@pytest.fixture(scope="module")
def translator() -> NeuralTranslator:
    tokenizer = Tokenizer.train({EN: [ENGLISH] * 5, ZH: [CHINESE] * 5}, 400)
    model = JointLM.create(Architecture(32, 2, 2, 48, 64), len(tokenizer), torch.Generator().manual_seed(3))
    with torch.no_grad():
        model.embeddings.mul_(60)
    written = {EN: sorted({int(i) for i in tokenizer.encode([ENGLISH])[0]})}
    return NeuralTranslator(EN, ZH, model, tokenizer, written, 12, Generation(Greedy(), length_offset=4))


@pytest.fixture(scope="module")
def store(translator: NeuralTranslator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one run that has a neural part."""
    root = tmp_path_factory.mktemp("runs")
    for name, report in (("run-1", {"parts": ["words-1", "train_translator-1"]}), ("train_translator-1", {})):
        (root / name).mkdir()
        manifest = {"stage": name.split("-")[0], "report": report, **MADE}
        (root / name / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    translator.save(root / "train_translator-1")
    return root

"""Folders of strangers: whatever lies in them, none of it runs, and nobody is asked whether it may."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.small_texts import EN, LINES, TINY, ZH, quiet
from umt.cli import archive, sweep, translate
from umt.compression.archive import Archiver
from umt.corpus.hub import HubDataset
from umt.embeddings.pretrained_vectors import read_vectors
from umt.embeddings.wordspace import WordSpace
from umt.lm.generation import Generation
from umt.lm.joint_lm import JointLM
from umt.lm.loading import load, save, undivided_kind
from umt.lm.search import Greedy
from umt.pipeline.artefact import Artefact
from umt.runtime.files import MANIFEST, file_digest, write_json
from umt.text.tokenizer import PretrainedTokenizer, Tokenizer
from umt.training.checkpoint import Checkpoints
from umt.translation.translator import NeuralTranslator
from umt.types import BadInput

CANARY = "canary"
"""The file that every payload would write into the working directory."""
TARGET = {"_target_": "pathlib.Path.touch", "_args_": [CANARY], "self": CANARY}


class Payload:
    """Writes the canary when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(CANARY),)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, where nobody answers a question, and a translator in ``model``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.input", lambda _="": pytest.fail("a question was asked"))
    tokenizer = Tokenizer.train(LINES, 300)
    model = JointLM.create(TINY, len(tokenizer), torch.Generator().manual_seed(1))
    NeuralTranslator(EN, ZH, model, tokenizer, {}, 12, Generation(Greedy())).save(tmp_path / "model")
    return tmp_path


def edit(path: Path, **changes: Any) -> None:
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(content | changes), encoding="utf-8")


def code_beside(folder: Path, **more: Any) -> Path:
    """``folder`` with a Python file that its configurations ask for."""
    (folder / "evil.py").write_text(f"from pathlib import Path\nPath({CANARY!r}).touch()\nclass Evil: pass\n")
    classes = ("AutoConfig", "AutoModelForCausalLM", "AutoModel")
    edit(folder / "config.json", auto_map=dict.fromkeys(classes, "evil.Evil"), **more)
    auto_tokenizer = {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}
    edit(folder / "tokenizer_config.json", auto_map=auto_tokenizer, tokenizer_class="Evil")
    return folder


def run_folder(place: Path, stage: str, **manifest: Any) -> Path:
    """A run whose only part is ``model`` as the outcome of ``stage``."""
    part = place / f"{stage}-1"
    (place / "model").rename(part)
    common = {"report": {}, "made": "2026", "inputs": {}, "fingerprint": "", "seed": 1}
    write_json(part / MANIFEST, {"stage": stage} | common | manifest)
    (place / "run-1").mkdir()
    about = {"stage": "run", "report": {"parts": [part.name]}, "config": {"seed": 1, "x": TARGET}}
    write_json(place / "run-1" / MANIFEST, about | {"made": "2026", "inputs": {}})
    return place / "run-1"


def translated(*where: str) -> None:
    translate.main(["--to", "zh", *where, "a cat sat"])


def target_in_manifest(place: Path) -> None:
    run = run_folder(place, "prompt", config=TARGET, generation=TARGET)
    translated("--run", str(run))


def target_in_manifest_of_bootstrap(place: Path) -> None:
    run = run_folder(place, "bootstrap", config=TARGET, report={"kind": TARGET, "warnings": []})
    translated("--run", str(run))


def target_in_prompts(place: Path) -> None:
    settings = {"format": 1, "languages": ["en", "zh"], "generation": TARGET, "written": {}}
    write_json(place / "model" / "prompts.json", settings)
    translated("--model", str(place / "model"))


def target_in_translator(place: Path) -> None:
    edit(place / "model" / "translator.json", generation=TARGET, search=TARGET, _target_="os.system")
    translated("--model", str(place / "model"))


def target_in_run_of_a_sweep(place: Path) -> None:
    run_folder(place, "align", report={"verdict": {"label": "aligned"}})
    sys.argv = ["sweep", str(place)]
    sweep.main()


def code_of_a_known_model(place: Path) -> None:
    load(code_beside(place / "model"))


def code_of_an_unknown_model(place: Path) -> None:
    folder = code_beside(place / "model", model_type="evil")
    assert undivided_kind(str(folder), "t5gemma2") is None
    load(folder)


def code_of_a_tokenizer(place: Path) -> None:
    folder = code_beside(place / "model")
    (folder / "languages.json").unlink()
    PretrainedTokenizer(str(folder)).learn({EN: ["a"], ZH: ["b"]}, {})


def kernels_of_the_hub(place: Path) -> None:
    name = "somebody/kernels"
    edit(place / "model" / "config.json", _attn_implementation=name, attn_implementation=name)
    load(place / "model")


def pickled_weights(place: Path) -> None:
    (place / "model" / "model.safetensors").unlink()
    (place / "model" / "pytorch_model.bin").write_bytes(pickle.dumps(Payload()))
    load(place / "model")


def pickle_named_safetensors(place: Path) -> None:
    (place / "model" / "model.safetensors").write_bytes(pickle.dumps(Payload()))
    translated("--model", str(place / "model"))


def pickled_vectors(place: Path) -> None:
    with (place / "en.vec").open("wb") as file:
        np.save(file, np.array([Payload()], dtype=object), allow_pickle=True)
    read_vectors(place / "en.vec", frozenset(["a"]))


def pickled_word_space(place: Path) -> None:
    (place / "en.json").write_bytes(pickle.dumps(Payload()))
    (place / "en.safetensors").write_bytes(pickle.dumps(Payload()))
    WordSpace.load(place, EN)


def pickled_checkpoint(place: Path) -> None:
    folder = place / "checkpoints" / "10"
    folder.mkdir(parents=True)
    (folder / "tensors.safetensors").write_bytes(pickle.dumps(Payload()))
    digest = hashlib.file_digest((folder / "tensors.safetensors").open("rb"), "blake2b").hexdigest()
    write_json(folder / "state.json", {"digest": digest})
    Checkpoints(place / "checkpoints").newest()


def pickled_archive(place: Path) -> None:
    (place / "text.umt").write_bytes(pickle.dumps(Payload()))
    archive.main(["decompress", str(place / "text.umt"), str(place / "model"), str(place / "out")])


def archive_of_another_header(place: Path) -> None:
    archiver = Archiver.open(place / "model", None, quiet)
    made, _ = archiver.compress(b"a cat sat on the mat", quiet)
    for byte in range(len(made)):
        changed = made[:byte] + bytes([made[byte] ^ 0xFF]) + made[byte + 1 :]
        with pytest.raises(BadInput):
            archiver.decompress(changed, place / "text.umt", quiet)
    assert archiver.decompress(made, place / "text.umt", quiet) == b"a cat sat on the mat"


def parts_elsewhere(place: Path) -> None:
    run = run_folder(place, "train_translator")
    edit(run / MANIFEST, report={"parts": [f"train_translator-/../../{place.name}/train_translator-1"]})
    with pytest.raises(SystemExit):
        translated("--run", str(run))
    edit(run / MANIFEST, report={"parts": [str(place / "train_translator-1")]})
    translated("--run", str(run))


def loading_script_of_a_corpus(place: Path) -> None:
    folder = place / "corpus"
    folder.mkdir()
    script = f"from pathlib import Path\nPath({CANARY!r}).touch()\n"
    for name in ("corpus.py", "dataset.py", "setup.py", "sitecustomize.py", "conftest.py"):
        (folder / name).write_text(script)
    corpus = HubDataset((EN, ZH), str(folder), None, "", relation=None)
    next(iter(corpus.sentences(EN)))


def configuration_in_the_working_directory(place: Path) -> None:
    """Files that a program might pick up from where it is started."""
    for name in ("sitecustomize.py", "umt_plugin.py", "transformers_modules.py", "config.py"):
        (place / name).write_text(f"from pathlib import Path\nPath({CANARY!r}).touch()\n")
    load(place / "model")


HOSTILE: list[Callable[[Path], None]] = [
    target_in_manifest,
    target_in_manifest_of_bootstrap,
    target_in_prompts,
    target_in_translator,
    target_in_run_of_a_sweep,
    code_of_a_known_model,
    code_of_an_unknown_model,
    code_of_a_tokenizer,
    kernels_of_the_hub,
    pickled_weights,
    pickle_named_safetensors,
    pickled_vectors,
    pickled_word_space,
    pickled_checkpoint,
    pickled_archive,
    archive_of_another_header,
    parts_elsewhere,
    loading_script_of_a_corpus,
    configuration_in_the_working_directory,
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.__name__)
def test_nothing_in_a_hostile_folder_runs(hostile: Callable[[Path], None], place: Path) -> None:
    with suppress(BadInput, SystemExit):
        hostile(place)
    assert not list(place.rglob(CANARY))


def test_the_canary_would_sing(place: Path) -> None:
    pickle.loads(pickle.dumps(Payload()))
    assert (place / CANARY).exists()


def test_a_changed_file_of_a_run_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = place / "model" / "model.safetensors"
    run = run_folder(place, "train_translator", files={weights.name: file_digest(weights)})
    translated("--run", str(run))
    changed = bytearray((place / "train_translator-1" / weights.name).read_bytes())
    changed[-1] ^= 1
    (place / "train_translator-1" / weights.name).write_bytes(changed)
    with pytest.raises(SystemExit):
        translated("--run", str(run))
    assert "is not as it was written" in capsys.readouterr().err


def test_missing_weights_are_refused(place: Path) -> None:
    model = load(place / "model")
    larger = replace(TINY, layers=2)
    save(JointLM.create(larger, len(model.head), torch.Generator().manual_seed(1)), place / "large")
    shutil.copy(place / "model" / "model.safetensors", place / "large")
    with pytest.raises(BadInput, match=r"its weights lack model\.layers\.1"):
        load(place / "large")


def test_a_tokenizer_with_more_subwords_than_the_network_has_rows(place: Path) -> None:
    Tokenizer.train(LINES, 310).save(place / "model")
    with pytest.raises(BadInput, match=r"its tokenizer has 3.. subwords, its network .* rows"):
        NeuralTranslator.load(place / "model", EN, ZH)


def test_control_characters_of_a_run_stay_from_the_terminal(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b]0;title\x07\x9b31m[/] [bold]"
    run = run_folder(place, "train_translator", report={"warnings": [evil], "summary": evil})
    translated("--run", str(run))
    edit(run / MANIFEST, report={"parts": [f"words{evil}"]})
    with pytest.raises(SystemExit):
        translated("--run", str(run))
    shown = capsys.readouterr().err
    assert "[bold]" in shown
    assert not any((ord(letter) < 32 and letter != "\n") or 0x7F <= ord(letter) < 0xA0 for letter in shown)
    Artefact.open(place / "train_translator-1").verify()
    assert not os.path.exists(CANARY)

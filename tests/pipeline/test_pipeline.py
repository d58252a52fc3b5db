"""The whole way, from raw text to signed scores, on a small world; and every kind of bad input."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from umt.evaluation.finished_runs import LOG, FinishedRun
from umt.pipeline.artefact import Artefact
from umt.pipeline.saved import bootstrap_translator
from umt.smt.translator import PhraseBasedTranslator
from umt.types import Lang

ROOT = Path(__file__).parents[2]
SMALL = [
    "corpus.size=4000",
    "evaluation.split=test",
    "runtime.workers=1",
    "on_failed=continue",
    "words.dim=80",
    "aligner=cooccurrence",
    "aligner.words=400",
    "bootstrap.rounds=1",
    "bootstrap.sentences=1000",
    "translator.optimisation.steps=10",
    "translator.synthesis.bootstrap_sentences=300",
    "translator.validation.count=1",
    "translator.validation.sentences=10",
    "tokenizer.vocabulary=700",
    "lm.optimisation.steps=3",
    "lm.consecutive=2",
]
BLIND = """
import runpy, sys
from umt.corpus.files import ParallelFiles
from umt.corpus.synthetic.source import WorldPairs

opened = WorldPairs.pairs

def refuse(self):
    if self.name == "dev" and "evaluation.split=dev" in sys.argv:
        return opened(self)
    raise AssertionError("held-out pairs were opened")

ParallelFiles.pairs = WorldPairs.pairs = refuse
del sys.argv[0]
sys.path.insert(0, "")
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a program that fails where it opens held-out pairs, but for those of ``dev`` where they are scored."""


def ran(line: list[str], store: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, *line, f"store={store}", *SMALL, *overrides]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)


def command(program: str, store: Path, *overrides: str) -> str:
    done = ran([program], store, *overrides)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def trained(store: Path) -> str:
    """Trained where nobody can open a held-out pair: every test here that needs a run is a proof of that."""
    done = ran(["-c", BLIND, "train.py"], store)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_only_evaluation_opens_held_out_pairs(store: Path, trained: str) -> None:
    done = ran(["-c", BLIND, "evaluate.py"], store)
    assert done.returncode != 0
    assert "held-out pairs were opened" in done.stderr


def test_development_opens_dev_sets_alone_and_the_log_counts_test_sets(store: Path, trained: str) -> None:
    command("evaluate.py", store)
    log = (store / LOG).read_text(encoding="utf-8").splitlines()
    done = ran(["-c", BLIND, "evaluate.py"], store, "evaluation.split=dev")
    assert done.returncode == 0, done.stderr
    assert (store / LOG).read_text(encoding="utf-8").splitlines() == log
    assert json.loads(log[-1])["sets"] == ["test", "dictionary"]
    path = Path(done.stdout.splitlines()[-1].removeprefix("scores: "))
    assert json.loads(log[-1])["run"] == path.parent.name
    rows = json.loads(path.read_text(encoding="utf-8"))
    assert {row["set"] for row in rows if row["kind"] != "lexicon"} == {"dev"}
    assert {row["system"] for row in rows if row["kind"] == "lexicon"} == {"random", "unsupervised"}
    for name, split in (("report.html", "test"), ("report.dev.html", "dev")):
        assert re.search(rf"<td[^>]*>{split}</td>", (path.parent / name).read_text(encoding="utf-8"))
    assert FinishedRun(path.parent).provenance.split == "test"


@pytest.fixture(scope="module")
def scores(store: Path, trained: str) -> list[dict[str, Any]]:
    last = command("evaluate.py", store).splitlines()[-1]
    assert last.startswith("scores: ")
    rows: list[dict[str, Any]] = json.loads(Path(last.removeprefix("scores: ")).read_text(encoding="utf-8"))
    return rows


def test_training_says_where_the_run_is(trained: str) -> None:
    last = trained.splitlines()[-1]
    assert last.startswith("run: ")
    assert (Path(last.removeprefix("run: ")) / "manifest.json").exists()


def test_training_ends_with_a_translated_sentence_and_what_to_do_next(trained: str) -> None:
    *_, english, chinese, translate, serve, score, run = trained.splitlines()
    assert re.fullmatch(r"en: [A-Z].* .*", english)
    assert chinese.startswith("zh: ")
    directory = run.removeprefix("run: ")
    assert f'umt-translate --run {directory} --to zh "' in translate
    assert f"umt-serve {directory}" in serve
    assert f"umt-evaluate resume={directory}" in score


def test_a_run_is_taken_up_again_by_its_folder(trained: str) -> None:
    last = trained.splitlines()[-1]
    line = [sys.executable, "train.py", f"resume={last.removeprefix('run: ')}", "on_failed=continue"]
    again = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert again.splitlines()[-1] == last
    assert again.count(" kept ") == len(re.findall(r"\d\.\d s  ", trained))


def test_nothing_is_built_twice(store: Path, trained: str) -> None:
    again = command("train.py", store)
    assert again.count(" kept ") == len(re.findall(r"\d\.\d s  ", trained))  # not the lines of progress
    assert again.splitlines()[-1] == trained.splitlines()[-1]


def test_building_again_is_the_same_run(store: Path, trained: str) -> None:
    again = command("train.py", store, "rebuild=[align_supervised]")
    assert again.splitlines()[-1] == trained.splitlines()[-1]
    assert len(again.split(" kept ")) < len(trained.split(" s  "))


def test_a_further_test_set_trains_nothing(store: Path, trained: str, good: dict[str, Path]) -> None:
    sets = f"source: '{good['en']}', target: '{good['zh']}', languages: [en, zh]"
    output = command(
        "train.py", store, f"+evaluation.sets.more={{_target_: umt.corpus.files.ParallelFiles, {sets}}}"
    )
    built = {line.split()[0] for line in output.splitlines() if " s  " in line}
    assert built == {"prepare", "run"}


def test_scores_carry_their_recipe(scores: list[dict[str, Any]]) -> None:
    keys = {"system", "set", "direction", "name", "value", "low", "high", "signature", "seconds"}
    keys |= {"kind", "parallel_pairs", "references"}
    assert all(set(row) == keys for row in scores)
    systems = {"copy", "random", "phrase-based", "unsupervised", "supervised", "translator"}
    systems |= {"joint model", "real text"}
    systems |= {"translator, given the source"}
    assert {row["system"] for row in scores} == systems
    of_bits = {row["direction"] for row in scores if row["system"] == "joint model"}
    assert of_bits == {"en", "zh", "together"}
    assert {row["direction"] for row in scores} - of_bits == {"en-zh", "zh-en"}
    assert {"bleu", "chrf", "p@1", "p@5"} <= {row["name"] for row in scores}
    chinese = [row for row in scores if row["name"] == "bleu" and row["direction"] == "en-zh"]
    assert all("tok:zh" in row["signature"] for row in chinese)


def test_another_run_stands_in_the_same_table(store: Path, scores: list[dict[str, Any]]) -> None:
    [run] = {path.parent for path in store.glob("run-*/scores.json")}
    other = [f"+evaluation.external.twin={run}", "evaluation.compare.systems=[translator,twin]"]
    last = command("evaluate.py", store, *other).splitlines()[-1]
    rows = json.loads(Path(last.removeprefix("scores: ")).read_text(encoding="utf-8"))
    result = {row["system"]: row for row in rows if (row["name"], row["direction"]) == ("bleu", "en-zh")}
    assert result["twin"] == {**result["translator"], "system": "twin", "seconds": 0.0}
    assert {row["value"] for row in rows if row["name"] == "p bleu"} == {1.0}


def test_the_report_shows_how_networks_learned(store: Path, scores: list[dict[str, Any]]) -> None:
    [page] = store.glob("run-*/report.html")
    text = page.read_text(encoding="utf-8")
    assert "Training: pretrain" in text
    assert "Training: train_translator" in text


def test_a_known_dictionary_beats_the_baselines(scores: list[dict[str, Any]]) -> None:
    def bleu(system: str) -> float:
        [row] = [
            row
            for row in scores
            if (row["system"], row["name"], row["direction"], row["set"]) == (system, "bleu", "en-zh", "test")
        ]
        return float(row["value"])

    assert bleu("supervised") > 3 * max(bleu("copy"), bleu("random"), 1)


def test_only_drafts_are_searched_in_haste(store: Path, trained: str) -> None:
    [_, learned] = sorted(store.glob("bootstrap-*"), key=lambda path: path.stat().st_mtime)
    manifest = json.loads((learned / "manifest.json").read_text(encoding="utf-8"))
    artefact, way = Artefact(learned, manifest), (Lang("en"), Lang("zh"))
    whole, hasty = (bootstrap_translator(artefact.path, "phrase-based", *way, fast) for fast in (False, True))
    assert isinstance(whole, PhraseBasedTranslator)
    assert isinstance(hasty, PhraseBasedTranslator)
    assert whole.search.beam == manifest["config"]["beam"] == 4 * hasty.search.beam


def test_prompts_stand_beside_what_learned_from_them(store: Path, trained: str) -> None:
    few = ["bootstrap=fewshot", "bootstrap.mining_sentences=1000", "bootstrap.sentences=40"]
    few += ["bootstrap.candidates=1", "bootstrap.shots=1"]
    output = command("train.py", store, *few)
    assert " mined" in output
    last = command("evaluate.py", store, *few).splitlines()[-1]
    rows = json.loads(Path(last.removeprefix("scores: ")).read_text(encoding="utf-8"))
    result = {row["system"] for row in rows if row["name"] == "bleu"}
    assert result == {"copy", "few-shot", "translator"}


def test_a_cell_that_fails_does_not_end_a_sweep(store: Path, trained: str) -> None:
    done = ran(["train.py", "-m"], store, "translator.validation.count=0,1")
    assert done.returncode == 2
    assert done.stdout.splitlines()[-1] == trained.splitlines()[-1]
    first, *_, last = done.stderr.strip().splitlines()
    assert "translator.validation.count must be positive, got 0" in first
    assert "one run of the sweep failed" in last


def test_another_way_to_evaluate_trains_nothing(store: Path, scores: list[dict[str, Any]]) -> None:
    before = {path: path.stat().st_mtime for path in store.iterdir()}
    bleu = "{_target_: umt.evaluation.metrics.Bleu, resamples: 200}"
    output = command(
        "evaluate.py", store, f"evaluation.metrics=[{bleu}]", "search@evaluation.generation.search=greedy"
    )
    last = Path(output.splitlines()[-1].removeprefix("scores: "))
    made = {path for path in store.iterdir() if path.stat().st_mtime != before.get(path)}
    rows = json.loads(last.read_text(encoding="utf-8"))
    assert made == {last.parent, store / LOG}
    assert not any(row["name"] == "chrf" for row in rows)
    bleu_rows = [row for row in rows if (row["system"], row["name"]) == ("phrase-based", "bleu")]
    assert [row["value"] for row in bleu_rows] == [
        row["value"] for row in scores if (row["system"], row["name"]) == ("phrase-based", "bleu")
    ]


def test_evaluation_never_trains(tmp_path: Path) -> None:
    line = [sys.executable, "evaluate.py", f"store={tmp_path}", *SMALL]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "run python train.py" in done.stderr
    assert list(tmp_path.iterdir()) == []

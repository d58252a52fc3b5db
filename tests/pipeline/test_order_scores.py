"""Document order of the outputs of a run: beside that of real text, and not without it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from tests.small_story import reader, story
from umt.evaluation.external_systems import FOLDER, translations_file
from umt.evaluation.finished_runs import TestSet as ScoredSet
from umt.evaluation.rows import ScoreRow
from umt.lm.loading import record_objectives, save
from umt.pipeline.order_scores import missing_order, order_scores
from umt.types import Score

SILENT: Any = SimpleNamespace(progress=lambda *_: None)
CONFIG = OmegaConf.create(
    {
        "evaluation": {"order": {"_target_": "umt.lm.sentence_order.SentenceOrder", "window": 30}},
        "runtime": {"kernels": True},
        "lm": {"consecutive": 20},
    }
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    model, directory = tmp_path_factory.mktemp("model"), tmp_path_factory.mktemp("run")
    scorer, _ = reader(model)
    record_objectives(scorer.model, ["causal"])
    save(scorer.model, model)
    scorer.tokenizer.save(model)
    (directory / FOLDER).mkdir()
    lines, random = story(80), np.random.default_rng(6)
    permuted = [lines[place] for place in random.permutation(80)]
    for name, references in (("novel", lines), ("list", permuted)):
        ScoredSet(["x"] * 80, [[line] for line in references]).save(directory, name, "zh-en")
        for system, outputs in (("good", lines), ("hallucinating", permuted), ("copy", lines)):
            path = translations_file(directory, name, "zh-en", system)
            path.write_text("\n".join(outputs) + "\n", encoding="utf-8")
    return SimpleNamespace(directory=directory, model=SimpleNamespace(path=model))


def rows(name: str) -> list[ScoreRow]:
    systems = ("copy", "good", "hallucinating")
    return [ScoreRow(system, name, "zh-en", Score("bleu", 1, 1, 1, ""), 0.0) for system in systems]


def test_outputs_stand_beside_real_text(run: Any) -> None:
    scores = {row.system: row.score for row in order_scores(CONFIG, run, rows("novel"), SILENT)}
    assert list(scores) == ["real text", "good", "hallucinating"]
    assert scores["good"] == scores["real text"]
    assert scores["good"].low > 0 > scores["hallucinating"].low
    assert list(missing_order(CONFIG, [*order_scores(CONFIG, run, rows("novel"), SILENT)])) == []


def test_a_set_without_order_judges_nothing(run: Any) -> None:
    measured = [*order_scores(CONFIG, run, rows("list"), SILENT)]
    assert [row.system for row in measured] == ["real text"]
    [sentence] = missing_order(CONFIG, measured)
    assert sentence.startswith(
        "no order in list zh → en: its real text reads no better in order than permuted"
    )
    assert "lm.consecutive=20" in sentence


@pytest.mark.parametrize("left_out", [{"evaluation": {"order": None}}, {"lm": {"consecutive": 1}}])
def test_it_is_left_out_on_request_and_where_the_model_read_shuffled_sentences(
    run: Any, left_out: dict[str, Any]
) -> None:
    off = OmegaConf.merge(CONFIG, left_out)
    assert [*order_scores(off, run, rows("novel"), SILENT)] == []  # type: ignore[arg-type]

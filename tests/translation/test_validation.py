"""Validation measures round trips, and the filters and guards of synthetic sources act one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.small_translation import EN, ZH, cipher, network
from umt.lm.generation import Direction, Generation, Output
from umt.lm.joint_lm import JointLM
from umt.text.tokenizer import Ids
from umt.training.objective import Loss
from umt.translation.back_translation import BackTranslation
from umt.translation.objectives import SequenceBatch, TranslationTask
from umt.translation.quality.collapse_guard import CollapseGuard, OutputHealth
from umt.translation.quality.criteria import round_trip_bleu
from umt.translation.quality.filters import Filters, OutputStatistics, SubwordUsage
from umt.translation.quality.validation import ValidationSample
from umt.translation.synthesis import SyntheticSources, SyntheticSourceWriter
from umt.types import Lang, Score


@dataclass(frozen=True)
class Scripted(Generation):
    """English is translated by its reversal, Chinese by its reversal without the last word."""

    english: int = 0

    def generate(
        self,
        model: JointLM,
        sources: Sequence[Ids],
        direction: Direction,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> list[list[Output]]:
        cut = 0 if direction.source == self.english else 1
        return [[Output(ids[::-1][: len(ids) - cut].astype(np.int64), 1.0, True)] for ids in sources]


def test_round_trip_compares_the_sentence_with_its_translation_back(tmp_path: Path) -> None:
    tokenizer, texts, _ = cipher(tmp_path, 40)
    sentences = {text.lang: [np.asarray(text.ids(line)) for line in range(20)] for text in texts}
    sample = ValidationSample(sentences, SubwordUsage.count(tokenizer, texts))
    result = sample.examine(network(tokenizer), tokenizer, Scripted(english=tokenizer.tag(EN)))
    # reversed twice; the word that is cut is the last of an English sentence, the first of a Chinese one
    expected = [
        round_trip_bleu(sentences[EN], [ids[:-1] for ids in sentences[EN]]),
        round_trip_bleu(sentences[ZH], [ids[1:] for ids in sentences[ZH]]),
    ]
    assert result.criteria["round_trip"] == pytest.approx(np.mean(expected))
    assert 20 < result.criteria["round_trip"] < 99


def test_order_of_translations_is_a_criterion_where_it_is_asked_for(tmp_path: Path) -> None:
    tokenizer, texts, _ = cipher(tmp_path, 40)
    sentences = {text.lang: [np.asarray(text.ids(line)) for line in range(5)] for text in texts}
    gains = {EN: 0.1, ZH: 0.3}

    def order(translations: Sequence[Ids], lang: Lang) -> Score:
        other = EN if lang == ZH else ZH
        cut = len(translations[0]) - len(sentences[other][0])
        assert cut == (0 if lang == ZH else -1), "the translations into the language"
        return Score("order gain", gains[lang], 0.0, 1.0, "")

    usage, generation = SubwordUsage.count(tokenizer, texts), Scripted(english=tokenizer.tag(EN))
    without, measured = (
        ValidationSample(sentences, usage, each).examine(network(tokenizer), tokenizer, generation).criteria
        for each in (None, order)
    )
    assert measured.pop("order") == pytest.approx(0.2)
    assert measured == without


SOUND = OutputStatistics(np.ones(5), np.zeros(5), np.zeros(5), np.zeros(5))
OFF = Filters(None, None, None, None)


@pytest.mark.parametrize(
    ("filters", "statistic", "values"),
    [
        (replace(OFF, length_ratio=2.0), "length", [1.0, 2.1, 0.45, 1.9, 0.55]),
        (replace(OFF, copied=0.5), "copied", [0.0, 0.6, 0.51, 0.5, 0.4]),
        (replace(OFF, wrong_language=0.3), "foreign", [0.0, 0.4, 0.31, 0.3, 0.2]),
        (replace(OFF, repeated_bigrams=0.4), "repeated_bigrams", [0.0, 0.5, 0.41, 0.4, 0.3]),
    ],
)
def test_filters_reject_by_their_own_statistic(filters: Filters, statistic: str, values: list[float]) -> None:
    expected = [True, False, False, True, True]
    statistics = replace(SOUND, **{statistic: np.array(values)})
    assert filters.accept(statistics).tolist() == expected
    assert Filters().accept(statistics).tolist() == expected, "the defaults hold every filter"
    assert OFF.accept(statistics).all()


def test_source_writer_rejects_what_its_filters_reject(tmp_path: Path) -> None:
    """Copies are complete and not empty: nothing but the filter stands against them."""
    tokenizer, texts, _ = cipher(tmp_path, 40)

    class Copying(Scripted):
        def generate(self, model: JointLM, sources: Sequence[Ids], *_: object) -> list[list[Output]]:  # type: ignore[override]
            return [[Output(ids.astype(np.int64), 1.0, True)] for ids in sources]

    sentences = [np.asarray(texts[0].ids(line)) for line in range(10)]
    usage = SubwordUsage.count(tokenizer, texts)
    for filters, accepted in ((replace(OFF, copied=0.5), 0), (OFF, 10)):
        writer = SyntheticSourceWriter(tokenizer, (EN, ZH), Copying(), filters, usage)
        written = writer.write(network(tokenizer), 0, sentences, torch.Generator())
        assert written.accepted.sum() == accepted
        assert (writer.accepted, writer.written) == (accepted, 10)


@dataclass(frozen=True)
class Recording(TranslationTask):
    """Keeps the batches that are learned from."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "batches", [])

    def loss(
        self,
        model: JointLM,
        batch: SequenceBatch,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> Loss:
        self.batches.append(batch)
        return Loss(torch.zeros(()), 1, 1)

    batches: list[SequenceBatch] = None  # type: ignore[assignment]


class EveryThird(SyntheticSourceWriter):
    """Writes the sentence itself, and accepts every third one."""

    def write(
        self,
        model: JointLM,
        side: int,
        sentences: Sequence[Ids],
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> SyntheticSources:
        accepted = np.arange(len(sentences)) % 3 == 0
        self.wanted = [ids.tolist() for ids, good in zip(sentences, accepted, strict=True) if good]
        return SyntheticSources(list(sentences), np.ones(len(sentences), dtype=bool), accepted)

    wanted: list[list[int]]


def test_back_translation_learns_from_accepted_sources_only(tmp_path: Path) -> None:
    tokenizer, texts, _ = cipher(tmp_path, 100)
    task = Recording(tokenizer, steps=10, tokens=200, max_tokens=60, seed=1)
    usage = SubwordUsage.count(tokenizer, texts)
    writer = EveryThird(tokenizer, (EN, ZH), Generation(workers=1), OFF, usage)
    objective = BackTranslation(task, texts, writer, batches_per_generation=2)
    for step in range(2):
        objective.loss(network(tokenizer), step, torch.Generator().manual_seed(step))
    targets = [
        row[1:][costs][:-1].tolist()
        for batch in task.batches
        for row, costs in zip(batch.ids, batch.is_target, strict=True)
    ]
    assert targets == writer.wanted
    assert len(targets) >= 2


HEALTHY = OutputHealth(foreign=0.0, copied=0.0, repeated=0.0, length=1.0, diversity=1.0, finished=1.0)


@pytest.mark.parametrize(
    ("field", "allowed", "collapsed", "reason"),
    [
        ("length", [1 / 3, 3.0], [0.33, 3.01], "times as long"),
        ("foreign", [0.3], [0.31], "wrong language"),
        ("copied", [0.5], [0.51], "copied"),
        ("repeated", [0.4], [0.41], "repeats itself"),
        ("diversity", [0.1], [0.09], "of the words"),
        ("finished", [0.5], [0.49], "of its sentences end"),
    ],
)
def test_guard_fires_beyond_every_threshold(
    field: str, allowed: list[float], collapsed: list[float], reason: str
) -> None:
    guard = CollapseGuard()
    for value in allowed:
        assert guard.diagnose({"en-zh": replace(HEALTHY, **{field: value})}) is None
    for value in collapsed:
        problem = guard.diagnose({"zh-en": HEALTHY, "en-zh": replace(HEALTHY, **{field: value})})
        assert problem is not None
        assert reason in problem
        assert "en-zh" in problem

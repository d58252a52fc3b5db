"""The study over the dials of the generated world: its settings, its codes, and its correlations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.transfer import dials, sweep
from benchmarks.transfer.prediction import correlations, partial_spearman, phases
from umt.align import Alignment, Verdict
from umt.embeddings.lexicon import Lexicon
from umt.embeddings.wordspace import Embeddings
from umt.types import Lang

EN, ZH = Lang("en"), Lang("zh")


def test_settings_are_many_and_each_once() -> None:
    settings = dials.settings()
    assert len(settings) >= 200
    assert len({tuple(sorted(each.items())) for each in settings}) == len(settings)
    assert {each["size"] for each in settings[:20]} == set(dials.SIZES)
    assert {"world", "none", None} == {each.get("mismatch") for each in settings}


def test_mismatched_sides_come_from_two_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = {"size": 20, "seed": 1}
    monkeypatch.setattr(dials, "SIZES", (50,))
    monkeypatch.setattr(dials, "FRESH", 10)
    mismatched, matched = dials.source({**setting, "mismatch": "world"}), dials.source(setting)
    assert [*mismatched.sentences(EN)] == [*matched.sentences(EN)]
    assert [*mismatched.sentences(ZH)] != [*matched.sentences(ZH)]
    fresh = [*dials.source(setting, fresh=True).sentences(EN)]
    assert fresh == [*dials.world({"size": 60, "seed": 1}).sentences(EN)][50:]


def company(seed: int, names: tuple[str, ...]) -> list[list[str]]:
    """Sentences of words that occur with the other words of their group, under these names."""
    random = np.random.default_rng(seed)
    groups = np.split(np.arange(len(names)), len(names) // 6)
    return [
        [names[word] for word in random.choice(groups[random.integers(len(groups))], 5)] for _ in range(2000)
    ]


def test_the_right_lexicon_saves_bits_and_a_permuted_one_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "CODED", 1200)
    names = [tuple(f"{lang}{number}" for number in range(240)) for lang in (EN, ZH)]
    sentences = dict(zip((EN, ZH), (company(seed, own) for seed, own in enumerate(names)), strict=True))
    vectors = torch.randn(240, 70, generator=torch.Generator().manual_seed(1))
    rows, sure = torch.arange(240)[:, None], torch.ones(240, 1)
    alignment = Alignment(
        Embeddings(names[0], vectors), Embeddings(names[1], vectors),
        Lexicon(names[0], names[1], rows, sure), Lexicon(names[1], names[0], rows, sure),
        (), Verdict("aligned", 1.0, 0.0, ""),
    )  # fmt: skip

    class Text:
        languages = EN, ZH
        words = staticmethod(sentences.__getitem__)

    saved = sweep.gains(Text, Text, alignment, 1)  # type: ignore[arg-type]
    assert saved["lexicon"] > 0.5
    assert abs(saved["permuted"]) < 0.2 * saved["lexicon"]


def test_words_as_symbols_are_the_text() -> None:
    text = sweep.coded_words([["B", "a"], ["c", "a"]], ("a", "b"), EN, 9)
    assert [*text.numbers[text.codes]] == [1, 0, sweep.WORDS + 1, sweep.WORDS, 0, sweep.WORDS + 1]
    assert [*text.ends] == [3, 6]


def test_a_predictor_that_knows_the_size_alone_has_no_partial_correlation() -> None:
    random = np.random.default_rng(0)
    size, quality = random.normal(size=300), random.normal(size=300)
    outcome, blind = size + quality, size + 0.3 * random.normal(size=300)
    assert partial_spearman(blind, outcome) > 0.5
    assert abs(partial_spearman(blind, outcome, size)) < 0.15
    assert partial_spearman(quality, outcome, size) > 0.9
    assert partial_spearman(np.exp(quality), quality) == pytest.approx(1)


def test_tables_say_what_the_runs_say() -> None:
    """Agreement orders the runs as P@1 does, the gain of the code the other way; an error is left out."""
    runs = []
    for number, (size, shift) in enumerate(
        (size, shift) for size in (1000, 2000) for shift in (0, 0.25, 0.5)
    ):
        quality = (number + 1) / 8
        result = {
            **dict.fromkeys(("lexicon", "reverse lexicon"), -quality),
            **dict.fromkeys(("permuted", "reverse permuted", "mutual", "round trip"), 0.0),
            "agreement": quality,
            "cosine": 0.1 * number**3,
            "p@1": [quality, quality],
            "bleu": [10 * quality, 12 * quality],
        }
        runs.append({"size": size, "domain_shift": shift, "seed": 1, "result": result})
    runs.append({"size": 1000, "domain_shift": 1.0, "seed": 1, "result": {"error": "too little text"}})
    rows = {row.split(" | ")[0]: row for row in correlations(runs)[0].splitlines()}
    assert "6 runs" in rows["| predictor, 6 runs"]
    assert " 1.00 [1.00, 1.00] | 1.00 " in rows["| agreement of independent alignments"]
    assert " -1.00 [-1.00, -1.00] " in rows["| code: saved through the lexicon, both ways"]
    table, picture = phases(runs)
    assert "| 2,000 | 0.5 | 1 | -0.75 | -0.75 | 0.750 | 0.750 | 8.2 |" in table
    assert picture.count("P@1 0.750") == 1

"""The page of a run: complete, escaped, self-contained; and the scores by part that stand on it."""

from __future__ import annotations

import errno
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch import Generator

from tests.two_languages import two_languages
from umt.align import Alignment
from umt.align.refinement import Refinement
from umt.align.strategies.cooccurrence import Cooccurrence
from umt.corpus.dictionary import Dictionary
from umt.evaluation.finished_runs import Provenance
from umt.evaluation.lexicon_rows import lexicon_rows, unknown_dictionary
from umt.evaluation.report.figures import histograms, intervals, line_chart, remove_overlaps, scatter
from umt.evaluation.report.page import Cell, Figure, Heading, Paragraph, Section, Table, write_page
from umt.evaluation.report.score_tables import lexicon
from umt.evaluation.report.sections import (
    Sample,
    audit,
    headline,
    how_it_was_made,
    samples,
    text_used,
    translation,
)
from umt.evaluation.report.shared_space import history, mutual_pairs, shared_space, similarities
from umt.evaluation.report.svg import standalone, ticks
from umt.evaluation.report.training_curves import training_curves
from umt.evaluation.rows import ScoreRow
from umt.runtime import files
from umt.types import Score

HERE = Provenance("0123456789", "2026-11-29 18:00", "1", "translations of each other")
SIDE = {"lines": 10, "kept": 8, "words": 80, "dropped": {"duplicate": {"count": 2, "example": "a < b"}}}
LEAKS = {
    "removed": {"en": {"leak: exact": 1}, "zh": {"leak: exact": 0}},
    "by_set": {"test": {"en": 1, "zh": 0}},
}
TEXT: dict[str, Any] = {
    "sides": {"en": SIDE, "zh": SIDE},
    "leaks": LEAKS,
    "alignment": {"statement": "no accidental alignment found"},
    "shared_content": "no sentences with counterparts",
}
BRIDGE = {"verdict": {"label": "aligned", "reason": "independent runs agree"}}


@pytest.fixture(scope="module")
def alignment() -> Alignment:
    source, target = two_languages(150)
    return Cooccurrence(words=150, drop=2, refinement=Refinement((0,), candidates=5)).align(
        source, target, Generator().manual_seed(0)
    )


@pytest.fixture(scope="module")
def truth(alignment: Alignment) -> Dictionary:
    words = {f"en{number}": frozenset({f"zh{number}"}) for number in range(150)}
    return Dictionary({**words, "en-nowhere": frozenset({"zh-nowhere"})})


@pytest.fixture(scope="module")
def rows(alignment: Alignment, truth: Dictionary) -> list[ScoreRow]:
    kinds = {
        f"{lang}{number}": "verb" if number % 2 else "noun" for lang in ("en", "zh") for number in range(150)
    }
    result = list(lexicon_rows({"lexical": alignment}, truth, kinds, ("en-zh", "zh-en")))
    result.append(ScoreRow("lexical", "test", "en-zh", Score("bleu", 13.0, 12.4, 13.6, "tok:zh"), 1.0))
    return result


class Balanced(HTMLParser):
    """Fails on a tag that is closed by another."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_nothing_of_the_network(
    tmp_path: Path, rows: list[ScoreRow], alignment: Alignment, truth: Dictionary
) -> None:
    message = Sample("test", "en-zh", "Is 1 < 2?", ("一小于二吗？",), {"lexical": "一 <b> 二"})
    sections = [
        headline(rows, TEXT, BRIDGE),
        translation(rows, HERE),
        samples([message]),
        lexicon(rows, HERE),
        shared_space(alignment, ("en", "zh"), 60),
        similarities(alignment, truth, Generator().manual_seed(0)),
        history(alignment),
        text_used(TEXT),
        audit(TEXT),
    ]
    write_page(tmp_path / "report.html", "A & B", "one run", sections)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert not re.search(r"(src|href)=\"(?!#)|url\(|@import|<script src", page)
    for shown in (
        "A &amp; B",
        "Is 1 &lt; 2?",
        "一 &lt;b&gt; 二",
        "a &lt; b",
        "13.0",
        "12.4-13.6",
        "aligned",
        "zh7",
        '<dd lang="zh">一',
        "translations of each other",
        "0123456789",
    ):
        assert shown in page, shown
    for each in sections:
        assert f'href="#{each.anchor}"' in page
        assert f'id="{each.anchor}"' in page


def test_text_is_escaped_and_pictures_are_not() -> None:
    picture = line_chart({"a": [(1, 2), (2, 3)]}, "<x>", "y")
    blocks = [
        Heading("<i>"),
        Paragraph("<i>"),
        Table(["<i>"], [["<i>"], [Cell("一", "<i>", lang="zh")]], "<i>"),
        Figure(picture, "<i>"),
    ]
    html = Section("The shared space", "<i>", blocks).html()
    assert "<i>" not in html
    assert html.count("&lt;i&gt;") == 9
    assert "<svg" in html
    assert "&lt;x&gt;" in html
    assert '<td class="short" lang="zh">一 <small>' in html
    assert '<section id="the-shared-space">' in html


def test_a_full_disk_leaves_the_old_page_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_page(tmp_path / "report.html", "old", "", [])
    before = (tmp_path / "report.html").read_text(encoding="utf-8")

    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "_sync", full)
    with pytest.raises(OSError, match="No space left"):
        write_page(tmp_path / "report.html", "new", "", [])
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == before


def test_a_table_with_a_short_row_is_refused() -> None:
    with pytest.raises(ValueError, match="has not 2 cells"):
        Section("Scores", "", [Table(["x", "y"], [["a"]])]).html()


def test_scores_by_reading_frequency_and_part_of_speech(rows: list[ScoreRow]) -> None:
    scores = {(row.set, row.direction, row.system, row.score.name): row.score for row in rows}
    every = scores["dictionary", "en-zh", "lexical", "p@1"]
    assert every.value > 0.8
    assert "words:151" in every.signature
    assert scores["dictionary", "en-zh", "lexical", "coverage"].value == pytest.approx(150 / 151)
    for name in ("p@1", "p@1 covered", "p@5", "p@10", "mrr", "p@1 csls", "p@1 nn", "mrr covered nn"):
        for part in ("dictionary", "dictionary noun", "dictionary verb", "dictionary rank 1-150"):
            assert 0.7 < scores[part, "zh-en", "lexical", name].value <= 1
    assert scores["dictionary", "en-zh", "random", "p@1"].value < 0.1
    assert "by:nn" in scores["dictionary", "en-zh", "lexical", "p@1 nn"].signature


def test_a_system_may_know_no_word_of_a_subset(rows: list[ScoreRow]) -> None:
    some = [row for row in rows if (row.system, row.set) != ("lexical", "dictionary noun")]
    others = [replace(row, system="supervised") for row in rows if row.system == "lexical"]
    for each in (some, [*some, *others]):
        assert "verb" in lexicon(each, HERE).html()
    assert "noun" in lexicon([*some, *others], HERE).html()


def test_mutual_pairs_choose_each_other(alignment: Alignment) -> None:
    pairs = mutual_pairs(alignment).tolist()
    assert len(pairs) > 100
    for row, column in pairs:
        word, other = alignment.source.words[row], alignment.target.words[column]
        assert alignment.lexicon.translations(word)[0][0] == other
        assert alignment.reverse_lexicon.translations(other)[0][0] == word


def test_pictures_are_well_formed_on_their_own() -> None:
    values = torch.linspace(0, 1, 50).numpy()
    pictures = [
        line_chart({"a": [(1, 2), (2, 3)], "b": [(1, 1)]}, "step", "loss"),
        scatter({"a": [(0.1, 0.2, "x & y")]}, "criterion", "p@1"),
        histograms({"one": values, "other": values**2}, "cosine"),
        intervals(["noun", "verb"], {"a": [(0.5, 0.4, 0.6), None]}, "P@1"),
        intervals(["noun", "verb"], {"a": [(0.0, 0.0, 0.0), None]}, "P@1"),
        intervals(["noun"], {"a": [None]}, "P@1"),
    ]
    for each in pictures:
        root = ElementTree.fromstring(standalone(each))
        assert root.tag.endswith("svg")


def test_what_a_stage_noted_becomes_curves(tmp_path: Path) -> None:
    for name in ("run-1", "pretrain-1", "words-1"):
        (tmp_path / name).mkdir()
    output = {"inputs": {"pretrain-1": "2026", "words-1": "2026"}}
    (tmp_path / "run-1" / "manifest.json").write_text(json.dumps(output))
    noted = [
        {"step": step, "causal/nats": 5 / step, "denoising/nats": 6 / step, "norm": 1.0} for step in (1, 2, 3)
    ]
    log = "".join(json.dumps(each) + "\n" for each in noted)
    (tmp_path / "pretrain-1" / "metrics.jsonl").write_text(log)
    [section] = training_curves(tmp_path / "run-1")
    assert section.title == "Training: pretrain"
    assert section.html().count("<svg") == 2
    assert section.html().count('class="curve') == 3
    assert "denoising" in section.html()


def test_each_stage_has_its_commit_and_the_digest_of_its_code(tmp_path: Path) -> None:
    recipe = {"report": {"summary": "aligned"}, "seed": 1, "seconds": 2.0, "umt": "1", "torch": "2"}
    align = {**recipe, "stage": "align", "commit": "0123abcd4567", "code": "fedcba9876543210"}
    run = {**recipe, "stage": "run", "inputs": {"align-1": "2026"}, "config": {}}
    for name, manifest in (("align-1", align), ("run-1", run)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(json.dumps(manifest))
    page = how_it_was_made(tmp_path / "run-1").html()
    for cell in ("code of its strategy", "0123abcd4567", "fedcba9876"):
        assert f">{cell}<" in page


def test_ticks_are_round_and_few() -> None:
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks(-3, 47) == [0, 10, 20, 30, 40]
    assert ticks(0, 0) == [0]
    assert len(ticks(0.31, 0.337)) <= 7


def test_overlaps_of_labels_are_removed() -> None:
    spots = np.random.default_rng(0).normal(size=(60, 2)) * 60
    boxes = np.tile([30.0, 12.0], (60, 1))
    moved = remove_overlaps(spots, boxes)
    gap = np.abs(moved[:, None] - moved[None])
    overlap = np.minimum(30 - gap[..., 0], 12 - gap[..., 1])[np.triu_indices(60, 1)]
    assert (overlap > 3).sum() <= 2
    assert np.abs(moved - spots).mean() < 40


def test_a_dictionary_that_the_text_does_not_know_is_named() -> None:
    scores = [Score("coverage", share, share, share, "") for share in (0.012, 0.5)]
    rows = [ScoreRow("unsupervised", "dictionary", "en-zh", score, 0.0, "lexicon") for score in scores]
    [sentence] = unknown_dictionary(rows)
    assert sentence.startswith("en-zh: the text knows 1.2% of the dictionary")

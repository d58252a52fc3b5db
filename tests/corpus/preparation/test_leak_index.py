"""Planted leaks are found, and nothing else; aligned sides are told from independent ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from umt.corpus import ParallelSet
from umt.corpus.preparation.alignment_check import NOT_TESTED, accidental_alignment
from umt.corpus.preparation.cleaning import Preparation, SideStatistics
from umt.corpus.preparation.deduplication import key
from umt.corpus.preparation.held_out_filter import leak_index, leaked_lines
from umt.corpus.preparation.leak_index import LeakIndex, longest_shared_run
from umt.corpus.preparation.prepare import prepare_text
from umt.types import BadInput, Lang

EN, ZH = Lang("en"), Lang("zh")
HELD = {
    EN: [
        "The quick brown fox jumps over the lazy dog near the old river bank.",
        "We leave at 7 o'clock today.",
    ],
    ZH: ["那只敏捷的棕色狐狸在古老的河边跳过了那条懒惰的狗。", "我们今天七点钟就离开这里。"],
}
CLEAN = {
    EN: [
        "The dog sleeps near the old river bank.",
        "Nobody knows where the fox lives.",
        "Today we leave the town.",
    ],
    ZH: ["那条狗在河边睡觉。", "没有人知道狐狸住在哪里。", "今天我们离开这座城市。"],
}


@dataclass(frozen=True)
class Bag:
    """A held-out set that refuses to be opened as pairs."""

    name: str = "test"

    def unpaired_side(self, lang: Lang) -> list[str]:
        return sorted(HELD[lang])

    def pairs(self) -> ParallelSet:
        raise AssertionError("the audit must not see pairs")

    def digest(self) -> str:
        return ""


@dataclass(frozen=True)
class Lines(Bag):
    """A held-out set of these lines."""

    sides: Mapping[Lang, tuple[str, ...]] = field(kw_only=True)

    def unpaired_side(self, lang: Lang) -> list[str]:
        return sorted(self.sides[lang])


@dataclass(frozen=True)
class Given:
    """A source that holds its lines in memory."""

    sides: dict[Lang, list[str]]
    languages: tuple[Lang, Lang] = (EN, ZH)

    def sentences(self, lang: Lang) -> Iterator[str]:
        return iter(self.sides[lang])

    def digest(self) -> str:
        return ""

    @property
    def relation(self) -> None:
        return None

    def held_out(self) -> tuple[Any, ...]:
        return ()


PLANTED = {
    EN: {
        "leak: exact": HELD[EN][0],
        "leak: normalised": "we leave at 9 O'CLOCK - today",
        "leak: long shared run": "I said the quick brown fox jumps over the lazy dog, and left.",
    },
    ZH: {
        "leak: exact": HELD[ZH][1],
        "leak: normalised": "我们今天，七点钟就离开这里！",
        "leak: long shared run": "他说那只敏捷的棕色狐狸在古老的河边跳舞。",
    },
}


def prepared(inputs: Given, directory: Path, **options: Any) -> dict[str, Any]:
    return prepare_text(inputs, (Bag(),), Preparation(**options), directory, lambda *_: None)


def test_planted_leaks_are_removed_and_counted(tmp_path: Path) -> None:
    inputs = Given({lang: [*CLEAN[lang], *PLANTED[lang].values()] for lang in (EN, ZH)})
    report = prepared(inputs, tmp_path)
    assert report["leaks"]["removed"] == {lang: dict.fromkeys(PLANTED[lang], 1) for lang in (EN, ZH)}
    assert report["leaks"]["by_set"] == {"test": {EN: 3, ZH: 3}}
    assert report["warnings"]
    assert (tmp_path / "en.txt").read_text(encoding="utf-8").splitlines() == CLEAN[EN]
    assert (tmp_path / "zh.txt").read_text(encoding="utf-8").splitlines() == CLEAN[ZH]


def test_strict_fails_on_a_leak_and_passes_without(tmp_path: Path) -> None:
    inputs = Given({EN: [*CLEAN[EN], HELD[EN][0]], ZH: CLEAN[ZH]})
    with pytest.raises(BadInput, match=r"audit=strict.*1 en and 0 zh"):
        prepared(inputs, tmp_path, audit="strict")
    assert prepared(Given(CLEAN), tmp_path, audit="strict")["warnings"] == []


def index(sentences: Sequence[str]) -> LeakIndex:
    keys = {key(each, spaced=True): "test" for each in sentences}
    return LeakIndex(dict.fromkeys(sentences, "test"), keys, spaced=True)


def test_a_common_phrase_is_no_leak() -> None:
    phrase = "and it came to pass in those days that"
    held = f"{phrase} a very long story was told to all the people of the whole wide land"
    training = f"{phrase} another completely different tale of equal length went around among them all there"
    assert index([held]).shared_runs([training]) == {}
    assert index([held]).shared_runs(["nothing", f"so {phrase} night fell"]) == {1: "test"}


def test_a_run_does_not_cross_sentences() -> None:
    leaks = index(["one two three four five six seven eight"])
    assert leaks.shared_runs(["one two three four", "five six seven eight", "x"]) == {}
    assert leaks.shared_runs(["x", "one two three four five six seven eight"]) == {1: "test"}
    assert index([]).shared_runs(["one two"]) == {}


def test_the_longest_shared_run() -> None:
    assert longest_shared_run(np.array([1, 2, 3, 4, 5]), np.array([9, 2, 3, 4, 8, 5])) == 3
    assert longest_shared_run(np.array([0, 0, 0]), np.array([1, 2])) == 0


def traces(lengths: np.ndarray[Any, Any], anchors: list[tuple[int, int]]) -> SideStatistics:
    held = np.array(anchors, dtype=np.int64).reshape(-1, 2)
    return SideStatistics(np.arange(len(lengths)), lengths.astype(np.int64), held[:, 0], held[:, 1])


def test_aligned_lines_are_found_and_shuffled_or_trending_ones_are_not() -> None:
    generator = np.random.default_rng(1)
    source = generator.gamma(4, 10, 2000)
    target = source * generator.normal(0.4, 0.1, 2000)
    result = accidental_alignment(traces(source, []), traces(target, []), generator)
    assert result["same_lines"]["found"]
    assert "same lines" in result["statement"]
    for independent in (generator.permutation(target), generator.gamma(4, 5, 2000)):
        assert not accidental_alignment(traces(source, []), traces(independent, []), generator)["found"]
    both_sorted = accidental_alignment(traces(np.sort(source), []), traces(np.sort(target), []), generator)
    assert not both_sorted["same_lines"]["found"] or both_sorted["same_lines"]["correlation"] > 0.9


def test_the_same_order_is_found_despite_gaps_and_the_same_sentences_despite_shuffling() -> None:
    generator = np.random.default_rng(2)
    lengths = np.ones(400)
    names = [(line, line) for line in range(400)] + [(line, 1000 + line) for line in range(400)]
    gaps = [(line + line // 7, name) for line, name in names]
    other = accidental_alignment(traces(lengths, names), traces(np.ones(480), gaps), generator)
    assert other["same_order"]["found"]
    order = generator.permutation(400)
    shuffled = accidental_alignment(
        traces(lengths, names), traces(lengths, [(int(order[line]), name) for line, name in names]), generator
    )
    assert not shuffled["same_order"]["found"]
    assert shuffled["same_sentences"]["found"]
    unrelated = [(int(generator.integers(400)), name) for _, name in names]
    assert not accidental_alignment(traces(lengths, names), traces(lengths, unrelated), generator)["found"]


def test_too_few_items_are_an_answer_of_their_own() -> None:
    generator = np.random.default_rng(0)
    few = traces(np.arange(3), [])
    report = accidental_alignment(few, few, generator)
    assert (report["found"], report["answer"]) == (False, NOT_TESTED)
    assert report["statement"].startswith("accidental alignment could not be tested")
    no_names = accidental_alignment(
        traces(generator.gamma(4, 5, 200), []), traces(generator.gamma(4, 5, 200), []), generator
    )
    assert no_names["answer"] == NOT_TESTED
    assert no_names["statement"].endswith("none by same lines, same sequence")


@pytest.mark.parametrize(("retained", "shuffled", "result"), [(0.9, False, True), (0.9, True, False)])
def test_one_book_is_seen_by_the_sequence_of_its_lengths(
    retained: float, shuffled: bool, result: bool
) -> None:
    """Lines are missing on either side, and both begin with short ones."""
    generator = np.random.default_rng(3)
    trend = np.linspace(0.5, 1.5, 1200)
    source, noise = trend * generator.gamma(4, 20, 1200), generator.normal(0.4, 0.08, 1200)
    if shuffled:  # the trend remains
        source, noise = source / trend, noise * trend
    target = (generator.permutation(source) if shuffled else source) * noise
    source = source * trend if shuffled else source
    ours, theirs = (side[generator.random(1200) < retained].clip(1) for side in (source, target))
    report = accidental_alignment(traces(ours, []), traces(theirs, []), generator)
    assert report["same_sequence"]["found"] is result
    assert not report["same_lines"]["found"]


def test_held_out_lines_are_cleaned_as_training_lines_are(tmp_path: Path) -> None:
    raw = {
        EN: [
            "Salt &amp; pepper stand on the table.",
            "<b>Nobody</b> <span class='x'>opened</span> the gate today.",
            "NARRATOR: The bell rang nine times.",
            "[01:07] The ferry left before noon.",
            "(Applause) The singer bowed and smiled.",
        ],
        ZH: [
            "盐&amp;胡椒放在桌子上面。",
            "<b>今天</b>没有人打开那扇大门。",
            "旁白：钟声响了九次才停下来。",
            "[01:07]渡船在中午之前开走了。",
            "（掌声）歌手鞠了一躬，然后笑了。",
        ],
    }
    source = Given({lang: [*CLEAN[lang], *raw[lang]] for lang in (EN, ZH)})
    (tmp_path / "out").mkdir()
    held_out = (Lines(sides={lang: tuple(raw[lang]) for lang in (EN, ZH)}),)
    with pytest.raises(BadInput, match="5 en and 5 zh"):
        prepare_text(source, held_out, Preparation(audit="strict"), tmp_path / "out", lambda *_: None)


def test_a_sentence_of_a_long_held_out_line_is_a_leak() -> None:
    line = "The ferry left before noon today. The old captain had not slept. Nobody waved from the quay."
    held_out = (Lines(sides={EN: (line,), ZH: HELD[ZH]}),)
    part = "The old captain had not slept."
    assert leaked_lines([CLEAN[EN][0], part], EN, leak_index(EN, ZH, held_out, split_above=10)) == {1}
    assert leaked_lines([part], EN, leak_index(EN, ZH, held_out, split_above=60)) == set()


def test_references_in_traditional_characters_are_a_warning(tmp_path: Path) -> None:
    held_out = Lines(sides={EN: ("The dog is asleep.",) * 2, ZH: ("這隻狗睡著了。", "我們後來離開了車站。")})
    report = prepare_text(Given(CLEAN), (held_out,), Preparation(audit="strict"), tmp_path, lambda *_: None)
    (warning,) = report["warnings"]
    assert "traditional" in warning
    assert report["relation"] is None


@pytest.mark.parametrize(
    ("written", "usual"),
    [("Tｈe dog", "The"), ("The caf\u00ade", "cafe"), ("The dog &amp; cat", "&"), ("<b>The</b> dog", "The")],
)
def test_references_in_another_writing_are_a_warning(written: str, usual: str, tmp_path: Path) -> None:
    held_out = Lines(
        sides={EN: (f"{written} is asleep.",) * 2, ZH: ("这只狗睡着了。", "我们后来离开了车站。")}
    )
    report = prepare_text(Given(CLEAN), (held_out,), Preparation(audit="strict"), tmp_path, lambda *_: None)
    (warning,) = report["warnings"]
    assert f"for '{usual}'" in warning

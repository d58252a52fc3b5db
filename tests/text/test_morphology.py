"""Endings are cut off where a text shows them, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import Generator, randint

from umt.text import morphology
from umt.text.morphology import SUFFIX_MARK, SuffixSplitter
from umt.types import Lang

EN, ZH = Lang("en"), Lang("zh")
TEXT = """
I walk . She walks . They walked home . We are walking .
He uses it . She used us . They use ropes . A rope . We are using the use of it .
We stop . It stops . They stopped . She is planning a plan . He planned plans .
They go . He went . She goes . It is going . He has gone . They have it . She had it .
A woman . The women . The news of his bus . Busses . This is its thing . I see James . See Jame .
They hurry . She hurried . He hurries . The king sings . A string . They sing . We sang . She has sung .
The States . United States . The State . The state . A state .
"""


@pytest.fixture(scope="module")
def learned() -> SuffixSplitter:
    return SuffixSplitter.learn(EN, ZH, (line.split() for line in TEXT.strip().splitlines() * 5))


def test_forms_are_found_with_their_stems(learned: SuffixSplitter) -> None:
    expected = {
        "walks": ("walk", "s"), "walked": ("walk", "ed"), "walking": ("walk", "ing"), "uses": ("use", "s"),
        "used": ("use", "ed"), "using": ("use", "ing"), "stopped": ("stop", "ed"),
        "planning": ("plan", "ing"), "went": ("go", "ed"), "gone": ("go", "en"), "goes": ("go", "s"),
        "had": ("have", "ed"), "women": ("woman", "s"), "ropes": ("rope", "s"), "hurried": ("hurry", "ed"),
        "hurries": ("hurry", "s"),
        "sang": ("sing", "ed"), "sung": ("sing", "en"),
    }  # fmt: skip
    for form, parts in expected.items():
        assert learned.stem_and_suffix.get(form) == parts, form


@pytest.mark.parametrize(
    "word", ["us", "is", "this", "his", "its", "news", "thing", "string", "king", "james"]
)
def test_what_only_looks_like_a_form_stays_whole(learned: SuffixSplitter, word: str) -> None:
    assert word not in learned.stem_and_suffix


def test_names_stay_whole(learned: SuffixSplitter) -> None:
    assert "states" not in learned.stem_and_suffix
    assert learned.split_words(["the", "States", "of"]) == ["the", "States", "of"]


def test_cutting_and_joining(learned: SuffixSplitter) -> None:
    sentence = "Walked they, or didn't the women's busses stop? She used walking-ropes."
    cut = learned.split_text(sentence)
    assert f"Walk {SUFFIX_MARK}ed they" in cut
    assert f"us {SUFFIX_MARK}" not in cut
    assert f"walk {SUFFIX_MARK}ing-rope {SUFFIX_MARK}s" in cut
    assert learned.join_text(cut) == sentence


def test_any_text_comes_back(learned: SuffixSplitter) -> None:
    pieces = ["walked", "Walks", "WALKED", "women", SUFFIX_MARK, f"{SUFFIX_MARK}ed", f"walk {SUFFIX_MARK}ed",
              " ", "'s", "-", ".",
              "é", "naïves", "3", "用", "\t", "using", "goes", f"{SUFFIX_MARK}{SUFFIX_MARK}s"]  # fmt: skip
    generator = Generator().manual_seed(1)
    for length in range(1, 13):
        for _ in range(150):
            drawn = randint(len(pieces), (length,), generator=generator).tolist()
            text = "".join(pieces[place] for place in drawn)
            assert learned.join_text(learned.split_text(text)) == text


def test_words_are_split_and_made_whole(learned: SuffixSplitter) -> None:
    words = ["Went", "the", "women", "walking", "?"]
    split = learned.split_words(words)
    assert split == [
        "Go",
        f"{SUFFIX_MARK}ed",
        "the",
        "woman",
        f"{SUFFIX_MARK}s",
        "walk",
        f"{SUFFIX_MARK}ing",
        "?",
    ]
    assert learned.join_words(split) == words


def test_what_a_translator_might_write_reads_as_words(learned: SuffixSplitter) -> None:
    assert (
        learned.join_text(f"the {SUFFIX_MARK}ed rope {SUFFIX_MARK}ed {SUFFIX_MARK}s {SUFFIX_MARK}ing")
        == "the roped"
    )
    assert learned.join_text(f"plan {SUFFIX_MARK}en. {SUFFIX_MARK}s") == "planned."
    assert learned.join_words(
        [f"{SUFFIX_MARK}s", "hurry", f"{SUFFIX_MARK}ing", f"{SUFFIX_MARK}ed", "of", f"{SUFFIX_MARK}s"]
    ) == [
        "hurrying",
        "of",
    ]
    assert SuffixSplitter().join_text(f"用 {SUFFIX_MARK}ed") == "用"


def test_other_languages_have_none() -> None:
    sentences = [["walk", "walks", "walked"]] * 9
    assert SuffixSplitter.learn(EN, ZH, sentences).stem_and_suffix
    assert not SuffixSplitter.learn(Lang("fr"), ZH, sentences).stem_and_suffix
    assert not SuffixSplitter.learn(EN, Lang("fr"), sentences).stem_and_suffix  # French has endings itself
    assert SuffixSplitter().split_text("She walked") == "She walked"


def test_saved_and_loaded(learned: SuffixSplitter, tmp_path: Path) -> None:
    assert morphology.load(tmp_path) == {}
    morphology.save({EN: learned, ZH: SuffixSplitter()}, tmp_path)
    assert morphology.load(tmp_path)[EN] == learned

"""Endings are cut off where a text shows them, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import Generator, randint

from umt.text import morphology
from umt.text.morphology import MARK, Inflection
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
def learned() -> Inflection:
    return Inflection.learn(EN, ZH, (line.split() for line in TEXT.strip().splitlines() * 5))


def test_forms_are_found_with_their_stems(learned: Inflection) -> None:
    expected = {
        "walks": ("walk", "s"), "walked": ("walk", "ed"), "walking": ("walk", "ing"), "uses": ("use", "s"),
        "used": ("use", "ed"), "using": ("use", "ing"), "stopped": ("stop", "ed"),
        "planning": ("plan", "ing"), "went": ("go", "ed"), "gone": ("go", "en"), "goes": ("go", "s"),
        "had": ("have", "ed"), "women": ("woman", "s"), "ropes": ("rope", "s"), "hurried": ("hurry", "ed"),
        "hurries": ("hurry", "s"),
        "sang": ("sing", "ed"), "sung": ("sing", "en"),
    }  # fmt: skip
    for form, parts in expected.items():
        assert learned.parts.get(form) == parts, form


@pytest.mark.parametrize(
    "word", ["us", "is", "this", "his", "its", "news", "thing", "string", "king", "james"]
)
def test_what_only_looks_like_a_form_stays_whole(learned: Inflection, word: str) -> None:
    assert word not in learned.parts


def test_names_stay_whole(learned: Inflection) -> None:
    assert "states" not in learned.parts
    assert learned.split(["the", "States", "of"]) == ["the", "States", "of"]


def test_cutting_and_joining(learned: Inflection) -> None:
    sentence = "Walked they, or didn't the women's busses stop? She used walking-ropes."
    cut = learned.cut(sentence)
    assert f"Walk {MARK}ed they" in cut
    assert f"us {MARK}" not in cut
    assert f"walk {MARK}ing-rope {MARK}s" in cut
    assert learned.join(cut) == sentence


def test_any_text_comes_back(learned: Inflection) -> None:
    pieces = ["walked", "Walks", "WALKED", "women", MARK, f"{MARK}ed", f"walk {MARK}ed", " ", "'s", "-", ".",
              "é", "naïves", "3", "用", "\t", "using", "goes", f"{MARK}{MARK}s"]  # fmt: skip
    generator = Generator().manual_seed(1)
    for length in range(1, 13):
        for _ in range(150):
            drawn = randint(len(pieces), (length,), generator=generator).tolist()
            text = "".join(pieces[place] for place in drawn)
            assert learned.join(learned.cut(text)) == text


def test_words_are_split_and_made_whole(learned: Inflection) -> None:
    words = ["Went", "the", "women", "walking", "?"]
    split = learned.split(words)
    assert split == ["Go", f"{MARK}ed", "the", "woman", f"{MARK}s", "walk", f"{MARK}ing", "?"]
    assert learned.whole(split) == words


def test_what_a_translator_might_write_reads_as_words(learned: Inflection) -> None:
    assert learned.join(f"the {MARK}ed rope {MARK}ed {MARK}s {MARK}ing") == "the roped"
    assert learned.join(f"plan {MARK}en. {MARK}s") == "planned."
    assert learned.whole([f"{MARK}s", "hurry", f"{MARK}ing", f"{MARK}ed", "of", f"{MARK}s"]) == [
        "hurrying",
        "of",
    ]
    assert Inflection().join(f"用 {MARK}ed") == "用"


def test_other_languages_have_none() -> None:
    sentences = [["walk", "walks", "walked"]] * 9
    assert Inflection.learn(EN, ZH, sentences).parts
    assert not Inflection.learn(Lang("fr"), ZH, sentences).parts
    assert not Inflection.learn(EN, Lang("fr"), sentences).parts  # French has endings itself
    assert Inflection().cut("She walked") == "She walked"


def test_saved_and_loaded(learned: Inflection, tmp_path: Path) -> None:
    assert morphology.load(tmp_path) == {}
    morphology.save({EN: learned, ZH: Inflection()}, tmp_path)
    assert morphology.load(tmp_path)[EN] == learned

"""Capitals come back where a corpus puts them."""

from __future__ import annotations

from pathlib import Path

from umt.text.truecasing import Truecaser

CORPUS = [
    "The river is near London .",
    "A boat from London passed the river . The boat was red .",
    'He said , " The red boat is mine . "',
    'She said , " A river is not mine " and left NASA .',
    "The people at NASA like the river . He likes the boat and London .",
    "and the boat was red .",
    "and then he left London .",
] * 10


def casing() -> Truecaser:
    return Truecaser.learn((line.split() for line in CORPUS), enough=5)


def test_names_keep_their_capitals_and_words_stay_small() -> None:
    restored = casing().restore(["the", "people", "of", "london", "saw", "the", "river", "at", "nasa", "."])
    assert restored == ["The", "people", "of", "London", "saw", "the", "river", "at", "NASA", "."]


def test_sentences_and_quotations_start_with_a_capital() -> None:
    restored = casing().restore(
        [
            "the",
            "boat",
            "was",
            "red",
            ".",
            "the",
            "man",
            "said",
            ",",
            '"',
            "the",
            "river",
            "is",
            "red",
            ".",
            '"',
        ]
    )
    assert restored == [
        "The",
        "boat",
        "was",
        "red",
        ".",
        "The",
        "man",
        "said",
        ",",
        '"',
        "The",
        "river",
        "is",
        "red",
        ".",
        '"',
    ]


def test_words_that_start_small_in_the_corpus_stay_small() -> None:
    assert casing().restore(["and", "the", "boat", "left", "."])[0] == "and"


def test_text_without_capitals_is_left_alone() -> None:
    learned = Truecaser.learn([["国王", "看见", "河", "。"]] * 50)
    assert learned.restore(["国王", "看见", "河", "。"]) == ["国王", "看见", "河", "。"]
    assert learned.restore([]) == []


def test_saved_casing_is_the_same(tmp_path: Path) -> None:
    casing().save(tmp_path / "casing.json")
    assert Truecaser.load(tmp_path / "casing.json") == casing()


def test_undo_lower_casing_of_the_corpus() -> None:
    learned = casing()
    words = [line.split() for line in CORPUS[:7]]
    restored = [learned.restore([word.lower() for word in sentence]) for sentence in words]
    right = sum(a == b for x, y in zip(words, restored, strict=True) for a, b in zip(x, y, strict=True))
    assert right >= 0.97 * sum(map(len, words))

"""What cleaning keeps, what it drops and why; the same whatever the number of processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from umt.corpus.preparation.cleaning import Cleaner, Preparation
from umt.corpus.preparation.deduplication import SeenHashes, hashed, key
from umt.corpus.preparation.leak_index import LeakIndex
from umt.corpus.preparation.prepare import prepare_text
from umt.text.languages import LanguageClassifier, other_script_share
from umt.text.markup import strip_markup
from umt.types import Lang

EN, ZH, FR = Lang("en"), Lang("zh"), Lang("fr")
NOUNS = [first + second for first in ("tar", "mon", "lip", "sel") for second in ("pal", "dor", "vit", "cas")]


@dataclass(frozen=True)
class Given:
    """A source that holds its lines in memory."""

    sides: dict[Lang, list[str]]

    @property
    def languages(self) -> tuple[Lang, Lang]:
        first, second = self.sides
        return first, second

    def sentences(self, lang: Lang) -> Iterator[str]:
        return iter(self.sides[lang])

    def digest(self) -> str:
        return ""

    @property
    def relation(self) -> None:
        return None

    def held_out(self) -> tuple[Any, ...]:
        return ()


def cleaner(lang: Lang, **options: Any) -> Cleaner:
    return Cleaner(lang, Preparation(**options), LeakIndex({}, {}, lang != ZH))


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("**Bold** and *soft* and `code`", "Bold and soft and code"),
        ("## A heading", "A heading"),
        ("- a point", "a point"),
        (">> Speaker 1: Hello there", "Hello there"),
        ("JOHN SMITH: I agree.", "I agree."),
        ("主持人：大家好。", "大家好。"),
        ("张三丰:你好。", "你好。"),
        ("他说：你好。", "他说：你好。"),
        ("so (Laughter) [00:12] [a link](http://x.org) <b>bold</b> &amp; more", "so     a link bold & more"),
        ("Note: 3 * 4 < 12, a_b and 10:30", "Note: 3 * 4 < 12, a_b and 10:30"),
    ],
)
def test_markup_goes_and_text_stays(raw: str, clean: str) -> None:
    assert strip_markup(raw) == clean


@pytest.mark.parametrize(
    ("lang", "line", "reason"),
    [
        (EN, "   ", "empty"),
        (EN, "1234 5678!", "no letters"),
        (EN, "Yes", "too short"),
        (EN, "这是一个中文句子，不是英文。", "other language"),
        (ZH, "This is an English sentence.", "other language"),
        (EN, "a = 1 + 2 * 3 / 4 - 5 ^ 6 % 7;", "mostly marks and digits"),
        (EN, "word " * 59 + "end", None),
        (ZH, "我买了iPhone和MacBook Pro。", None),
    ],
)
def test_reasons(lang: Lang, line: str, reason: str | None) -> None:
    chunk = cleaner(lang).clean([line], 0)
    assert dict(chunk.drops) == ({reason: 1} if reason else {})
    assert len(chunk.sentences) == (reason is None)


def test_long_sentences_go_and_documents_are_split() -> None:
    chunk = cleaner(EN, max_words=8).clean(["one two three four five six seven eight nine ten."], 0)
    assert dict(chunk.drops) == {"too long": 1}
    document = "This is a sentence of a document. " * 3 + "And this is its end."
    assert len(cleaner(EN, split_above=10).clean([document], 0).sentences) == 4
    assert len(cleaner(EN, split_above=60).clean([document], 0).sentences) == 1


def test_exact_and_near_duplicates(tmp_path: Path) -> None:
    english = [
        "In 1999 he left.",
        "In 1999 he left.",
        "in 2005, he left!",
        "She came back.",
        "It was late at night.",
    ]
    inputs = Given({EN: english, ZH: ["他走了以后没有回来。", "天很黑了。", "天很黑了！"]})
    report = prepare_text(inputs, (), Preparation(), tmp_path, lambda *_: None)
    drops = {lang: {why: each["count"] for why, each in side["dropped"].items()}
             for lang, side in report["sides"].items()}  # fmt: skip
    assert drops == {"en": {"duplicate": 1, "near duplicate": 1}, "zh": {"near duplicate": 1}}
    assert report["sides"]["en"]["kept"] == 3
    retained = prepare_text(inputs, (), Preparation(keep_duplicates=True), tmp_path, lambda *_: None)
    assert retained["sides"]["en"]["kept"] == 5


def test_seen_agrees_with_a_set() -> None:
    generator = np.random.default_rng(0)
    seen, truth = SeenHashes(), set[int]()
    for size in (1, 10, 1000, 3, 500, 0, 2000):
        batch = generator.integers(0, 1500, size).astype(np.uint64)
        new = seen.add(batch)
        for value, is_new in zip(batch.tolist(), new.tolist(), strict=True):
            assert is_new == (value not in truth)
            truth.add(value)
    assert len(seen) == len(truth)
    assert len(set(hashed(["a", "b", "a"]).tolist())) == 2


def test_keys() -> None:
    assert key("It's 12:30, on May 3rd!", spaced=True) == "it s 0 0 on may 0rd"
    assert key("他有3个，GPT-5。", spaced=False) == "他有0个gpt0"


def test_foreign_share() -> None:
    assert other_script_share("hello", EN) == 0
    assert other_script_share("привет", EN) == 1
    assert other_script_share("我买了macbook", ZH) == pytest.approx(7 / (7 + 15))
    assert other_script_share("これは日本語です", ZH) > 0.5


def test_languages_of_one_script() -> None:
    english = ["the cat sat on the mat and the dog was in the house with it"] * 5
    french = ["le chat est sur la table et le chien est dans la maison avec lui"] * 5
    profile = LanguageClassifier.learn(EN, english, french)
    assert profile.foreign("le chien est sur la table", EN)
    assert not profile.foreign("le chien est sur la table", FR)
    assert not profile.foreign("unknown words", EN)


def test_a_wrong_language_line_of_the_same_script_is_dropped(tmp_path: Path) -> None:
    english = [f"The {word} was in the house and it was not for the dog." for word in NOUNS]
    french = [f"Le {word} est dans la maison et il n'est pas pour le chien." for word in NOUNS]
    inputs = Given({EN: [*english, "Le chat et le roi est dans la maison."], FR: french})
    report = prepare_text(inputs, (), Preparation(), tmp_path, lambda *_: None)
    assert report["sides"]["en"]["dropped"]["other language"]["count"] == 1
    assert report["sides"]["fr"]["kept"] == len(NOUNS)


def test_the_number_of_processes_changes_nothing(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    words = ["".join(generator.choice(list("abcdefgh"), 5)) for _ in range(300)]
    english = [" ".join(generator.choice(words, 5)) + "." for _ in range(15_000)]
    chinese = [
        "".join(generator.choice(list("的一是在不了有和人这中大为上个国我以要他"), 9)) for _ in range(15_000)
    ]
    inputs = Given({EN: english, ZH: chinese})
    seen: list[tuple[str, int]] = []
    reports = []
    for workers in (1, 2):
        (tmp_path / str(workers)).mkdir()
        reports.append(prepare_text(inputs, (), Preparation(workers=workers), tmp_path / str(workers),
                                    lambda what, done, total: seen.append((what, done))))  # fmt: skip
    assert reports[0] == reports[1]
    assert seen[-2:] == [("lines", 30_000), ("endings", 0)]
    for name in ("en.txt", "en.words", "zh.txt", "zh.words", "endings.json", "report.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        {"min_words": 0},
        {"min_words": 9, "max_words": 3},
        {"max_nonletters": 0.0},
        {"max_other_script": 2.0},
        {"workers": -1},
        {"audit": "maybe"},
        {"split_above": 0},
    ],
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Preparation(**options)

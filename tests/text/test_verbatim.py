"""Addresses and text without words come through a translator as they are; headlines are sentences."""

from __future__ import annotations

import pytest

from umt.text.normalisation import normaliser
from umt.text.verbatim import translate_around
from umt.types import Lang

EN, ZH = Lang("en"), Lang("zh")


def bracketed(texts: list[str]) -> list[str]:
    return [f"[{text}]" for text in texts]


@pytest.mark.parametrize(
    ("sentence", "translation"),
    [
        ("The dog sleeps.", "[The dog sleeps.]"),
        ("THE DOG SLEEPS.", "[The dog sleeps.]"),
        ('"THE DOG SLEEPS."', '["The dog sleeps."]'),
        ("NATO", "[NATO]"),
        ("NATO says so.", "[NATO says so.]"),
        ("Go to http://a.example/x_y?b=1&c=2#d.", "[Go to]http://a.example/x_y?b=1&c=2#d."),
        (
            "Ask bob.b+c@mail.example, or www.a.example/~b!",
            "[Ask]bob.b+c@mail.example[, or]www.a.example/~b!",
        ),
        ("https://a.example", "https://a.example"),
        ("See HTTPS://A.example/wiki/Cat_(animal), now.", "[See]HTTPS://A.example/wiki/Cat_(animal)[, now.]"),
        ("(ftp://a.example/b)", "(ftp://a.example/b)"),
        (
            "Read docs.a.example/guide or mailto:b@a.example.",
            "[Read]docs.a.example/guide[or]mailto:b@a.example.",
        ),
        ("Clone git@a.example:b/c.git now", "[Clone]git@a.example:b/c.git[now]"),
        ("See https://a.example/Été_über, now.", "[See]https://a.example/Été_über[, now.]"),
        ("Open file:///a/b or git+ssh://a@b.example/c.", "[Open]file:///a/b[or]git+ssh://a@b.example/c."),
        ("Seen 2021-03-04T05:06:07Z here", "[Seen]2021-03-04T05:06:07Z[here]"),
        ("e.g. this, i.e. that.", "[e.g. this, i.e. that.]"),
        ("THE DOG SLEEPS. It is old.", "[The dog sleeps. It is old.]"),
        ("NATO says. THE DOG SLEEPS!", "[NATO says. The dog sleeps!]"),
        ("BREAKING NEWS: The dog sleeps.", "[Breaking news: The dog sleeps.]"),
        ("NATO: THE DOG SLEEPS.", "[NATO: The dog sleeps.]"),
        ("See /usr/lib/a-b.so.1, or ~/.config/a.", "[See]/usr/lib/a-b.so.1[, or]~/.config/a."),
        ("Run ./run.sh in ../b/c/ now", "[Run]./run.sh[in]../b/c/[now]"),
        (r"Open C:\Users\a.b\c.txt.", r"[Open]C:\Users\a.b\c.txt."),
        (r"On \\host\share\a now", r"[On]\\host\share\a[now]"),
        ("Use and/or 1/2 he/she /s. He/she: 5/6/7", "[Use and/or 1/2 he/she /s. He/she: 5/6/7]"),
        ("3,456.7 %", "3,456.7 %"),
        ("😀 !", "😀 !"),
        ("Привет, мир.", "Привет, мир."),
        ("你好。", "你好。"),
        ("", ""),
    ],
)
def test_addresses_and_text_without_words_stay(sentence: str, translation: str) -> None:
    assert translate_around([sentence], EN, ZH, bracketed) == [translation]


def test_an_address_survives_normalisation() -> None:
    address = "https://a.example/b--c...d"
    assert normaliser(EN)(f"See {address} -- or not") == f"See {address} – or not"
    assert normaliser(ZH)(f"看{address}--好") == f"看{address}——好"
    for path in ("/usr/lib/a--b", r"C:\a\b"):
        assert normaliser(EN)(f"See {path} -- or not") == f"See {path} – or not"
        assert normaliser(ZH)(f"看{path}--好") == f"看{path}——好"


def test_latin_words_have_a_space_between_them() -> None:
    assert translate_around(["Go to www.a.example e-mail."], EN, ZH, lambda _: ["去", "e-mail。"]) == [
        "去www.a.example e-mail。"
    ]


def test_acronyms_among_letters_without_case_are_no_headline() -> None:
    assert translate_around(["UN和EU开会。"], ZH, EN, bracketed) == ["[UN和EU开会。]"]


def test_brackets_touch_the_address_within() -> None:
    assert translate_around(["（www.a.example）。"], ZH, EN, bracketed) == ["(www.a.example)."]
    assert translate_around(["Go (www.a.example), dog"], EN, Lang("fr"), bracketed) == [
        "[Go (] www.a.example [), dog]"
    ]


def test_other_direction_writes_spaces() -> None:
    sentences = ["请看https://a.example/b_c?d=1，好吗？", "OK", "写信给a@b.example。", "平常的句子。"]
    assert translate_around(sentences, ZH, EN, bracketed) == [
        "[请看] https://a.example/b_c?d=1 [，好吗？]",
        "OK",
        "[写信给] a@b.example.",
        "[平常的句子。]",
    ]

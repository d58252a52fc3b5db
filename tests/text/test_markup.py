"""Markup goes, text that looks like it stays, and no line takes more than linear time."""

from __future__ import annotations

import time

import pytest

from umt.text.markup import strip_markup
from umt.text.normalisation import line_cleaner, normaliser
from umt.text.segmentation import segmenter
from umt.text.sentence_splitting import split_sentences
from umt.text.verbatim import translate_around
from umt.types import Lang

EN, ZH, FR = Lang("en"), Lang("zh"), Lang("fr")


@pytest.mark.parametrize(
    "text",
    [
        "4*5=20 and 2**3**1 hold.",
        "if a<b and b>c then go",
        "List<String> is no List<String>",
        "see http://x.example/?a=1&reg=2&lt=3",
        "-7 degrees",
        "Call __main__ or __init__.py",
        ">5 of them",
        "A[1](2) is an element",
        "(music is my life)",
        "the A* search",
        "call f(*args, **kwargs)",
        "> 5 of them",
        "|x| is a norm",
        "-v is an option",
    ],
)
def test_text_that_looks_like_markup_stays(text: str) -> None:
    assert strip_markup(text) == text


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("un<b>believ</b>able", "unbelievable"),
        ('<p class="x">One<br/>two</p>', "Onetwo"),
        ("Q&amp;amp;A &#39;here&#x27; &lt;i&gt;now&lt;/i&gt;", "Q&A 'here' now"),
        ("他<XYz>说<XYz>好", "他说好"),
        ("这是**重点**内容", "这是重点内容"),
        ("(Laughter and applause) Yes", "  Yes"),
        ("what the [ __ ] is that", "what the   is that"),
        ("use `make all` or __two words__", "use make all or two words"),
    ],
)
def test_markup_goes(raw: str, clean: str) -> None:
    assert strip_markup(raw) == clean


def test_references_and_tags_of_a_sentence_to_translate_go_and_labels_stay() -> None:
    assert normaliser(EN)("Bob &amp; Eve: <b>run</b>!") == "Bob & Eve: run!"
    assert normaliser(EN)("HOST: hello") == "HOST: hello"
    assert line_cleaner(EN)("HOST: hello") == "hello"


@pytest.mark.parametrize("space", ["\r", "\x0b", "\x0c", "\x85", "\x1f", "\u2028", "\t"])
def test_white_space_among_control_characters_parts_words(space: str) -> None:
    assert normaliser(EN)(f"two\x01{space}\x02words") == "two words"
    assert normaliser(ZH)(f"用Mac{space}Book写") == "用Mac Book写"


@pytest.mark.parametrize("lang", [EN, ZH, FR])
@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("2½", "2½"),
        ("8⁻¹²", "8⁻¹²"),
        ("９³", "9³"),
        ("Umt™", "Umt™"),
        ("H₂O", "H2O"),
        ("\ue002x\ufffd", "x"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("❤\ufe0f\u200d🔥", "❤\u200d🔥"),
        ("a\u200db\u200c", "ab"),
        ("می\u200cروم", "می\u200cروم"),
        ("क्\u200dष", "क्\u200dष"),
    ],
)
def test_no_number_word_or_picture_becomes_another(raw: str, clean: str, lang: Lang) -> None:
    assert normaliser(lang)(raw) == clean
    assert normaliser(lang)(clean) == clean


@pytest.mark.parametrize(("lang", "word"), [(EN, "6⁻²"), (ZH, "6⁻²"), (EN, "1½"), (ZH, "1½")])
def test_a_power_or_fraction_is_one_word(lang: Lang, word: str) -> None:
    assert word in segmenter(lang).words(f"x {word} y" if lang == EN else f"有{word}米")


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("共２，５００，０００．７人", "共2,500,000.7人"),
        ("第１，２，４条", "第1，2，4条"),
        ("１８：４５出发", "18:45出发"),
        ("有12，345", "有12，345"),
    ],
)
def test_full_width_numbers(raw: str, clean: str) -> None:
    assert normaliser(ZH)(raw) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("乾陵在陕西。", "乾陵在陕西。"),
        ("毕昇拚命工作。", "毕昇拚命工作。"),
        ("宫商角徵羽，魏徵进谏。", "宫商角徵羽，魏徵进谏。"),
        ("乾燥", "干燥"),
        ("这是什麽特徵？", "这是什么特征？"),
        ("頭髮還沒乾。", "头发还没干。"),
        ("乾陵在臺湾吗？", "乾陵在台湾吗？"),
    ],
)
def test_simplified_text_is_not_simplified_again(raw: str, clean: str) -> None:
    assert normaliser(ZH)(raw) == clean


@pytest.mark.parametrize(
    ("unit", "lang"),
    [
        ("B. C. ", EN), (".", EN), (".", ZH), ('."', EN), ("»", FR), ("*a", EN), ("<b>", EN),
        ("[(", EN), ("<xy>", EN), ("&amp;", EN), ('" a ', EN), ("- ", EN), ("__", EN), ("`a", EN),
        ("(laugh ", EN), ("一", ZH), ("；", ZH),
        ("１，２３４", ZH), ("x", EN), ("这", ZH), ("[a](b.c", EN), ("a-", EN), ("1", EN),
        ("www.", EN), ("a@", EN), ("a.com", EN), ("http://(", EN),
    ],
)  # fmt: skip
def test_time_is_linear_in_the_length_of_a_line(unit: str, lang: Lang) -> None:
    """100,000 characters: milliseconds a step, where quadratic time would be minutes."""
    line_cleaner(lang)("warm 臺"), segmenter(lang).words("warm 臺")
    line = unit * (100_000 // len(unit)) + "x"
    start = time.process_time()
    clean = line_cleaner(lang)(line)
    split_sentences(clean, lang)
    words = segmenter(lang).words(clean)
    segmenter(lang).join(words)
    translate_around([clean], lang, ZH if lang == EN else EN, lambda texts: texts)
    assert time.process_time() - start < 4

"""Words and back: ``join`` undoes ``words``, in every language that the project speaks of."""

from __future__ import annotations

import pytest

from umt.text.normalisation import normaliser
from umt.text.segmentation import segmenter
from umt.text.sentence_splitting import split_sentences
from umt.types import BadInput, Lang

ENGLISH = [
    "I can't say it's John's, but they'll see that we've won.",
    'He said, "Come in!" and then: "Sit down."',
    "She paid $3.50 (about 50%) at 5:30 p.m. in the U.S. – for 1,000 well-known A/B tests.",
    "The teachers' room is closed; isn't it?",
    "O'Brien's C++ code on example.com... works—mostly.",
    "\"What did you do?\" 'Nothing,' said AT&T's man.",
]
CHINESE = [
    "“你好！”他说：「我们（都）是朋友……」",
    "GPT-5.5的价格是3,000元，涨了50%。",
    "他在New York Times工作——每天12:30下班。",
    "约翰·史密斯穿着T恤去了KTV，don't worry。",
]
WITHOUT_SPACES = {
    "bo": "ང་ཚོས་དེབ་གསར་པ་ཞིག་ཉོས་པ་ཡིན། དེ་ནི་ང་།",
    "ja": "Windows 11のパソコンは3万円で、「新しい本」を買いました！",
    "km": "ខ្ញុំបានទិញសៀវភៅថ្មីមួយក្បាល។",
    "lo": "ຂ້ອຍດື່ມນ້ຳ ແລະ ອ່ານປຶ້ມ",
    "my": "ကျွန်တော် စာအုပ်အသစ် ဝယ်ခဲ့သည်။",
    "th": "เมื่อวานนี้ฉันซื้อน้ำ 3 ขวด",
}
TRADITIONAL = ["我住在臺北，這裡的文件很多。", "他頭髮很長，Hello World發展很快：3,000元！"]
FRENCH = [
    "L'eau qu'il a bue aujourd'hui n'était pas bonne !",
    "« Où est-ce ? », dit-elle ; j'ai 3,5 € (peut-être).",
    "C'est l'ami d'Anne : jusqu'ici, rien.",
]


GROUPS = {"en": ENGLISH, "zh": CHINESE, "fr": FRENCH, "zh_hant": TRADITIONAL}
GROUPS |= {lang: [sentence] for lang, sentence in WITHOUT_SPACES.items()}


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [(lang, each) for lang, group in GROUPS.items() for each in group],
)
def test_join_undoes_words(lang: Lang, sentence: str) -> None:
    assert normaliser(lang)(sentence) == sentence
    words = segmenter(lang).words(sentence)
    assert not any(" " in word or not word for word in words)
    assert segmenter(lang).join(words) == sentence
    assert segmenter(lang).segment_line(sentence) == " ".join(words)
    assert segmenter(lang).batch([sentence, sentence]) == [words, words]


def test_english_contractions_and_punctuation_are_words() -> None:
    words = segmenter(Lang("en")).words("It's true: I don't own 3.5 of the well-known 1,000.")
    assert words == [
        "It",
        "'s",
        "true",
        ":",
        "I",
        "do",
        "n't",
        "own",
        "3.5",
        "of",
        "the",
        "well",
        "-",
        "known",
        "1,000",
        ".",
    ]


def test_french_elisions_are_words() -> None:
    assert segmenter(Lang("fr")).words("Qu'il l'aime aujourd'hui.") == [
        "Qu'",
        "il",
        "l'",
        "aime",
        "aujourd'hui",
        ".",
    ]


def test_chinese_words() -> None:
    assert segmenter(Lang("zh")).words("我们在北京学习。") == ["我们", "在", "北京", "学习", "。"]


def test_ascii_quotation_marks_open_and_close_by_turns() -> None:
    words = ["he", "said", ",", '"', "go", '"', "and", '"', "stay", '"', "."]
    assert segmenter(Lang("en")).join(words) == 'he said, "go" and "stay".'
    assert segmenter(Lang("en")).join(["it", "is", "done", ".", '"']) == 'it is done."'


def test_traditional_chinese_is_cut_like_simplified() -> None:
    words = segmenter(Lang("zh_hant")).words("這位歌手買了兩把吉他。")
    assert words == ["這", "位", "歌手", "買", "了", "兩", "把", "吉他", "。"]


@pytest.mark.parametrize(
    ("lang", "known"),
    [
        ("bo", "དེབ གསར"),
        ("ja", "パソコン は"),
        ("km", "សៀវភៅ ថ្មី"),
        ("lo", "ອ່ານ ປຶ້ມ"),
        ("my", "စာအုပ် အသစ်"),
        ("th", "ซื้อ น้ำ"),
    ],
)
def test_languages_without_spaces_are_cut_into_words(lang: str, known: str) -> None:
    assert f" {known} " in f" {segmenter(Lang(lang)).segment_line(WITHOUT_SPACES[lang])} "


def test_missing_segmenter_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("umt.text.segmentation.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"umt\[segmentation\]"):
        segmenter.__wrapped__(Lang("ja"))


@pytest.mark.parametrize(
    ("lang", "raw", "clean"),
    [
        ("en", " “Don’t”\u200b\u00a0say ‘it’…\t now , ok ", "\"Don't\" say 'it'... now, ok"),
        ("en", "Ｆｕｌｌ－ｗｉｄｔｈ， ﬁne -- word - word", "Full-width, fine – word – word"),
        ("en", "from 1914 – 1918", "from 1914-1918"),
        ("zh", "這 是 Hello World 繁體字,對吗?（是的）", "这是Hello World繁体字，对吗？（是的）"),
        ("zh", "ＡＢＣ 123 元...... 「好」.", "ABC 123元……「好」."),
        ("zh", "他说(是的):好.", "他说（是的）：好。"),
        ("zh_hant", "这个 软件的信息在网络上,对吗?", "這個軟體的資訊在網路上，對嗎？"),
        ("zh_hant", "皇后以后不来了", "皇后以後不來了"),
        ("zh_hant", "這個程序里有文件", "這個程序里有文件"),
        ("zh_hk", "鼠标在电脑里面", "滑鼠在電腦裏面"),
        ("ja", "これは本です。「はい」!", "これは本です。「はい」！"),
        ("th", "น้ำ  เย็น", "น้ำ เย็น"),
        ("fr", "C’est vrai! « Oui»", "C'est vrai ! « Oui »"),
    ],
)
def test_normalisation(lang: Lang, raw: str, clean: str) -> None:
    assert normaliser(lang)(raw) == clean
    assert normaliser(lang)(clean) == clean


def test_documents_become_sentences() -> None:
    english = (
        'Mr. J. Smith met Dr. Who at 3.30 p.m. yesterday. "Really?" he asked. Yes! He did... and that. Done.'
    )
    assert split_sentences(english, Lang("en")) == [
        "Mr. J. Smith met Dr. Who at 3.30 p.m. yesterday.", '"Really?" he asked.', "Yes!",
        "He did... and that.", "Done.",
    ]  # fmt: skip
    assert split_sentences("他说：“走吧！”我们走了。好吗？嗯……走", Lang("zh")) == [
        "他说：“走吧！”", "我们走了。", "好吗？", "嗯……", "走",
    ]  # fmt: skip
    assert split_sentences("ང་འགྲོ། ཁྱོད་ཡོང་།  དེ་རེད།", Lang("bo")) == ["ང་འགྲོ།", "ཁྱོད་ཡོང་།", "དེ་རེད།"]
    assert split_sentences("मैं जाता हूँ। तुम आओ।", Lang("hi")) == ["मैं जाता हूँ।", "तुम आओ।"]


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("一位歌手买了两把吉他。", "一 位 歌手 买 了 两 把 吉他 。"),
        ("这种东西每年有二十五个。", "这 种 东西 每 年 有 二十五 个 。"),
        ("这是我住了三个月的家。", "这 是 我 住 了 三 个 月 的 家 。"),
        ("这不是他的书，只要我能去就会去。", "这 不 是 他 的 书 ， 只要 我 能 去 就 会 去 。"),
        ("一些人这样说，一起唱一样的歌。", "一些 人 这样 说 ， 一起 唱 一样 的 歌 。"),
    ],
)
def test_measure_words_adverbs_and_verbs_stand_apart(sentence: str, words: str) -> None:
    chinese = segmenter(Lang("zh"))
    assert chinese.segment_line(sentence) == words
    assert chinese.join(chinese.words(sentence)) == sentence


def test_the_states_are_no_pronoun() -> None:
    english = segmenter(Lang("en"))
    assert english.words("US troops told us, USA.") == ["U.S.", "troops", "told", "us", ",", "USA", "."]
    assert english.words("It left the US.")[-2:] == ["U.S.", "."]
    assert english.words("a U.S-led, US&A")[1:] == ["U.S.", "-", "led", ",", "US&A"]
    assert english.join(["It", "left", "the", "U.S.", "."]) == "It left the U.S."

"""Languages of one script are told apart, and two texts the wrong way round are noticed."""

from __future__ import annotations

from itertools import permutations

import pytest

from umt.text.identification import are_swapped, language_shares, other_language
from umt.types import Lang

TEXTS = {
    "en": (
        "We went to the old market because my sister wanted to buy fresh bread. Nobody knew when the next "
        "train would leave, so we waited outside and talked about the weather. Her brother lives in a "
        "small village near the river."
    ),
    "fr": (
        "Nous sommes allés au vieux marché parce que ma sœur voulait acheter du pain frais. Personne ne "
        "savait quand partirait le prochain train, alors nous avons attendu dehors en parlant du temps. "
        "Son frère habite un village."
    ),
    "de": (
        "Wir gingen zum alten Markt, weil meine Schwester frisches Brot kaufen wollte. Niemand wusste, "
        "wann der nächste Zug fährt, also warteten wir draußen und sprachen über das Wetter. Ihr Bruder "
        "wohnt in einem kleinen Dorf."
    ),
    "es": (
        "Fuimos al viejo mercado porque mi hermana quería comprar pan fresco. Nadie sabía cuándo saldría "
        "el próximo tren, así que esperamos fuera y hablamos del tiempo. Su hermano vive en un pueblo "
        "pequeño cerca del río."
    ),
    "pt": (
        "Fomos ao velho mercado porque a minha irmã queria comprar pão fresco. Ninguém sabia quando "
        "partiria o próximo comboio, por isso esperámos lá fora e falámos do tempo. O irmão dela vive "
        "numa aldeia perto do rio."
    ),
    "nl": (
        "We gingen naar de oude markt omdat mijn zus vers brood wilde kopen. Niemand wist wanneer de "
        "volgende trein zou vertrekken, dus wachtten we buiten en praatten we over het weer. Haar broer "
        "woont in een klein dorp."
    ),
    "tr": (
        "Eski pazara gittik çünkü kız kardeşim taze ekmek almak istiyordu. Bir sonraki trenin ne zaman "
        "kalkacağını kimse bilmiyordu, bu yüzden dışarıda bekledik ve havadan konuştuk. Onun erkek "
        "kardeşi küçük bir köyde oturuyor."
    ),
    "vi": (
        "Chúng tôi đi chợ cũ vì em gái tôi muốn mua bánh mì mới. Không ai biết khi nào chuyến tàu tiếp "
        "theo sẽ chạy, nên chúng tôi đợi bên ngoài và nói chuyện về thời tiết. Anh trai cô ấy sống ở một "
        "ngôi làng nhỏ gần sông."
    ),
    "ru": (
        "Мы пошли на старый рынок, потому что моя сестра хотела купить свежий хлеб. Никто не знал, когда "
        "уйдёт следующий поезд, поэтому мы ждали на улице и говорили о погоде. Её брат живёт в маленькой "
        "деревне у реки."
    ),
    "uk": (
        "Ми пішли на старий ринок, бо моя сестра хотіла купити свіжий хліб. Ніхто не знав, коли вирушить "
        "наступний потяг, тому ми чекали надворі й розмовляли про погоду. Її брат живе в маленькому селі "
        "біля річки."
    ),
    "bg": (
        "Отидохме на стария пазар, защото сестра ми искаше да купи пресен хляб. Никой не знаеше кога ще "
        "тръгне следващият влак, затова чакахме навън и говорехме за времето. Брат ѝ живее в малко село "
        "близо до реката."
    ),
    "ar": (
        "ذهبنا إلى السوق القديم لأن أختي أرادت أن تشتري خبزا طازجا. لم يكن أحد يعرف متى سيغادر القطار "
        "التالي، لذلك انتظرنا في الخارج وتحدثنا عن الطقس. أخوها يسكن في قرية صغيرة قريبة من النهر وهو "
        "يعمل هناك في المدرسة."
    ),
    "fa": (
        "ما به بازار قدیمی رفتیم چون خواهرم می‌خواست نان تازه بخرد. هیچ‌کس نمی‌دانست قطار بعدی چه وقت "
        "حرکت می‌کند، برای همین بیرون منتظر ماندیم و از هوا حرف زدیم. برادر او در روستای کوچکی نزدیک "
        "رودخانه زندگی می‌کند."
    ),
    "ur": (
        "ہم پرانے بازار گئے کیونکہ میری بہن تازہ روٹی خریدنا چاہتی تھی۔ کسی کو معلوم نہیں تھا کہ اگلی "
        "گاڑی کب چلے گی، اس لیے ہم باہر انتظار کرتے رہے اور موسم کی باتیں کرتے رہے۔ اس کا بھائی دریا کے "
        "پاس ایک چھوٹے گاؤں میں رہتا ہے۔"
    ),
    "hi": (
        "हम पुराने बाज़ार गए क्योंकि मेरी बहन ताज़ी रोटी ख़रीदना चाहती थी। किसी को पता नहीं था कि अगली "
        "गाड़ी कब चलेगी, इसलिए हम बाहर रुके रहे और मौसम की बातें करते रहे। उसका भाई नदी के पास एक छोटे "
        "गाँव में रहता है।"
    ),
    "mr": (
        "आम्ही जुन्या बाजारात गेलो कारण माझ्या बहिणीला ताजी भाकरी विकत घ्यायची होती. पुढची गाडी कधी सुटेल "
        "हे कोणालाच माहीत नव्हते, म्हणून आम्ही बाहेर थांबलो आणि हवामानाबद्दल बोललो. तिचा भाऊ नदीजवळच्या "
        "लहान गावात राहतो."
    ),
}
SCRIPTS = (
    ("en", "fr", "de", "es", "pt", "nl", "tr", "vi"),
    ("ru", "uk", "bg"),
    ("ar", "fa", "ur"),
    ("hi", "mr"),
)
PAIRS = [pair for script in SCRIPTS for pair in permutations(script, 2)]


def lines(lang: str) -> list[str]:
    return [TEXTS[lang].lower()] * 3


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_two_texts_the_wrong_way_round_are_noticed(first: str, second: str) -> None:
    pair = Lang(first), Lang(second)
    assert are_swapped(lines(second), lines(first), pair)
    assert not are_swapped(lines(first), lines(second), pair)
    assert other_language(lines(second), *pair) == second
    assert other_language(lines(first), *pair) is None


def test_what_the_model_cannot_say() -> None:
    cipher = Lang("xx")
    assert not are_swapped(lines("fr"), lines("en"), (Lang("en"), cipher))
    assert other_language(lines("en"), cipher, Lang("en")) is None
    assert other_language(["bonjour"], Lang("en")) is None, "too short"
    assert other_language(lines("fr"), Lang("en")) == "fr"
    assert not are_swapped(lines("en"), lines("fr"), (Lang("zh"), Lang("zh_hant"))), "one language"


def test_shares_add_up() -> None:
    shares = language_shares([*lines("en"), *lines("en"), *lines("ru")])
    assert next(iter(shares)) == "en"
    assert sum(shares.values()) == pytest.approx(1)
    assert 0.5 < shares["en"] < 0.8

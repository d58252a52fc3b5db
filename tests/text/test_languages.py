"""Scripts by Unicode's data: clean lines of many languages stay, lines of other scripts go."""

from __future__ import annotations

import pytest

from umt.corpus.preparation.cleaning import Cleaner, Preparation
from umt.corpus.preparation.leak_index import LeakIndex
from umt.text.languages import is_spaced, other_script_share, scripts
from umt.types import Lang

SENTENCES = {
    "bo": ("ངས་ཞོགས་པར་ཇ་འཐུང་གི་ཡོད།", "བུ་དེས་སློབ་གྲྭར་དེབ་ཀློག་གི་ཡོད།", "སང་ཉིན་མི་ 3 གྲོང་ཁྱེར་ལ་འགྲོ་གི་རེད།"),
    "ja": ("私は朝にお茶を飲みます。", "男の子は学校で本を読みます。", "明日3人が町へ行きます。"),
    "km": ("ខ្ញុំផឹកតែនៅពេលព្រឹក។", "ក្មេងប្រុសអានសៀវភៅនៅសាលា។", "ថ្ងៃស្អែកមនុស្ស 3 នាក់ទៅទីក្រុង។"),
    "lo": ("ຂ້ອຍດື່ມຊາຕອນເຊົ້າ", "ເດັກຊາຍອ່ານປຶ້ມຢູ່ໂຮງຮຽນ", "ມື້ອື່ນ 3 ຄົນຈະໄປເມືອງ"),
    "my": ("ကျွန်တော် မနက်တိုင်း လက်ဖက်ရည်သောက်သည်။", "ကလေးက ကျောင်းမှာ စာအုပ်ဖတ်နေသည်။", "မနက်ဖြန် လူ 3 ယောက် မြို့ကို သွားမည်။"),
    "th": ("ฉันดื่มชาในตอนเช้า", "เด็กชายอ่านหนังสือที่โรงเรียน", "พรุ่งนี้ 3 คนจะไปเมือง"),
    "zh_hant": ("我每天早上喝熱茶。", "男孩在學校裡讀書。", "明天3個人會到城裡去。"),
    "am": ("እኔ ጠዋት ሻይ እጠጣለሁ።", "ልጁ በትምህርት ቤት መጽሐፍ ያነባል።", "ነገ 3 ሰዎች ወደ ከተማ ይሄዳሉ።"),
    "ar": ("أشرب الشاي في الصباح.", "يقرأ الولد كتابا في المدرسة.", "يذهب 3 رجال إلى المدينة غدا."),
    "bn": ("আমি সকালে চা খাই।", "ছেলেটি স্কুলে বই পড়ে।", "কাল ৩ জন শহরে যাবে।"),
    "el": ("Πίνω τσάι το πρωί.", "Το παιδί διαβάζει ένα βιβλίο.", "Αύριο πάνε 3 άνθρωποι στην πόλη."),
    "gu": ("હું સવારે ચા પીઉં છું.", "છોકરો શાળામાં પુસ્તક વાંચે છે.", "કાલે ૩ લોકો શહેરમાં જશે."),
    "he": ("אני שותה תה בבוקר.", "הילד קורא ספר בבית הספר.", "מחר 3 אנשים הולכים לעיר."),
    "hi": ("मैं सुबह चाय पीता हूँ।", "लड़का स्कूल में किताब पढ़ता है।", "कल ३ लोग शहर जाएँगे।"),
    "hy": ("Ես առավոտյան թեյ եմ խմում։", "Տղան դպրոցում գիրք է կարդում։", "Վաղը 3 մարդ կգնա քաղաք։"),
    "ka": ("მე დილით ჩაის ვსვამ.", "ბიჭი სკოლაში წიგნს კითხულობს.", "ხვალ 3 კაცი ქალაქში წავა."),
    "kn": ("ನಾನು ಬೆಳಿಗ್ಗೆ ಚಹಾ ಕುಡಿಯುತ್ತೇನೆ.", "ಹುಡುಗ ಶಾಲೆಯಲ್ಲಿ ಪುಸ್ತಕ ಓದುತ್ತಾನೆ.", "ನಾಳೆ 3 ಜನ ನಗರಕ್ಕೆ ಹೋಗುತ್ತಾರೆ."),
    "ko": ("나는 아침에 차를 마신다.", "소년이 학교에서 책을 읽는다.", "내일 세 사람이 도시로 간다."),
    "ml": ("ഞാൻ രാവിലെ ചായ കുടിക്കുന്നു.", "കുട്ടി സ്കൂളിൽ പുസ്തകം വായിക്കുന്നു.", "നാളെ 3 പേർ നഗരത്തിൽ പോകും."),
    "pa": ("ਮੈਂ ਸਵੇਰੇ ਚਾਹ ਪੀਂਦਾ ਹਾਂ।", "ਮੁੰਡਾ ਸਕੂਲ ਵਿੱਚ ਕਿਤਾਬ ਪੜ੍ਹਦਾ ਹੈ।", "ਕੱਲ੍ਹ 3 ਲੋਕ ਸ਼ਹਿਰ ਜਾਣਗੇ।"),
    "ps": ("زه سهار چای څښم.", "هلک په ښوونځي کې کتاب لولي.", "سبا به ۳ کسان ښار ته ځي."),
    "ru": ("Утром я пью чай.", "Мальчик читает книгу в школе.", "Завтра 3 человека поедут в город."),
    "si": ("මම උදේ තේ බොමි.", "ළමයා පාසලේ පොතක් කියවයි.", "හෙට 3 දෙනෙක් නගරයට යති."),
    "ta": ("நான் காலையில் தேநீர் குடிக்கிறேன்.", "சிறுவன் பள்ளியில் புத்தகம் படிக்கிறான்.", "நாளை 3 பேர் நகரத்திற்குப் போவார்கள்."),
    "te": ("నేను ఉదయం టీ తాగుతాను.", "అబ్బాయి బడిలో పుస్తకం చదువుతాడు.", "రేపు 3 మంది నగరానికి వెళ్తారు."),
    "tr": ("Sabahları çay içerim.", "Çocuk okulda kitap okuyor.", "Yarın 3 kişi şehre gidecek."),
    "vi": ("Buổi sáng tôi uống trà.", "Cậu bé đọc sách ở trường.", "Ngày mai 3 người sẽ đến thành phố."),
}  # fmt: skip


@pytest.mark.parametrize("lang", SENTENCES)
def test_clean_lines_stay_and_lines_of_another_script_go(lang: str) -> None:
    lines = [line.replace("3", str(number)) for number in range(1, 51) for line in SENTENCES[lang]]
    cleaner = Cleaner(Lang(lang), Preparation(), LeakIndex({}, {}, True))
    cleaned = cleaner.clean(lines, 0)
    assert len(cleaned.sentences) > 0.98 * len(lines), cleaned.drops
    other = SENTENCES["ka"] if scripts(Lang(lang)) == ("Latn",) else SENTENCES["vi"]
    assert cleaner.clean(other, 0).sentences == []


def test_scripts_follow_unicode() -> None:
    assert scripts(Lang("bo")) == ("Tibt",)
    assert other_script_share("བོད", Lang("bo")) == 0
    assert scripts(Lang("zh_hant")) == scripts(Lang("zh")) == ("Hani",)
    assert other_script_share("々ー", Lang("ja")) == 0
    assert scripts(Lang("unknown-language")) == ("Latn",)
    assert [lang for lang in ("th", "lo", "km", "my", "bo", "ko", "gu") if is_spaced(Lang(lang))] == [
        "ko",
        "gu",
    ]

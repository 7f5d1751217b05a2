import pytest

from indexers.languages import UNKNOWN, detect, language_of, pairs, rules_of, without_pairs
from indexers.stop_words import STOP_WORDS

# ruff: noqa: E501, RUF001

SENTENCES = {
    "ar": "يدفع المستأجر الإيجار في اليوم الأول من كل شهر على أن لا يتأخر عن ذلك",
    "ca": "El llogater ha de pagar la renda el primer dia de cada mes i no és possible pagar més tard amb el banc",
    "cs": "Nájemce platí nájemné první den v měsíci a to na účet, který je uveden ve smlouvě, nebo se domluví jinak",
    "da": "Lejeren skal betale lejen den første dag i måneden, og det er ikke muligt at betale for sent til udlejeren",
    "de": "Der Mieter zahlt die Miete am ersten Tag des Monats, und es ist nicht möglich, sie später zu zahlen",
    "el": "Ο ενοικιαστής πληρώνει το ενοίκιο την πρώτη ημέρα του μήνα και δεν είναι δυνατό να πληρώσει αργότερα",
    "en": "The tenant pays the rent on the first day of the month, and it is not possible to pay it later than that",
    "es": "El inquilino paga el alquiler el primer día del mes y no es posible pagar más tarde que los demás",
    "fi": "Vuokralainen maksaa vuokran kuukauden ensimmäisenä päivänä, mutta se ei ole aina helppoa, kun hän on poissa",
    "fr": "Le locataire paie le loyer le premier jour du mois, et il n'est pas possible de le payer plus tard",
    "he": "השוכר משלם את שכר הדירה ביום הראשון של כל חודש ולא מאוחר יותר",
    "hi": "किरायेदार महीने के पहले दिन किराया देता है और यह बाद में देना संभव नहीं है",
    "hu": "A bérlő a hónap első napján fizeti a bérleti díjat, és ez nem lehet később, de azt csak egy bank intézi",
    "id": "Penyewa membayar sewa pada hari pertama dan tidak bisa lebih lambat dari itu karena yang lain juga menunggu",
    "it": "Il conduttore paga il canone il primo giorno del mese e non è possibile pagare più tardi di questo",
    "ja": "賃借人は毎月一日に家賃を支払うものとし、それより遅れることはできません。",
    "ko": "임차인은 매월 첫째 날에 임대료를 지불해야 하며 그보다 늦을 수 없습니다.",
    "nl": "De huurder betaalt de huur op de eerste dag van de maand en het is niet mogelijk om die later te betalen",
    "pl": "Najemca płaci czynsz w pierwszym dniu miesiąca i nie jest możliwe, że zapłaci go po tym terminie",
    "pt": "O inquilino paga a renda no primeiro dia do mês e não é possível pagar mais tarde do que isso, com multa",
    "ro": "Chiriașul plătește chiria în prima zi a lunii și nu este posibil să o plătească mai târziu de la bancă",
    "ru": "Арендатор платит аренду в первый день месяца, и это не может быть сделано позже, если он не договорился",
    "sv": "Hyresgästen betalar hyran den första dagen i månaden och det är inte möjligt att betala för sent",
    "th": "ผู้เช่าต้องชำระค่าเช่าในวันแรกของทุกเดือนและไม่สามารถชำระช้ากว่านั้น",
    "tr": "Kiracı kirayı ayın ilk günü öder ve bu daha sonra için mümkün değil, ama her ay bir gün olarak uzar",
    "uk": "Орендар сплачує оренду в перший день місяця, і це не може бути пізніше, але він може про це домовитися",
    "vi": "Người thuê trả tiền thuê vào ngày đầu của tháng và không được trả muộn hơn, cũng như các chi phí khác",
    "zh": "承租人应于每月第一天支付租金,不得迟于该日。",
}


@pytest.mark.parametrize("language", list(SENTENCES))
def test_one_sentence_tells_its_language(language):
    assert detect(SENTENCES[language]) == language


@pytest.mark.parametrize("text", ["", "12 34", "ok", "Xqz bnm wrt " * 30])
def test_what_shows_no_language_is_undetermined(text):
    assert detect(text) == UNKNOWN


def test_a_long_text_is_judged_by_pieces_from_all_of_it():
    text = "x1 " * 20_000 + SENTENCES["de"] * 1_000
    assert detect(text) == "de"


def test_a_language_that_the_caller_gives_wins_without_its_region():
    assert language_of(SENTENCES["en"], {"language": "de-AT"}) == "de"
    assert language_of(SENTENCES["en"], {"language": 7}) == "en"
    assert language_of(SENTENCES["en"], {}) == "en"


def test_scripts_without_blanks_become_pairs_and_leave_the_words_to_others():
    text = "Qdrant は速い, 租金 x 家 ไทย"
    assert pairs(text) == ["は速", "速い", "租金", "家", "ไท", "ทย"]
    assert without_pairs(text).split() == ["Qdrant", ",", "x"]
    assert pairs("no such script") == []


def test_every_language_that_has_a_stemmer_names_one_that_exists():
    import Stemmer

    from indexers import languages

    assert set(languages._STEMMERS.values()) <= set(Stemmer.algorithms())
    assert rules_of("de").stemmer == "german"
    assert "und" in rules_of("de").stop_words
    assert rules_of(UNKNOWN).stemmer == ""
    assert not rules_of(UNKNOWN).stop_words


def test_every_stop_word_is_in_lower_case():
    assert all(word == word.lower() for words in STOP_WORDS.values() for word in words)

import pytest

from indexers.languages import analysed_as
from indexers.lexical import (
    Bm25,
    analyse,
    analyse_query,
    count_terms,
    query_vector,
    reweigh,
    singular,
    term_index,
    weigh,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The cats were running", ["cat", "running"]),
        ("getHTTPResponse", ["gethttpresponse", "get", "http", "response"]),
        ("get_http_response", ["gethttpresponse", "get", "http", "response"]),
        ("utf8", ["utf8", "utf", "8"]),
        ("__init__", ["init"]),
        ("XMLParser", ["xmlparser", "xml", "parser"]),
        ("don't", ["don"]),
        ("", []),
        ("of the and", []),
        ("Ärger ÉCOLE", ["ärger", "école"]),
    ],
)
def test_words_and_identifiers_become_terms(text, terms):
    assert analyse(text) == terms


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("contract", "contracts"),
        ("query", "queries"),
        ("movie", "movies"),
        ("class", "classes"),
        ("box", "boxes"),
        ("match", "matches"),
        ("cache", "caches"),
        ("employee", "employees"),
        ("base", "bases"),
    ],
)
def test_a_word_and_its_plural_are_one_term(one, many):
    assert singular(one) == singular(many)


@pytest.mark.parametrize("word", ["bus", "class", "status", "analysis", "this", "is", "as", "tie"])
def test_a_word_that_only_looks_like_a_plural_stays(word):
    assert singular(word) == word


def test_the_weight_of_a_term_is_bm25s_frequency_part():
    # tf 2, length 10, average 20: 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 0.5)) = 4.4 / 2.75
    assert Bm25(k1=1.2, b=0.75).weight(2, 10, 20.0) == pytest.approx(1.6)


def test_weights_carried_to_another_average_equal_weights_made_with_it():
    counts = count_terms("lock " * 40 + "file file wait " + "release " * 7)
    bm25 = Bm25()
    old = weigh(counts, average=31.0, bm25=bm25)
    carried = reweigh(old, length=sum(counts.values()), old_average=31.0, new_average=90.0, bm25=bm25)
    assert carried.indices == old.indices
    assert carried.values == pytest.approx(weigh(counts, average=90.0, bm25=bm25).values)


def test_a_query_weighs_a_term_by_how_often_it_is_asked():
    vector = query_vector(analyse("lock the lock file"))
    assert dict(zip(vector.indices, vector.values, strict=True)) == {
        term_index("lock"): 2.0,
        term_index("file"): 1.0,
    }


@pytest.mark.parametrize(
    ("text", "language", "terms"),
    [
        ("Die Verträge der Mieter", "de", ["vertrag", "miet"]),
        ("les contrats de location", "fr", ["contrat", "locat"]),
        ("the cats", "und", ["cat"]),
        ("東京都に住む", "ja", ["東京", "京都", "都に", "に住", "住む"]),
        ("Phone 手机 cases", "zh", ["phone", "case", "手机"]),
        ("ภาษาไทย", "th", ["ภา", "าษ", "ษา", "าไ", "ไท", "ทย"]),
        ("東京 in an English text", "en", ["english", "text", "東京"]),
    ],
)
def test_words_of_other_languages_are_stemmed_and_scripts_without_blanks_paired(text, language, terms):
    assert analyse(text, language) == terms


def test_a_query_is_read_in_every_language_of_the_collection_and_no_term_counts_twice():
    asked = analyse_query("contracts Verträge contracts", {"en", "de", "und", "ja"})
    assert sorted(asked) == ["contract", "contract", "vertrag", "verträge"]
    assert analyse_query("the contracts", {"en"}) == analyse("the contracts")
    assert analyse_query("words", ()) == ["word"]
    assert [analysed_as(one) for one in ("de", "und", "ja", "xx", "en")] == ["de", "en", "en", "en", "en"]


@pytest.mark.parametrize("text", ["東京 tower", "lock 京 file", "ไทย word", "plain words", "京都"])
def test_the_places_of_terms_are_those_of_the_terms(text):
    places = [text[start:end].lower() for _, start, end in words_of(text)]
    assert [singular(place) for place in places] == analyse(text)

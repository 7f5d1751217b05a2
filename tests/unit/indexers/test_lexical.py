import pytest

from indexers.lexical import Bm25, analyse, count_terms, query_vector, reweigh, singular, term_index, weigh


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

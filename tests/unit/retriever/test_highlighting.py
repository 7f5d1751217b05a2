from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from encoders.boundaries import prose_borders, prose_cuts
from encoders.types import Span
from indexers.lexical import WantedWords, analyse, places_of, words_of
from retriever.highlighting import best_sentence, find_highlights


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("aB9 .!?\n\r\t\u2026\u201d)(\u3002\u0964\u300d\x0b\u2028"), max_size=40))
def test_the_borders_of_a_short_text_are_the_cuts_of_a_long_one(text):
    assert prose_borders(text) == sorted({0, *prose_cuts(text, 0, len(text)).positions.tolist(), len(text)})


def test_the_sentence_with_most_that_matches_is_quoted():
    text = "The rent is due.\nLate rent costs  ten percent. Nobody likes rent."
    lit = find_highlights(text, WantedWords({"late", "rent"}))
    assert [one.of(text) for one in lit] == ["rent", "Late rent", "rent"]
    assert best_sentence(text, lit).of(text) == "Late rent costs  ten percent."
    assert best_sentence(text, []).of(text) == "The rent is due."
    assert best_sentence("  \n ", []) == Span(0, 4)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("abA1_ .-\u00e9\u4eac\u0301"), max_size=40), st.data())
def test_words_are_found_where_reading_all_of_them_finds_them(text, data):
    words = words_of(text)
    wanted = data.draw(st.sets(st.sampled_from([word for word, _, _ in words]))) if words else set()
    terms = {term for word in wanted for term in analyse(word)}
    found = {word for word, _, _ in words if not terms.isdisjoint(analyse(word))}
    assert sorted(places_of(text, WantedWords(terms))) == sorted(
        (a, b) for word, a, b in words if word in found
    )

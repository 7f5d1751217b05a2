from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from encoders.boundaries import prose_cuts
from encoders.sentences import prose_borders
from encoders.types import Span
from indexers.lexical import WantedWords, analyse, words_of
from retriever.highlighting import best_sentence, find_highlights


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("aB9 .!?\n\r\t\u2026\u201d)(\u3002\u0964\u300d\x0b\u2028"), max_size=40))
def test_the_borders_of_a_short_text_are_the_cuts_of_a_long_one(text):
    assert prose_borders(text) == sorted({0, *prose_cuts(text, 0, len(text)).positions.tolist(), len(text)})


def test_the_sentence_with_most_that_matches_is_quoted():
    text = "The rent is due.\nLate rent costs  ten percent. Nobody likes rent."
    lit = find_highlights(text, WantedWords({"late", "rent"}))
    assert [text[start:end] for start, end in lit] == ["rent", "Late rent", "rent"]
    assert best_sentence(text, lit).of(text) == "Late rent costs  ten percent."
    assert best_sentence(text, []).of(text) == "The rent is due."
    assert best_sentence("  \n ", []) == Span(0, 4)


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            (
                "caches",
                "Query",
                "queries",
                "ties",
                "flies",
                "axes",
                "APIs",
                "getQuery",
                "get_query",
                "x2",
                "class",
            )
        )
    ),
    st.sampled_from((" ", "_", " _", "__", "-", "", "\u00e9", "\u4eac", "\u03a3", "\u0130", "s ")),
    st.sets(
        st.sampled_from(("cache", "query", "tie", "fly", "ax", "api", "classes", "x2", "2", "y", "getquery"))
    ),
)
def test_words_are_found_where_reading_all_of_them_finds_them(parts, between, asked):
    text = between.join(parts)
    terms = {term for word in asked for term in analyse(word)}
    places = {(start, end) for word, start, end in words_of(text) if not terms.isdisjoint(analyse(word))}
    found = WantedWords(terms).places(text)
    assert (set(found), len(found)) == (places, len(places))

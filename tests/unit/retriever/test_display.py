"""What the command line prints of a hit."""

from __future__ import annotations

import pytest

from encoders.types import Location
from retriever.display import excerpt
from retriever.types import Evidence, Quote

FILLER = "some words that say nothing of it. " * 40
ANSWER = "The moon pulls the sea."


def evidence(text, *, at=1_000, highlights=(), quote=None):
    found = None
    if quote is not None:
        start = at + text.index(quote)
        found = Quote(exact=quote, prefix="", suffix="", start=start, end=start + len(quote))
    marked = tuple((at + text.index(word), at + text.index(word) + len(word)) for word in highlights)
    return Evidence(
        id="ev", start=at, end=at + len(text), text=text, location=Location(), kind="prose",
        score=1.0, dense=1.0, lexical=1.0, highlights=marked, quote=found,
    )  # fmt: skip


@pytest.mark.parametrize(
    "marks", [{"highlights": ("moon", "sea")}, {"quote": ANSWER}, {"highlights": ("sea",), "quote": ANSWER}]
)
def test_of_a_long_span_the_words_around_the_match_are_shown(marks):
    shown = excerpt(evidence(FILLER + ANSWER + " " + FILLER, **marks))
    assert ANSWER in shown
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert len(shown) <= 404


def test_a_match_in_the_best_sentence_goes_before_an_earlier_one():
    text = "words of the tide. " + FILLER + ANSWER
    shown = excerpt(evidence(text, highlights=("tide", "moon"), quote=ANSWER))
    assert shown.startswith("… ")
    assert shown.endswith(ANSWER)


def test_a_beginning_that_holds_two_of_the_words_is_shown():
    text = "split a shell command line safely\n" + FILLER + ANSWER
    shown = excerpt(evidence(text, highlights=("split", "shell", "moon"), quote=ANSWER))
    assert shown.startswith("split a shell")


def test_what_is_shown_begins_with_a_line_where_one_begins():
    text = "x = 1\n" * 200 + "    y = x\n" + ANSWER
    assert excerpt(evidence(text, highlights=("moon",))).startswith("… x = 1\n")


def test_a_match_near_the_start_leaves_the_start_in_place():
    shown = excerpt(evidence("\n" + ANSWER + " " + FILLER, highlights=("moon",)))
    assert shown.startswith(ANSWER)
    assert shown.endswith(" …")


def test_a_short_span_is_shown_whole():
    assert excerpt(evidence("\n" + ANSWER + "\n", highlights=("sea",))) == ANSWER


def test_without_spaces_the_match_is_shown_all_the_same():
    shown = excerpt(evidence("x" * 3_000 + ANSWER, highlights=("moon",)))
    assert shown.startswith("… x")
    assert shown.endswith(ANSWER)

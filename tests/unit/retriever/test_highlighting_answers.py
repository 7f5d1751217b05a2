"""Highlights and quotes are where they stand in the document, in every unit."""

from __future__ import annotations

import pytest

from encoders.types import Coverage, Location
from retriever.highlighting import Margins, Unhighlighted, highlight
from retriever.options import SearchOptions
from retriever.types import (
    CandidateCounts,
    DocumentHit,
    DocumentInfo,
    Evidence,
    SearchMeta,
    SearchResult,
)

DOCUMENT = "𝄞 Käse first. The landlord pays the costs. And a last word."
START, END = DOCUMENT.index("The"), DOCUMENT.index(" And")
WIDTHS = {"codepoint": None, "utf16": ("utf-16-le", 2), "byte": ("utf-8", 1)}


def units(offset, unit):
    if WIDTHS[unit] is None:
        return offset
    encoding, width = WIDTHS[unit]
    return len(DOCUMENT[:offset].encode(encoding)) // width


def found(unit, start=START, end=END):
    coverage = Coverage(tokens=1, embedded=1, unknown=0, lost_characters=0, segments=1)
    document = DocumentInfo(
        id="lease",
        version=1,
        content_hash="",
        title="",
        source="",
        media_type="text/plain",
        characters=len(DOCUMENT),
        updated_at="",
        metadata={},
        coverage=coverage,
    )
    evidence = Evidence(
        id="ev",
        start=units(start, unit),
        end=units(end, unit),
        text=DOCUMENT[start:end],
        location=Location(),
        kind="prose",
        score=1.0,
        dense=1.0,
        lexical=1.0,
    )
    hit = DocumentHit(rank=1, score=1.0, document=document, evidence=(evidence,), evidence_total=1)
    counts = CandidateCounts(documents=1, segments=1, dead=0, exhausted=True)
    meta = SearchMeta(snapshot="", encoder="", profile="", candidates=counts, timing_ms={"total": 2.0})
    return Unhighlighted(
        result=SearchResult(query="landlord", hits=(hit,), meta=meta),
        terms=("landlord",),
        languages=("en",),
        margins=((Margins(before=DOCUMENT[:start], after=DOCUMENT[end:]),),),
    )


@pytest.mark.parametrize("unit", WIDTHS)
def test_offsets_count_from_the_start_of_the_document(unit):
    options = SearchOptions(query="landlord", offset_unit=unit, must_contain=('"the costs"',))
    answer = highlight(found(unit), options)
    [evidence] = answer.hits[0].evidence
    places = [
        (DOCUMENT.index(words), DOCUMENT.index(words) + len(words)) for words in ("landlord", "the costs")
    ]
    assert evidence.highlights == tuple((units(start, unit), units(end, unit)) for start, end in places)
    assert (evidence.quote.start, evidence.quote.end) == (units(START, unit), units(END, unit))
    assert answer.meta.timing_ms["total"] == 2.0 + answer.meta.timing_ms["highlight"]


def test_a_quote_shows_what_stands_beside_the_evidence():
    [evidence] = highlight(found("codepoint"), SearchOptions(query="landlord")).hits[0].evidence
    quote = evidence.quote
    assert (quote.prefix, quote.exact, quote.suffix) == (
        DOCUMENT[:START],
        DOCUMENT[START:END],
        DOCUMENT[END:],
    )


def test_highlights_are_in_text_that_is_not_ascii_too():
    [evidence] = (
        highlight(found("byte", 0, END), SearchOptions(query="landlord", offset_unit="byte")).hits[0].evidence
    )
    [(start, end)] = evidence.highlights
    assert DOCUMENT.encode()[start:end] == b"landlord"
    assert DOCUMENT.encode()[evidence.quote.start : evidence.quote.end].decode() == evidence.quote.exact

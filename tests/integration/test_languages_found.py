"""Documents of several languages in one collection are found by their own words."""

from __future__ import annotations

import pytest

from encoders.types import Document

TEXTS = {
    "de": "Der Mieter zahlt die Miete am ersten Tag des Monats. Die Verträge werden nicht verlängert, "
    "wenn der Vermieter sie kündigt. ",
    "en": "The tenant pays the rent on the first day of the month. The contracts are not renewed if the "
    "landlord ends them. ",
    "ja": "借主は毎月一日に家賃を支払う。貸主が終了させた場合、契約は更新されない。",
    "th": "ผู้เช่าต้องชำระค่าเช่าในวันแรกของเดือน สัญญาจะไม่ต่ออายุหากผู้ให้เช่ายกเลิก ",
}


@pytest.fixture
def mixed(retriever):
    retriever.add([Document(id=name, text=text * 6) for name, text in TEXTS.items()])
    return retriever


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Vertrag", "de"),
        ("contract", "en"),
        ("家賃の支払", "ja"),
        ("ค่าเช่า", "th"),
        ("kündigen Verträge", "de"),
    ],
)
def test_a_word_of_one_language_finds_its_document_and_is_highlighted(mixed, query, found):
    result = mixed.search(query, limit=4, explain=True)
    scores = {
        hit.document.id: next(one.raw for one in hit.explain.components if one.name == "document_lexical")
        for hit in result
    }
    assert max(scores, key=lambda name: scores[name]) == found
    best = next(hit for hit in result if hit.document.id == found)
    assert any(one.highlights for one in best.evidence)


def test_a_phrase_is_found_in_whatever_language_it_stands(mixed):
    assert [hit.document.id for hit in mixed.search("x", must_contain=['"Verträge werden"'])] == ["de"]
    assert [hit.document.id for hit in mixed.search("x", must_contain=['"the contracts are"'])] == ["en"]
    assert [hit.document.id for hit in mixed.search("x", must_contain=["家賃を支払"])] == ["ja"]


def test_a_language_that_is_given_wins_over_the_detected_one(retriever):
    text = "Verträge Verträge Verträge"
    retriever.add([Document(id="x", text=text, metadata={"language": "de-AT"})])
    collection = retriever.engine.collection
    assert collection.entry("x").language == "de"
    assert collection.languages == {"en", "de"}
    report = retriever.add([Document(id="x", text=text, metadata={"language": "fr"})])
    assert report.updated == ("x",)
    assert retriever.get("x").version == 2

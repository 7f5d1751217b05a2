from __future__ import annotations

import re

import pytest

from encoders.types import Span
from eval.errors import EvaluationError
from eval.haystack import Haystack
from eval.needle_test import share_found
from eval.needles import NeedleOptions, make_needles
from eval.types import Answer, GoldSpan, RankedDocument

HAYSTACK = Haystack(["The mill stands by the river. It turns day and night. Nobody knows its age. " * 30])


def make(kind, **options):
    return make_needles(HAYSTACK, NeedleOptions(kind=kind, lengths=(256, 512), per_cell=2, **options))


@pytest.mark.parametrize("kind", ["plain", "confusing", "multi"])
def test_every_place_of_the_grid_has_its_documents_with_gold_spans_that_hold_facts(kind):
    needles = make(kind)
    texts = {document.id: document.text for document in needles.dataset.documents}
    assert sorted(set(needles.cells.values())) == [
        (n, d) for n in (256, 512) for d in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert len(needles.dataset.queries) == len(texts) == 20
    for query in needles.dataset.queries:
        gold = needles.dataset.spans[query.id]
        assert len(gold) == (3 if kind == "multi" else 1)
        for one in gold:
            fact = one.span.of(texts[one.doc_id])
            assert fact.endswith(".")
            assert sum(fact in text for text in texts.values()) == 1
        assert len(texts[gold[0].doc_id].split()) <= 0.75 * needles.cells[query.id][0]


@pytest.mark.parametrize("kind", ["plain", "confusing"])
def test_the_fact_stands_at_its_depth(kind):
    needles = make(kind)
    texts = {document.id: document.text for document in needles.dataset.documents}
    for query_id, (length, depth) in needles.cells.items():
        (gold,) = needles.dataset.spans[query_id]
        middle = (gold.span.start + gold.span.end) / 2 / len(texts[gold.doc_id])
        assert middle == pytest.approx(depth, abs=0.2 if length == 256 else 0.15)


def test_near_copies_differ_in_subject_or_in_what_is_asked_and_stand_in_the_same_document():
    needles = make("confusing")
    texts = {document.id: document.text for document in needles.dataset.documents}
    for query in needles.dataset.queries:
        place = query.text.removeprefix("What is the access code of the ").removesuffix("?")
        (gold,) = needles.dataset.spans[query.id]
        text = texts[gold.doc_id]
        assert text.count(f"The access code of the {place} is") == 1
        assert text.count("The access code of the ") == 3
        assert text.count(f"The visitor code of the {place} is") == 1
        assert sum(f"code of the {place} is" in other for other in texts.values()) == 1
        others = set(re.findall(r"access code of the (\w+ \w+) is", text)) - {place}
        assert all(set(other.split()) & set(place.split()) for other in others)


def test_near_copies_need_names_that_no_query_asks_for():
    with pytest.raises(EvaluationError, match="600 needles leave no names for near copies"):
        make_needles(HAYSTACK, NeedleOptions(kind="confusing", lengths=(256,), per_cell=120))


def test_the_same_seed_gives_the_same_needles():
    assert make("plain", seed=3) == make("plain", seed=3)
    assert make("plain", seed=3).dataset.documents != make("plain", seed=4).dataset.documents


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lengths": ()}, "at least one length"),
        ({"per_cell": 0}, "one document a cell"),
        ({"lengths": (64,)}, "documents of 64 tokens hold no needle"),
        ({"depths": (0.5, 1.5)}, "depths go from 0 to 1"),
    ],
)
def test_an_impossible_grid_is_refused(options, message):
    with pytest.raises(EvaluationError, match=message):
        NeedleOptions(**options)


def test_the_share_found_counts_gold_spans_that_the_first_ten_overlap():
    gold = [GoldSpan(doc_id="d", span=Span(0, 5)), GoldSpan(doc_id="d", span=Span(100, 105))]
    one = RankedDocument(doc_id="d", score=1.0, evidence=(Span(3, 20),))
    assert share_found(Answer(query_id="q", documents=(one,)), gold) == 0.5
    both = RankedDocument(doc_id="d", score=1.0, evidence=(Span(3, 20), Span(90, 101)))
    assert share_found(Answer(query_id="q", documents=(both,)), gold) == 1.0

from __future__ import annotations

import pytest

from encoders.types import Span
from eval.evidence import evidence_figures, iou, spans_in_reading_order, within
from eval.types import Answer, GoldSpan, RankedDocument


def answer(*documents: tuple[str, list[tuple[int, int]]]) -> Answer:
    ranked = tuple(
        RankedDocument(doc_id=doc_id, score=float(-place), evidence=tuple(Span(a, b) for a, b in spans))
        for place, (doc_id, spans) in enumerate(documents)
    )
    return Answer(query_id="q", documents=ranked)


def gold(doc_id: str, start: int, end: int) -> GoldSpan:
    return GoldSpan(doc_id=doc_id, span=Span(start, end))


def test_the_first_span_of_the_first_document_decides_hit_at_1():
    found = evidence_figures(answer(("d", [(0, 10), (50, 60)])), [gold("d", 9, 20)])
    assert found == {"hit@1": 1.0, "hit@10": 1.0, "overlap": pytest.approx(1 / 20)}


def test_a_later_document_counts_for_hit_at_10_only():
    found = evidence_figures(answer(("x", [(0, 100)]), ("d", [(0, 10)])), [gold("d", 0, 10)])
    assert found == {"hit@1": 0.0, "hit@10": 1.0, "overlap": 1.0}


def test_the_same_place_in_another_document_is_no_hit():
    found = evidence_figures(answer(("x", [(0, 10)])), [gold("d", 0, 10)])
    assert found == {"hit@1": 0.0, "hit@10": 0.0, "overlap": 0.0}


def test_spans_that_only_touch_do_not_overlap():
    assert evidence_figures(answer(("d", [(0, 10)])), [gold("d", 10, 20)])["hit@10"] == 0.0


def test_the_eleventh_span_is_not_read():
    places = [(n, n + 1) for n in range(11)]
    assert evidence_figures(answer(("d", places)), [gold("d", 9, 10)])["hit@10"] == 1.0
    assert evidence_figures(answer(("d", places)), [gold("d", 10, 11)])["hit@10"] == 0.0


def test_a_document_that_is_returned_whole_is_read_for_3000_characters():
    whole = answer(("d", [(0, 50_000)]))
    assert evidence_figures(whole, [gold("d", 2_990, 3_010)])["overlap"] == pytest.approx(10 / 3_010)
    assert evidence_figures(whole, [gold("d", 3_000, 3_010)])["hit@1"] == 0.0


def test_the_limit_holds_for_every_document_on_its_own():
    found = answer(("a", [(0, 2_000), (5_000, 7_000), (8_000, 9_000)]), ("b", [(0, 9)]))
    assert list(spans_in_reading_order(found)) == [
        gold("a", 0, 2_000),
        gold("a", 5_000, 6_000),
        gold("b", 0, 9),
    ]


def test_overlap_is_the_best_single_pair():
    found = evidence_figures(answer(("d", [(0, 10), (100, 104)])), [gold("d", 5, 10), gold("d", 100, 108)])
    assert found["overlap"] == pytest.approx(1 / 2)


def test_an_answer_without_evidence_hits_nothing():
    assert set(evidence_figures(answer(("d", [])), [gold("d", 0, 1)]).values()) == {0.0}


def test_iou_is_shared_over_union_and_symmetric():
    assert iou(Span(0, 10), Span(5, 20)) == iou(Span(5, 20), Span(0, 10)) == pytest.approx(5 / 20)
    assert iou(Span(0, 5), Span(5, 9)) == 0.0


def test_nothing_is_read_of_a_zero_allowance():
    assert list(within([Span(0, 5)], 0)) == []

from __future__ import annotations

from math import log2

import pytest

from eval.metrics import evaluate, mean_figures, p_mrr, ranking


def test_ndcg_is_the_discounted_gain_over_the_best_possible():
    figures = evaluate({"q": {"a": 1, "b": 2, "c": 0}}, {"q": {"a": 3.0, "c": 2.0, "b": 1.0}})
    gain = 1 / log2(2) + 0 / log2(3) + 2 / log2(4)
    best = 2 / log2(2) + 1 / log2(3)
    assert figures["q"]["nDCG@10"] == pytest.approx(gain / best)


def test_ndcg_and_mrr_stop_after_ten_and_recall_after_a_hundred():
    scores = {f"d{n:03}": float(-n) for n in range(1, 102)}
    qrels = {"ten": {"d010": 1}, "eleven": {"d011": 1}, "hundred": {"d100": 1, "d101": 1}}
    figures = evaluate(qrels, dict.fromkeys(qrels, scores))
    assert figures["ten"]["nDCG@10"] == pytest.approx(1 / log2(11))
    assert figures["ten"]["MRR@10"] == pytest.approx(1 / 10)
    assert figures["eleven"]["nDCG@10"] == figures["eleven"]["MRR@10"] == 0
    assert figures["hundred"]["Recall@100"] == pytest.approx(1 / 2)


def test_a_query_without_an_answer_counts_as_nothing_found():
    figures = evaluate({"q": {"a": 1}, "p": {"a": 1}, "r": {"a": 1}}, {"q": {"a": 1.0}, "r": {}})
    assert {name: value for name, value in figures["p"].items() if value} == {}
    assert figures["r"] == figures["p"]
    assert mean_figures(figures)["acc@1"] == pytest.approx(1 / 3)


def test_no_answer_at_all_is_zero_and_no_error():
    assert set(evaluate({"q": {"a": 1}}, {})["q"].values()) == {0.0}


@pytest.mark.parametrize("order", [["a", "b"], ["b", "a"]])
def test_equal_scores_stand_in_order_of_id_however_they_came(order):
    scores = dict.fromkeys(order, 1.0)
    assert ranking(scores) == ["a", "b"]
    assert evaluate({"q": {"b": 1}}, {"q": scores})["q"]["MRR@10"] == pytest.approx(1 / 2)


def test_means_can_be_taken_over_some_queries():
    per_query = {"p": {"m": 1.0}, "q": {"m": 0.0, "n": 0.5}, "r": {"m": 0.0}}
    assert mean_figures(per_query) == {"m": pytest.approx(1 / 3), "n": 0.5}
    assert mean_figures(per_query, {"p", "q"}) == {"m": 0.5, "n": 0.5}


def test_p_mrr_rewards_documents_that_fall_and_punishes_those_that_rise():
    before = {"q": {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}}
    after = {"q": {"b": 4.0, "d": 3.0, "c": 2.0, "a": 1.0}}
    assert p_mrr(before, after, {"q": ["a"]}) == {"q": pytest.approx(1 - 1 / 4)}
    assert p_mrr(before, after, {"q": ["d"]}) == {"q": pytest.approx(2 / 4 - 1)}
    assert p_mrr(before, after, {"q": ["c"]}) == {"q": 0.0}
    assert p_mrr(before, after, {"q": ["a", "d"]}) == {"q": pytest.approx((3 / 4 - 2 / 4) / 2)}


def test_p_mrr_puts_a_missing_document_behind_the_last():
    before, after = {"q": {"a": 2.0, "b": 1.0}}, {"q": {"b": 1.0}}
    assert p_mrr(before, after, {"q": ["a"]}) == {"q": pytest.approx(1 - 1 / 2)}
    assert p_mrr(before, {}, {"q": ["b"], "empty": []}) == {"q": pytest.approx(1 / 2 - 1)}

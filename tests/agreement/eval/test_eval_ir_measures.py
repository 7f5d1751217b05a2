"""Random runs, ours against formulas written out and against pytrec_eval itself."""

from __future__ import annotations

import random
from math import log2

import pytest
import pytrec_eval

from eval.metrics import evaluate, ranking


def random_case(seed: int) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]]:
    chance = random.Random(seed)
    documents = [f"d{n}" for n in range(150)]
    qrels = {f"q{n}": {d: chance.randint(0, 3) for d in chance.sample(documents, 20)} for n in range(5)}
    for grades in qrels.values():
        grades["d0"] = 1
    run = {
        query: {d: float(chance.randint(0, 40)) for d in chance.sample(documents, chance.randint(1, 150))}
        for query in qrels
    }
    return qrels, run


def by_hand(grades: dict[str, int], order: list[str]) -> dict[str, float]:
    def dcg(gains: list[int]) -> float:
        return sum(gain / log2(place + 2) for place, gain in enumerate(gains[:10]))

    relevant = {d for d, grade in grades.items() if grade > 0}
    first = next((place for place, d in enumerate(order[:10], start=1) if d in relevant), None)
    return {
        "nDCG@10": dcg([grades.get(d, 0) for d in order]) / dcg(sorted(grades.values(), reverse=True)),
        "MRR@10": 1 / first if first else 0.0,
        "Recall@100": len(relevant & set(order[:100])) / len(relevant),
        "acc@1": float(order[0] in relevant),
    }


@pytest.mark.parametrize("seed", range(20))
def test_metrics_equal_their_definitions_on_random_runs_with_ties(seed):
    qrels, run = random_case(seed)
    figures = evaluate(qrels, run)
    for query, grades in qrels.items():
        assert figures[query] == pytest.approx(by_hand(grades, ranking(run[query])))


@pytest.mark.parametrize("seed", range(5))
def test_metrics_equal_pytrec_eval_where_nothing_ties(seed):
    qrels, run = random_case(seed)
    run = {q: {d: score + place / 1e3 for place, (d, score) in enumerate(s.items())} for q, s in run.items()}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recall.100", "P.1"}).evaluate(run)
    figures = evaluate(qrels, run)
    for query in qrels:
        assert figures[query]["nDCG@10"] == pytest.approx(theirs[query]["ndcg_cut_10"])
        assert figures[query]["Recall@100"] == pytest.approx(theirs[query]["recall_100"])
        assert figures[query]["acc@1"] == pytest.approx(theirs[query]["P_1"])

"""Ranking metrics, computed by ir-measures, and p-MRR.

Definitions, for a query with grades ``g`` and a ranking ``d_1, d_2, …``:

- ``nDCG@10``: DCG is the sum of ``g(d_i) / log2(i + 1)`` over the first ten, divided
  by the DCG of the best possible order. Source: Järvelin & Kekäläinen 2002,
  doi:10.1145/582415.582418, in the linear-gain form of trec_eval.
- ``MRR@10``: ``1 / i`` of the first relevant document among the first ten, else 0.
- ``Recall@100``: share of the relevant documents among the first hundred.
- ``acc@1``: 1 where the first document is relevant, else 0; with one relevant
  document of grade 1 it equals nDCG@1.

A query without an answer scores 0 in all of them; it is never left out.
"""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from eval.types import Figures, PerQuery, Qrels, Run

RANKING_METRICS: Mapping[str, str] = {
    "nDCG@10": "nDCG@10",
    "MRR@10": "RR@10",
    "Recall@100": "R@100",
    "acc@1": "P@1",
}
"""Our name -> the name in ir-measures."""


def ranking(scores: Mapping[str, float]) -> list[str]:
    """Order document ids by falling score; equal scores by rising id."""
    return sorted(scores, key=lambda doc_id: (-scores[doc_id], doc_id))


def evaluate(qrels: Qrels, run: Run) -> dict[str, dict[str, float]]:
    """Return the figures of every query of ``qrels``.

    Scores are replaced by ranks first, so that no library breaks a tie its own way.
    """
    import ir_measures

    names = {ir_measures.parse_measure(theirs): ours for ours, theirs in RANKING_METRICS.items()}
    figures = {query_id: dict.fromkeys(RANKING_METRICS, 0.0) for query_id in qrels}
    strict = {query_id: _strict(run[query_id]) for query_id in qrels if run.get(query_id)}
    if not strict:
        return figures
    judged = {query_id: dict(grades) for query_id, grades in qrels.items()}
    for metric in ir_measures.iter_calc(list(names), judged, strict):
        figures[metric.query_id][names[metric.measure]] = float(metric.value)
    return figures


def mean_figures(per_query: PerQuery, query_ids: Collection[str] | None = None) -> dict[str, float]:
    """Average every metric over the queries that have it, or over those of ``query_ids``."""
    columns: dict[str, list[float]] = {}
    for query_id, figures in per_query.items():
        if query_ids is None or query_id in query_ids:
            for name, value in figures.items():
                columns.setdefault(name, []).append(value)
    return {name: fmean(values) for name, values in columns.items()}


def p_mrr(original: Run, changed: Run, newly_irrelevant: Mapping[str, Collection[str]]) -> Figures:
    """Measure per query how far documents fall once an instruction rules them out.

    For a document of rank ``r`` under the original instruction and ``s`` under the
    changed one: ``s / r - 1`` where ``r >= s`` (it rose, at most 0), else ``1 - r / s``
    (it fell, above 0). The figure of a query is the mean over its documents. A document
    missing from a ranking stands one place behind its last.

    Args:
        original: the run for the original instructions.
        changed: the run for the changed ones, under the same query ids.
        newly_irrelevant: per query the documents that only the original makes relevant.

    Returns:
        From -1 to 1 per query; a query without such documents is left out.

    Source:
        Weller et al. 2024, "FollowIR", arXiv:2403.15246.
    """
    figures = {}
    for query_id, documents in newly_irrelevant.items():
        before, after = ranking(original.get(query_id, {})), ranking(changed.get(query_id, {}))
        shifts = [_shift(_rank(before, doc_id), _rank(after, doc_id)) for doc_id in documents]
        if shifts:
            figures[query_id] = fmean(shifts)
    return figures


def _shift(before: int, after: int) -> float:
    return after / before - 1 if before >= after else 1 - before / after


def _rank(order: list[str], doc_id: str) -> int:
    return order.index(doc_id) + 1 if doc_id in order else len(order) + 1


def _strict(scores: Mapping[str, float]) -> dict[str, float]:
    order = ranking(scores)
    return {doc_id: float(len(order) - place) for place, doc_id in enumerate(order)}

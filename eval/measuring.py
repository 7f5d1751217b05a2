"""Asks a system every query of a data set and computes its figures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from eval.evidence import evidence_figures
from eval.metrics import evaluate, mean_figures
from eval.statistics import interval, paired_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from eval.protocols import System
    from eval.types import Answer, Dataset, Interval, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The figures of one system on one data set.

    Attributes:
        system: its name.
        run: its rankings.
        per_query: ranking metrics of every query; evidence metrics where gold spans are known
            and the system returns spans at all.
        seconds: wall time of every query, in order; empty for a batch baseline.
    """

    system: str
    run: Run
    per_query: Mapping[str, Mapping[str, float]]
    seconds: tuple[float, ...] = ()

    def column(self, metric: str, query_ids: Sequence[str]) -> dict[str, float]:
        """Return one metric of those queries that have it."""
        figures = self.per_query
        return {one: figures[one][metric] for one in query_ids if metric in figures.get(one, {})}


def ask(
    system: System, dataset: Dataset, *, reach: Callable[[int], None] = lambda done: None
) -> tuple[Answer, ...]:
    """Ask every query once, in order; ``reach`` is told how many are done."""
    answers = []
    for done, query in enumerate(dataset.queries, start=1):
        answers.append(system.answer(query))
        reach(done)
    return tuple(answers)


def measure(name: str, answers: Sequence[Answer], dataset: Dataset) -> Measurement:
    """Compute the figures of ``answers``, ranked in the order they were returned."""
    run = {answer.query_id: _scores_by_rank(answer) for answer in answers}
    per_query = evaluate(dataset.qrels, run)
    for answer in answers:
        gold = dataset.spans.get(answer.query_id)
        if gold:
            per_query[answer.query_id] |= evidence_figures(answer, gold)
    return Measurement(
        system=name, run=run, per_query=per_query, seconds=tuple(answer.seconds for answer in answers)
    )


def measure_run(name: str, run: Run, dataset: Dataset) -> Measurement:
    """Compute the ranking figures of a run without evidence."""
    return Measurement(system=name, run=run, per_query=evaluate(dataset.qrels, run))


def ids_by_origin(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """Return the query ids of every set; a set that lost all its queries to a sample is left out."""
    groups = {
        origin: tuple(query.id for query in dataset.queries if query.origin == origin)
        for origin in dataset.origins
    }
    return {origin: ids for origin, ids in groups.items() if ids}


def figures_with_intervals(measurement: Measurement, query_ids: Sequence[str]) -> dict[str, Interval]:
    """Return every metric's mean and 95 % interval over ``query_ids``."""
    names = mean_figures(measurement.per_query, set(query_ids))
    return {name: interval(list(measurement.column(name, query_ids).values())) for name in names}


def differences(
    ours: Measurement, baseline: Measurement, query_ids: Sequence[str], metrics: Sequence[str]
) -> dict[str, Interval]:
    """Return ``ours - baseline`` per metric that both have, paired by query."""
    found = {}
    for metric in metrics:
        left, right = ours.column(metric, query_ids), baseline.column(metric, query_ids)
        if left.keys() & right.keys():
            found[metric] = paired_difference(left, right)
    return found


def _scores_by_rank(answer: Answer) -> dict[str, float]:
    # The order that was returned is what a user sees, so a score that ties or that a
    # reranker left behind must not reorder it; the scores stay where they agree with it.
    scores = [document.score for document in answer.documents]
    if any(after >= before for before, after in pairwise(scores)):
        scores = [float(len(scores) - place) for place in range(len(scores))]
    return {document.doc_id: score for document, score in zip(answer.documents, scores, strict=True)}

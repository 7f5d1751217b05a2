"""Runs LoCoV1, FollowIR and LongMemEval as far as their data is there."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from eval.errors import DataError, EvaluationError
from eval.followir import instruction_following, load_followir
from eval.loco import TASKS, load_task
from eval.longmemeval import load_longmemeval, recall_figures
from eval.machine import machine, versions
from eval.measuring import measure
from eval.record import FORMAT, created_at
from eval.statistics import interval
from eval.systems import ranked
from eval.types import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from encoders.protocols import Encoder
    from eval.jsonl import JSONObject
    from eval.longmemeval import Granularity
    from eval.running import Watch
    from eval.types import Dataset, PerQuery, Query

_CUTS = (5, 10)


class SetRunner(Protocol):
    """Measures one published collection of sets."""

    def __call__(self, data: Path, encoder: Encoder, watch: Watch) -> JSONObject:
        """Return figures by row, and why rows are missing."""
        ...


def run_loco(data: Path, encoder: Encoder, watch: Watch) -> JSONObject:
    """Measure nDCG@10 on every task of LoCoV1 whose files are there."""
    rows, missing = {}, {}
    for task in TASKS:
        try:
            dataset = load_task(data, task)
        except DataError as error:
            missing[task] = str(error)
            continue
        rows[task] = {"nDCG@10": _column(_measured(dataset, encoder, watch), "nDCG@10")}
    if not rows:
        raise EvaluationError(f"no task of LoCoV1 can be had: {next(iter(missing.values()))}")
    return _record("loco", encoder, rows, missing)


def run_followir(data: Path, encoder: Encoder, watch: Watch) -> JSONObject:
    """Measure p-MRR and nDCG@10 under both instructions, ranking the given documents of each query."""
    loaded = load_followir(data)
    run = _searched(
        loaded.dataset,
        encoder,
        watch,
        limit=1000,
        where=lambda query: {"metadata.ranked_for": query.id},
    )
    per_query = measure("longdoc", run, loaded.dataset)
    shifts = instruction_following(per_query.run, loaded.newly_irrelevant)
    row = {
        "p-MRR": asdict(interval(list(shifts.values()))),
        "nDCG@10": _column(per_query.per_query, "nDCG@10"),
    }
    return _record("followir", encoder, {loaded.dataset.name: row}, {})


def run_longmemeval(granularity: Granularity) -> SetRunner:
    """Return the runner that measures the published recalls with sessions or rounds."""

    def run(data: Path, encoder: Encoder, watch: Watch) -> JSONObject:
        dataset = load_longmemeval(data, granularity=granularity)
        answers = _searched(
            dataset, encoder, watch, limit=max(_CUTS), where=lambda query: {"metadata.question": query.id}
        )
        found = measure("longdoc", answers, dataset).run
        figures: dict[str, dict[str, float]] = {query_id: {} for query_id in dataset.qrels}
        for query_id, grades in dataset.qrels.items():
            for k in _CUTS:
                figures[query_id] |= recall_figures(grades, found[query_id], k)
        names = [f"recall_{kind}@{k}" for k in _CUTS for kind in ("any", "all")]
        row = {name: _column(figures, name) for name in names}
        return _record("longmemeval", encoder, {f"{dataset.name}, {granularity}s": row}, {})

    return run


RUNNERS: Mapping[str, SetRunner] = {
    "loco": run_loco,
    "followir": run_followir,
    "longmemeval-sessions": run_longmemeval("session"),
    "longmemeval-rounds": run_longmemeval("round"),
}
"""Name on the command line -> runner."""


def _measured(dataset: Dataset, encoder: Encoder, watch: Watch) -> PerQuery:
    return measure("longdoc", _searched(dataset, encoder, watch), dataset).per_query


def _searched(
    dataset: Dataset,
    encoder: Encoder,
    watch: Watch,
    *,
    limit: int = 100,
    where: Callable[[Query], Mapping[str, str] | None] = lambda query: None,
) -> list[Answer]:
    from retriever import Retriever

    with (
        tempfile.TemporaryDirectory(prefix="longdoc-eval-") as store,
        Retriever.open(store, encoder=encoder) as retriever,
    ):
        watch.stage(f"indexing {dataset.name}", total=len(dataset.documents))
        retriever.add(dataset.documents, progress=lambda progress: watch.reach(progress.items))
        watch.stage(f"searching {dataset.name}", total=len(dataset.queries))
        answers = []
        for done, query in enumerate(dataset.queries, start=1):
            start = perf_counter()
            result = retriever.search(query.text, limit=limit, evidence=1, filter=where(query))
            seconds = perf_counter() - start
            answers.append(Answer(query_id=query.id, documents=ranked(result), seconds=seconds))
            watch.reach(done)
    return answers


def _column(per_query: PerQuery, metric: str) -> JSONObject:
    return asdict(interval([figures[metric] for figures in per_query.values()]))


def _record(
    name: str, encoder: Encoder, rows: Mapping[str, Mapping[str, object]], missing: Mapping[str, str]
) -> JSONObject:
    return {
        "format": FORMAT,
        "kind": "published",
        "created_at": created_at(),
        "name": name,
        "settings": {"encoder": encoder.fingerprint},
        "versions": versions(),
        "machine": machine(),
        "rows": {row: dict(figures) for row, figures in rows.items()},
        "missing": dict(missing),
    }

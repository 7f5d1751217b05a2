"""Runs a needle test on a scratch collection and lays the figures out by length and depth."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from eval.evidence import spans_in_reading_order
from eval.haystack import Haystack
from eval.measuring import ask, measure
from eval.needles import NeedleOptions, NeedleSet, make_needles
from eval.record import make_record
from eval.running import ingest_costs, latency
from eval.systems import RetrieverSystem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from encoders.protocols import Encoder
    from encoders.types import Document
    from eval.jsonl import JSONObject
    from eval.running import Watch
    from eval.types import Answer, Dataset, GoldSpan

_READ = 10
GRIDS = ("acc@1", "hit@1", "hit@10", "found")
"""Documents at rank 1; evidence in the first 1 and 10 spans; share of all gold facts in the first 10."""


def run_needle_test(
    texts: Sequence[str],
    distractors: Sequence[Document],
    options: NeedleOptions,
    encoder: Encoder,
    watch: Watch,
) -> JSONObject:
    """Hide needles in ``texts``, index them beside ``distractors``, and ask for each.

    Returns:
        The record of the run with ``grids``: metric -> length -> depth -> mean.
    """
    from retriever import Retriever

    needles = make_needles(Haystack(texts), options)
    dataset = replace(needles.dataset, documents=(*needles.dataset.documents, *distractors))
    with (
        tempfile.TemporaryDirectory(prefix="longdoc-needle-") as store,
        Retriever.open(store, encoder=encoder) as retriever,
    ):
        watch.stage("indexing", total=len(dataset.documents))
        report = retriever.add(dataset.documents, progress=lambda progress: watch.reach(progress.items))
        watch.stage("searching", total=len(dataset.queries))
        answers = ask(RetrieverSystem(retriever), dataset, reach=watch.reach)
    measurement = measure("longdoc", answers, dataset)
    per_query = _with_found(measurement.per_query, answers, dataset)
    return make_record(
        "needle",
        dataset,
        [replace(measurement, per_query=per_query)],
        settings=_settings(options, encoder, distractors),
        costs={"ingest": ingest_costs(report), "query": latency(measurement.seconds)},
        extra={"grids": {metric: _grid(per_query, needles, metric) for metric in GRIDS}},
    )


def share_found(answer: Answer, gold: Sequence[GoldSpan]) -> float:
    """Return how many of the gold spans the first ten spans of an answer overlap, as a share."""
    read = [found for found, _ in zip(spans_in_reading_order(answer), range(_READ), strict=False)]
    hits = [
        any(found.doc_id == one.doc_id and found.span.overlap(one.span) for found in read) for one in gold
    ]
    return sum(hits) / len(hits)


def _with_found(
    per_query: Mapping[str, Mapping[str, float]], answers: Sequence[Answer], dataset: Dataset
) -> dict[str, dict[str, float]]:
    return {
        answer.query_id: {
            **per_query[answer.query_id],
            "found": share_found(answer, dataset.spans[answer.query_id]),
        }
        for answer in answers
    }


def _grid(
    per_query: Mapping[str, Mapping[str, float]], needles: NeedleSet, metric: str
) -> dict[str, dict[str, float]]:
    values: dict[int, dict[float, list[float]]] = {}
    for query_id, (length, depth) in needles.cells.items():
        values.setdefault(length, {}).setdefault(depth, []).append(per_query[query_id][metric])
    return {
        str(length): {f"{depth:g}": fmean(found) for depth, found in by_depth.items()}
        for length, by_depth in values.items()
    }


def _settings(options: NeedleOptions, encoder: Encoder, distractors: Sequence[Document]) -> JSONObject:
    return {
        "kind": options.kind,
        "lengths": list(options.lengths),
        "depths": list(options.depths),
        "per_cell": options.per_cell,
        "seed": options.seed,
        "distractors": len(distractors),
        "vectors_from_cache": False,
        "encoder": encoder.fingerprint,
    }

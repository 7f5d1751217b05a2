"""Runs the same queries through somebody's present system and through ours.

With judgements both are measured and compared. Without, only agreement can be told:
how much the first ten documents share and whether the first is the same; which side is
better needs a reader, who gets a page where the sides are not named (`eval.blind_page`).
"""

from __future__ import annotations

from dataclasses import asdict
from statistics import fmean
from typing import TYPE_CHECKING

from eval.errors import DataError, TargetError
from eval.jsonl import lines, objects, text_field
from eval.measuring import measure
from eval.record import make_record
from eval.running import latency
from eval.statistics import interval, paired_difference
from eval.types import Answer, Dataset, Query

if TYPE_CHECKING:
    from pathlib import Path

    from eval.jsonl import JSONObject
    from eval.protocols import System
    from eval.running import Watch

OURS, THEIRS = "longdoc", "present system"
_COMPARED = 10


def load_queries(path: Path, qrels: Path | None = None) -> Dataset:
    """Read queries ({_id, text} as JSON lines, or one per line of text) and judgements if there are any.

    Raises:
        DataError: a file is missing or malformed.
    """
    if path.suffix == ".jsonl":
        found = [
            (text_field(row, "_id", path, n), text_field(row, "text", path, n)) for n, row in objects(path)
        ]
    else:
        found = [(str(number), line.strip()) for number, line in lines(path)]
    queries = tuple(Query(id=i, text=text, origin=path.stem, local_id=i) for i, text in found)
    if not queries:
        raise DataError(f"{path} holds no query", path=str(path))
    grades: dict[str, dict[str, int]] = {}
    for number, line in lines(qrels) if qrels else ():
        fields = line.split("\t")
        if number == 1 and fields[0] == "query-id":
            continue
        if len(fields) != 3 or not fields[2].lstrip("-").isdigit():
            raise DataError(f"{qrels}, line {number}: expected query-id, corpus-id and score between tabs")
        grades.setdefault(fields[0], {})[fields[1]] = int(fields[2])
    return Dataset(name=path.stem, origins=(path.stem,), documents=(), queries=queries, qrels=grades)


def shadow(
    ours: System, theirs: System, dataset: Dataset, *, address: str, watch: Watch
) -> tuple[JSONObject, list[tuple[Query, Answer, Answer]]]:
    """Ask both systems everything; a query that one of them fails is listed and not compared.

    Returns:
        The record, and the answers of both for every query that both answered.

    Raises:
        TargetError: every query failed.
    """
    pairs: list[tuple[Query, Answer, Answer]] = []
    failures: list[str] = []
    watch.stage("asking both", total=len(dataset.queries))
    for done, query in enumerate(dataset.queries, start=1):
        try:
            pairs.append((query, ours.answer(query), theirs.answer(query)))
        except TargetError as error:
            failures.append(f"{query.id}: {error}")
        watch.reach(done)
    if not pairs:
        raise TargetError(f"all {len(failures)} queries failed; the first: {failures[0]}")
    record: JSONObject = {
        **_labelled(dataset, pairs, address),
        "agreement": _agreement(pairs),
        "latency": {
            OURS: latency([mine.seconds for _, mine, _ in pairs]),
            THEIRS: latency([other.seconds for _, _, other in pairs]),
        },
        "failures": failures,
    }
    return record, pairs


def agreement(ours: Answer, theirs: Answer) -> dict[str, float]:
    """Return how far two answers agree on documents, and on evidence in shared documents.

    ``shared@10`` is shared documents over those of both (Jaccard) among the first ten of
    each; ``same first`` is 1 where the first is the same; ``shared evidence`` is the share of
    documents both returned in which one of our spans overlaps one of theirs, absent where
    no shared document has spans on both sides.
    """
    mine, other = ours.documents[:_COMPARED], theirs.documents[:_COMPARED]
    ids, other_ids = {one.doc_id for one in mine}, {one.doc_id for one in other}
    figures = {
        "shared@10": len(ids & other_ids) / len(ids | other_ids) if ids | other_ids else 1.0,
        "same first": float(bool(mine and other) and mine[0].doc_id == other[0].doc_id),
    }
    evidence = {one.doc_id: one.evidence for one in other if one.evidence}
    both = [(one.evidence, evidence[one.doc_id]) for one in mine if one.evidence and one.doc_id in evidence]
    if both:
        overlapping = [any(a.overlap(b) for a in left for b in right) for left, right in both]
        figures["shared evidence"] = fmean(overlapping)
    return figures


def _agreement(pairs: list[tuple[Query, Answer, Answer]]) -> JSONObject:
    columns: dict[str, list[float]] = {}
    for _, mine, other in pairs:
        for name, value in agreement(mine, other).items():
            columns.setdefault(name, []).append(value)
    return {name: asdict(interval(values)) for name, values in columns.items()}


def _labelled(dataset: Dataset, pairs: list[tuple[Query, Answer, Answer]], address: str) -> JSONObject:
    judged = [pair for pair in pairs if pair[0].id in dataset.qrels]
    asked = tuple(query for query, _, _ in (judged or pairs))
    known = {query.id: dataset.qrels.get(query.id, {}) for query in asked}
    part = Dataset(name=dataset.name, origins=dataset.origins, documents=(), queries=asked, qrels=known)
    measured = []
    if judged:
        measured = [
            measure(OURS, [p[1] for p in judged], part),
            measure(THEIRS, [p[2] for p in judged], part),
        ]
    differences = [
        {
            "set": dataset.name,
            "baseline": THEIRS,
            "metric": metric,
            **asdict(paired_difference(measured[0].column(metric, ids), measured[1].column(metric, ids))),
        }
        for metric in (("nDCG@10", "MRR@10", "Recall@100") if measured else ())
        for ids in [[query.id for query in asked]]
    ]
    return make_record(
        "shadow",
        part,
        measured,
        settings={"against": address, "queries": len(dataset.queries), "judged": len(judged)},
        costs={},
        extra={"differences": differences},
    )

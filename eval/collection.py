"""Reads a user's collection back as documents, and measures it with queries of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from encoders.types import Document
from eval.errors import EvaluationError
from eval.measuring import ask, measure
from eval.own_queries import OwnQueries, make_queries, own_dataset
from eval.record import make_record
from eval.running import latency, usual_latency
from eval.systems import RetrieverSystem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from eval.jsonl import JSONObject
    from eval.llm import Writer
    from eval.own_queries import Maker
    from eval.running import Watch
    from eval.types import Dataset
    from retriever import Retriever


def stored_documents(retriever: Retriever) -> list[Document]:
    """Return every document of a collection with its text.

    Raises:
        EvaluationError: the collection is empty.
    """
    documents = [
        Document(
            id=info.id,
            text=retriever.text(info.id),
            title=info.title,
            source=info.source,
            media_type=info.media_type,
            metadata=info.metadata,
        )
        for info in retriever.list()
    ]
    if not documents:
        raise EvaluationError("the collection holds no document; index some first: longdoc index PATH")
    return documents


def measure_own(
    retriever: Retriever,
    makers: Sequence[Maker],
    *,
    per_maker: int,
    encoder: str,
    watch: Watch,
    writer: Writer | None = None,
) -> tuple[JSONObject, Dataset]:
    """Write queries from a collection and measure the collection with them; nothing is stored.

    Args:
        retriever: opened on the collection.
        makers: kinds of queries.
        per_maker: at most so many queries of a kind.
        encoder: the name that the collection was opened with, for the record.
        watch: is told of the stages.
        writer: for the kind ``llm``.

    Returns:
        The record, and the data set of the queries.
    """
    watch.stage("writing queries")
    documents = stored_documents(retriever)
    made = make_queries(documents, makers, per_maker=per_maker, writer=writer)
    dataset = own_dataset("own collection", documents, made.queries)
    system = RetrieverSystem(retriever)
    system.answer(dataset.queries[0])
    watch.stage("searching", total=len(dataset.queries))
    measurement = measure("longdoc", ask(system, dataset, reach=watch.reach), dataset)
    record = make_record(
        "own",
        dataset,
        [measurement],
        settings={
            "makers": list(makers),
            "per_maker": per_maker,
            "encoder": {"model": encoder},
            "vectors_from_cache": False,
        },
        costs={
            "query": usual_latency(retriever, dataset, watch),
            "ranking_query": latency(measurement.seconds),
        },
        extra={"queries": _listed(made), "problems": list(made.problems)},
    )
    return record, dataset


def write_queries(folder: Path, dataset: Dataset) -> None:
    """Write documents, queries, judgements and spans as a BEIR folder, to be corrected and used again."""
    folder.mkdir(parents=True, exist_ok=True)
    corpus = [{"_id": one.id, "title": one.title, "text": one.text} for one in dataset.documents]
    queries = [{"_id": q.id, "text": q.text, "made": q.origin} for q in dataset.queries]
    spans = [
        {"query_id": query_id, "doc_id": one.doc_id, "start": one.span.start, "end": one.span.end}
        for query_id, gold in dataset.spans.items()
        for one in gold
    ]
    for name, rows in (("corpus", corpus), ("queries", queries), ("spans", spans)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    judged = "".join(
        f"{query_id}\t{doc_id}\t{grade}\n"
        for query_id, grades in dataset.qrels.items()
        for doc_id, grade in grades.items()
    )
    (folder / "qrels.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}", encoding="utf-8")


def text_reader(retriever: Retriever) -> Callable[[str, int, int], str]:
    """Return a function that reads a span of a stored document, empty where it is not stored."""
    lengths = {info.id: info.characters for info in retriever.list()}

    def read(doc_id: str, start: int, end: int) -> str:
        if start >= lengths.get(doc_id, 0):
            return ""
        return retriever.text(doc_id, start, min(end, lengths[doc_id]))

    return read


def _listed(made: OwnQueries) -> list[JSONObject]:
    return [
        {
            "text": query.text,
            "doc_id": query.doc_id,
            "made": query.made,
            "span": [query.span.start, query.span.end] if query.span else None,
        }
        for query in made.queries
    ]

"""Puts data sets together from the parts that loaders read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.errors import DataError
from eval.types import Dataset, Query

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from encoders.types import Document
    from eval.types import GoldSpan, Qrels


def judged_dataset(
    name: str,
    documents: Iterable[Document],
    queries: Iterable[Query],
    qrels: Qrels,
    spans: Mapping[str, tuple[GoldSpan, ...]] | None = None,
) -> Dataset:
    """Put a set together, checking that judgements point to what is there.

    Raises:
        DataError: a judgement names an unknown query or document, an id is given twice,
            or nothing is judged.
    """
    held, asked = tuple(documents), tuple(queries)
    doc_ids = _distinct(name, "document", [one.id for one in held])
    query_ids = _distinct(name, "query", [one.id for one in asked])
    unknown = [
        (query_id, doc_id)
        for query_id, grades in qrels.items()
        for doc_id in grades
        if query_id not in query_ids or doc_id not in doc_ids
    ]
    if unknown:
        raise DataError(f"{name}: {len(unknown)} judgements name unknown ids, first {unknown[0]}")
    relevant = {query_id for query_id, grades in qrels.items() if any(g > 0 for g in grades.values())}
    if not relevant:
        raise DataError(f"{name}: no document of any query is relevant")
    return Dataset(
        name=name,
        origins=(name,),
        documents=held,
        queries=tuple(query for query in asked if query.id in relevant),
        qrels={query.id: qrels[query.id] for query in asked if query.id in relevant},
        spans={query_id: found for query_id, found in (spans or {}).items() if query_id in relevant},
        unjudged=tuple(query.id for query in asked if query.id not in relevant),
    )


def plain_query(query_id: str, text: str, origin: str) -> Query:
    """Make a query of a set that is not merged with others."""
    return Query(id=query_id, text=text, origin=origin, local_id=query_id)


def _distinct(name: str, kind: str, ids: Collection[str]) -> set[str]:
    distinct = set(ids)
    if len(distinct) < len(ids):
        raise DataError(f"{name}: {len(ids) - len(distinct)} of {len(ids)} {kind} ids are given twice")
    return distinct

"""Takes parts of a data set's queries by hash, so that the same part comes out everywhere."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection

    from eval.types import Dataset, Query

Half: TypeAlias = Literal["a", "b"]


def half(dataset: Dataset, which: Half) -> Dataset:
    """Keep the queries of one half: fit on the one, report on the other.

    A query's half depends on its set and its id alone, never on the other queries.
    """
    bit = {"a": 0, "b": 1}[which]
    return _keep(dataset, {query.id for query in dataset.queries if _hash(query, "half") % 2 == bit})


def sample(dataset: Dataset, count: int) -> Dataset:
    """Keep at most ``count`` queries of every set: those with the smallest hashes.

    A smaller sample is part of every larger one.

    Raises:
        DataError: ``count`` is below 1.
    """
    if count < 1:
        raise DataError(f"a sample needs at least one query, got {count}", count=count)
    kept: set[str] = set()
    for origin in dataset.origins:
        own = [query for query in dataset.queries if query.origin == origin]
        kept |= {query.id for query in sorted(own, key=lambda query: _hash(query, "sample"))[:count]}
    return _keep(dataset, kept)


def _keep(dataset: Dataset, ids: Collection[str]) -> Dataset:
    return replace(
        dataset,
        queries=tuple(query for query in dataset.queries if query.id in ids),
        qrels={query_id: grades for query_id, grades in dataset.qrels.items() if query_id in ids},
        spans={query_id: spans for query_id, spans in dataset.spans.items() if query_id in ids},
    )


def _hash(query: Query, purpose: str) -> int:
    key = f"{purpose}\0{query.origin}\0{query.local_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(key).digest()[:8])

"""The vector index over a Qdrant server or cluster.

Results equal those of the embedded engine, with two stated differences: above
some ten thousand points a search walks a graph, which may miss a point where a scan
does not, and a server with several shards computes IDF in each by itself.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from qdrant_client import QdrantClient, models

from indexers.errors import StorageError
from indexers.guards import check_points
from indexers.qdrant_remote_calls import persist
from indexers.qdrant_remote_filters import compile_filter
from indexers.remote_settings import MEMORY
from indexers.types import (
    FieldKind,
    IndexSchema,
    Payload,
    Point,
    Record,
    Scored,
    SparseVector,
    Vector,
    VectorQuery,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from indexers.filters import Filter
    from indexers.remote_settings import RemoteSettings

T = TypeVar("T")

_PAGE = 1_000
_IDS = 1_000
_QUERIES = 64
_FACETS = 10_000_000
_FLOAT_BYTES = 22  # as JSON
_RESCORED = models.QuantizationSearchParams(rescore=True, oversampling=2.0)
_FIELD_INDEXES: Mapping[FieldKind, Any] = {
    "string": models.PayloadSchemaType.KEYWORD,
    "number": models.PayloadSchemaType.FLOAT,
    "boolean": models.PayloadSchemaType.BOOL,
}
_FULL_VECTORS = models.QuantizationSearchParams(ignore=True)
_QUANTISATION: Mapping[str, Callable[[], Any]] = {
    "turbo": lambda: models.TurboQuantization(
        turbo=models.TurboQuantQuantizationConfig(
            bits=models.TurboQuantBitSize.BITS4, memory=models.Memory.PINNED
        )
    ),
    "scalar": lambda: models.ScalarQuantization(
        scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, memory=models.Memory.PINNED)
    ),
    "none": lambda: None,
}


class RemoteIndex:
    """A vector index in one collection of a server.

    Every write is waited for and can be repeated, so a server that restarts costs time
    and nothing else. What is acknowledged is in the server's log, which survives the
    death of its process; a power cut on the only copy may cost the last seconds, so keep
    more than one where that matters.

    Args:
        client: see `indexers.qdrant_remote_calls.connect`; stays open.
        name: of the collection on the server; made when missing.
        schema: vector names; must be those the collection was made with.
        settings: how it is made and asked.
    """

    def __init__(
        self, client: QdrantClient, name: str, schema: IndexSchema, settings: RemoteSettings
    ) -> None:
        self._client = client
        self._name = name
        self._schema = schema
        self._settings = settings
        self._consistency = settings.agreeing_for_a_read
        self._ordering = models.WriteOrdering(settings.ordering)
        self._in_memory = client.init_options.get("location") == MEMORY
        self._turn: AbstractContextManager[Any] = threading.RLock() if self._in_memory else nullcontext()
        self._writing = threading.Lock()
        self._closed = False
        self._known_fields: set[str] = set(self._indexed())
        self._make()

    def index_field(self, field: str, kind: FieldKind) -> None:
        """Make filters on a payload field quick."""
        if field not in self._known_fields:
            self._known_fields.add(field)
            self._index_field(field, _FIELD_INDEXES[kind])

    def unindex_field(self, field: str) -> None:
        """Undo `index_field`."""
        if field in self._known_fields:
            self._known_fields.discard(field)
            if not self._in_memory:
                doing = f"index the field {field} no longer"
                self._write(self._client.delete_payload_index, doing, field_name=field)

    def upsert(self, points: Sequence[Point]) -> None:
        """Write whole points, replacing those with the same id."""
        check_points(points, self._schema)
        for batch in self._batches(points):
            rows = [
                models.PointStruct(id=point.id, vector=to_remote(point.vectors), payload=point.payload)
                for point in batch
            ]
            self._write(self._client.upsert, f"write {len(rows)} points", points=rows)

    def set_payload(self, ids: Sequence[str], payload: Payload) -> None:
        """Merge ``payload`` into the payload of the points that exist."""
        known = [
            record.id
            for some in _portions(ids, _IDS)
            for record in self._fetch(some, payload=False, vectors=False)
        ]
        if known:  # by one write, so that a filter sees all points changed or none
            doing = f"change {len(known)} points"
            self._write(self._client.set_payload, doing, payload=payload, points=known)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove points."""
        for some in _portions(ids, _IDS):
            self._delete(models.PointIdsList(points=list(some)))

    def delete_where(self, where: Filter) -> None:
        """Remove all points that match."""
        self._delete(models.FilterSelector(filter=compile_filter(where)))

    def query(self, queries: Sequence[VectorQuery]) -> list[list[Scored]]:
        """Answer each query with points by falling score, ties by id."""
        answers = []
        for some in _portions(queries, _QUERIES):
            requests = [self._request(query) for query in some]
            answers += self._read(
                self._client.query_batch_points,
                "answer a query",
                requests=requests,
                consistency=self._consistency,
            )
        return [
            sorted(
                (Scored(str(hit.id), hit.score, hit.payload or {}) for hit in answer.points),
                key=lambda found: (-found.score, found.id),
            )
            for answer in answers
        ]

    def retrieve(self, ids: Sequence[str], *, vectors: Sequence[str] = ()) -> list[Record]:
        """Return the points that exist, in the order of ``ids``."""
        by_id = {}
        for some in _portions(ids, _PAGE):
            for record in self._fetch(some, payload=True, vectors=list(vectors) or False):
                by_id[str(record.id)] = record
        return [_record(by_id[key]) for key in ids if key in by_id]

    def scroll(
        self, where: Filter | None, *, payload: Sequence[str] | None = None, vectors: Sequence[str] = ()
    ) -> Iterator[Record]:
        """Walk over all points that match, by id."""
        condition = compile_filter(where) if where else None
        offset: Any = None
        while True:
            records, offset = self._read(
                self._client.scroll,
                "list points",
                scroll_filter=condition,
                limit=_PAGE,
                offset=offset,
                with_payload=True if payload is None else list(payload) or False,
                with_vectors=list(vectors) or False,
                consistency=self._consistency,
            )
            yield from map(_record, records)
            if offset is None:
                return

    def count(self, where: Filter | None = None) -> int:
        """Count the points that match."""
        condition = compile_filter(where) if where else None
        return self._read(self._client.count, "count points", count_filter=condition, exact=True).count

    def facet(self, field: str, where: Filter | None = None) -> dict[str, int]:
        """Count points per value of a keyword field."""
        condition = compile_filter(where) if where else None
        found = self._read(
            self._client.facet,
            "count values",
            key=field,
            facet_filter=condition,
            limit=_FACETS,
            exact=True,
            consistency=self._consistency,
        )
        return {str(hit.value): hit.count for hit in found.hits}

    def flush(self) -> None:
        """Do nothing: every write was waited for, and the server flushes by itself."""

    def rewrite(self) -> int:
        """Do nothing: a server does it by itself."""
        return 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let writers of this process wait."""
        with self._writing:
            yield

    def close(self) -> None:
        """Let go; the client stays open for others."""
        self._closed = True

    def _make(self) -> None:
        if not self._read(self._client.collection_exists, "look for a collection"):
            self._call(self._create, "make a collection", self._settings.retry_writes_s)
        for field, kind in self._indexed().items():
            self._index_field(field, kind)

    def _index_field(self, field: str, kind: Any) -> None:
        if not self._in_memory:  # the stand-in has no payload indexes and warns
            doing = f"index the field {field}"
            self._write(self._client.create_payload_index, doing, field_name=field, field_schema=kind)

    def _create(self, name: str) -> None:
        """Make the collection; one that is there by now was made by an earlier try or another process."""
        if self._client.collection_exists(name):
            return
        settings = self._settings
        quantisation = _QUANTISATION[settings.quantisation]()
        self._client.create_collection(
            name,
            vectors_config={
                name: models.VectorParams(
                    size=size,
                    distance=models.Distance.COSINE,
                    quantization_config=quantisation,
                    on_disk=settings.vectors_on_disk,
                )
                for name, size in self._schema.dense.items()
            },
            sparse_vectors_config={
                name: models.SparseVectorParams(modifier=models.Modifier.IDF) for name in self._schema.sparse
            },
            shard_number=settings.shards,
            replication_factor=settings.replicas,
            write_consistency_factor=settings.copies_for_a_write,
            on_disk_payload=settings.payload_on_disk,
            hnsw_config=models.HnswConfigDiff(m=settings.hnsw_m, ef_construct=settings.hnsw_ef_construct),
        )

    def _indexed(self) -> dict[str, Any]:
        keywords: dict[str, Any] = dict.fromkeys(self._schema.keywords, models.PayloadSchemaType.KEYWORD)
        integers = dict.fromkeys(self._schema.integers, models.PayloadSchemaType.INTEGER)
        further = {field: models.PayloadSchemaType(kind) for field, kind in self._settings.indexes.items()}
        return keywords | integers | further

    def _request(self, query: VectorQuery) -> models.QueryRequest:
        return models.QueryRequest(
            limit=query.limit,
            query=_vector(query.vector),
            using=query.using,
            filter=compile_filter(query.filter) if query.filter else None,
            params=self._params(query),
            with_payload=list(query.payload) or False,
            with_vector=False,
        )

    def _params(self, query: VectorQuery) -> models.SearchParams | None:
        idf = models.IdfCorpusParams(corpus=compile_filter(query.corpus)) if query.corpus else None
        if self._in_memory:  # the stand-in compares everything exactly, and warns of other parameters
            return models.SearchParams(idf=idf) if idf else None
        return models.SearchParams(
            exact=query.exact,
            hnsw_ef=self._settings.hnsw_ef,
            quantization=_FULL_VECTORS if query.exact else _RESCORED,
            idf=idf,
        )

    def _fetch(self, ids: Sequence[str], *, payload: bool, vectors: bool | list[str]) -> list[models.Record]:
        return self._read(
            self._client.retrieve,
            "fetch points",
            ids=list(ids),
            with_payload=payload,
            with_vectors=vectors,
            consistency=self._consistency,
        )

    def _delete(self, selector: Any) -> None:
        self._write(self._client.delete, "remove points", points_selector=selector)

    def _write(self, call: Callable[..., object], doing: str, **arguments: Any) -> None:
        def attempt(name: str, **given: Any) -> None:
            self._may_write()
            call(name, **given)

        waits: dict[str, Any] = {"wait": True, "ordering": self._ordering, **arguments}
        with self._writing:
            self._call(attempt, doing, self._settings.retry_writes_s, **waits)

    def _may_write(self) -> None:
        """Raise when another process may be writing."""

    def _read(self, call: Callable[..., T], doing: str, **arguments: Any) -> T:
        return self._call(call, doing, self._settings.retry_reads_s, **arguments)

    def _call(self, call: Callable[..., T], doing: str, for_s: float, **arguments: Any) -> T:
        if self._closed:
            raise StorageError(f"the index {self._name!r} is closed", name=self._name)
        with self._turn:
            return persist(lambda: call(self._name, **arguments), for_s=for_s, doing=doing)

    def _batches(self, points: Sequence[Point]) -> Iterator[list[Point]]:
        batch: list[Point] = []
        filled = 0
        for point in points:
            size = _size_bytes(point)
            full = len(batch) >= self._settings.batch_points or filled + size > self._settings.batch_bytes
            if batch and full:
                yield batch
                batch, filled = [], 0
            batch.append(point)
            filled += size
        if batch:
            yield batch


def _size_bytes(point: Point) -> int:
    numbers = sum(
        2 * len(of.indices) if isinstance(of, SparseVector) else len(of) for of in point.vectors.values()
    )
    return numbers * _FLOAT_BYTES + len(json.dumps(point.payload))


def _portions(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def to_remote(vectors: Mapping[str, Vector]) -> dict[str, Any]:
    """Turn vectors into the client's form."""
    return {name: _vector(vector) for name, vector in vectors.items()}


def _vector(vector: Vector) -> Any:
    if isinstance(vector, SparseVector):
        return models.SparseVector(indices=list(vector.indices), values=list(vector.values))
    return list(vector)


def _record(record: models.Record) -> Record:
    named = record.vector if isinstance(record.vector, dict) else {}
    return Record(
        str(record.id), record.payload or {}, {name: _from_remote(of) for name, of in named.items()}
    )


def _from_remote(vector: Any) -> Vector:
    """Read a vector as the 32-bit floats that it is stored as, however it was written on the way."""
    if isinstance(vector, models.SparseVector):
        return SparseVector(tuple(vector.indices), tuple(_as_stored(vector.values)))
    return _as_stored(vector)


def _as_stored(values: Any) -> list[float]:
    stored: list[float] = np.asarray(values, dtype=np.float32).tolist()
    return stored

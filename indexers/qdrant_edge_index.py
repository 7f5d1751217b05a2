"""The vector index over Qdrant's embedded engine, in this process."""

from __future__ import annotations

import errno
import threading
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import qdrant_edge as edge

from encoders.errors import RetrievalError
from indexers.durable import refused_by_disk
from indexers.errors import StorageError
from indexers.filters import And, Condition, Filter, Ids, Not, Or, Scalar
from indexers.guards import check_disk, check_points
from indexers.qdrant_rewriting import change_over, forget_leftovers, rewritten, size_on_disk
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
    from pathlib import Path

    from indexers.score_blocks import Keys

_PAGE = 2_000
_EXACT_INTEGERS = 1 << 53
_RESCORED = edge.QuantizationSearchParams(rescore=True, oversampling=2.0)
_FIELD_INDEXES: dict[FieldKind, Callable[[], Any]] = {
    "string": lambda: edge.KeywordIndexParams(prefix=True),
    "number": edge.FloatIndexParams,
    "boolean": edge.BoolIndexParams,
}
_DISK_WORDS = {
    "No space left": errno.ENOSPC,
    "Not enough space": errno.ENOSPC,
    "quota exceeded": errno.EDQUOT,
    "Read-only file system": errno.EROFS,
}
_FULL_VECTORS = edge.QuantizationSearchParams(ignore=True)


class EdgeIndex:
    """A vector index in one folder. One process may have it open; see `indexers.lock`.

    Dense vectors are kept with 4-bit quantisation and scanned without a graph, the
    best are scored again with the full vectors.

    Args:
        folder: created when missing.
        schema: vector names; must be those the folder was made with.
    """

    def __init__(self, folder: Path, schema: IndexSchema) -> None:
        self._folder = folder
        self._listener: Callable[[Sequence[Point]], None] | None = None
        self._schema = schema
        self._writing = threading.Lock()
        self._using = threading.Lock()  # in no engine call two threads are at once in any case
        forget_leftovers(folder)
        with _engine_errors(folder, "cannot be opened"):
            if (folder / "edge_config.json").exists():
                self._shard = edge.EdgeShard.load(str(folder))
            else:
                self._shard = edge.EdgeShard.create(str(folder), _config(schema))
        self._indexed: dict[str, FieldKind] = {}
        for field in schema.keywords:  # at every opening: the process may have died before the first time
            self._update(edge.UpdateOperation.create_field_index(field, edge.KeywordIndexParams()), size=0)
        for field in schema.integers:
            self._update(edge.UpdateOperation.create_field_index(field, edge.IntegerIndexParams()), size=0)

    def listen(self, listener: Callable[[Sequence[Point]], None]) -> None:
        """Call ``listener`` with points after they were written."""
        self._listener = listener

    def index_field(self, field: str, kind: FieldKind) -> None:
        """Make filters on a payload field quick."""
        if field not in self._indexed and field not in (*self._schema.keywords, *self._schema.integers):
            self._indexed[field] = kind
            self._update(edge.UpdateOperation.create_field_index(field, _FIELD_INDEXES[kind]()), size=0)

    def unindex_field(self, field: str) -> None:
        """Undo `index_field`."""
        if self._indexed.pop(field, None) is not None:
            self._update(edge.UpdateOperation.delete_field_index(field), size=0)

    def upsert(self, points: Sequence[Point]) -> None:
        """Write whole points, replacing those with the same id."""
        if not points:
            return
        check_points(points, self._schema)
        rows = [edge.Point(point.id, _to_edge(point.vectors), point.payload) for point in points]
        self._update(edge.UpdateOperation.upsert_points(rows), size=len(points) * self._point_bytes)
        if self._listener is not None:
            self._listener(points)

    def set_payload(self, ids: Sequence[str], payload: Payload) -> None:
        """Merge ``payload`` into the payload of the points that exist."""
        with self._using:
            found = self._shard.retrieve(list(ids), False, False)
        known: list[int | uuid.UUID | str] = [record.id for record in found]
        if known:
            self._update(edge.UpdateOperation.set_payload(known, payload), size=len(known) * 512)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove points."""
        if ids:
            self._update(edge.UpdateOperation.delete_points(list(ids)), size=0)

    def delete_where(self, where: Filter) -> None:
        """Remove all points that match."""
        self._update(edge.UpdateOperation.delete_points_by_filter(compile_filter(where)), size=0)

    def query(self, queries: Sequence[VectorQuery]) -> list[list[Scored]]:
        """Answer each query with points by falling score, ties by id."""
        if not queries:
            return []
        requests = [_request(query) for query in queries]
        with self._using:
            answers = self._shard.query_batch(edge.QueryBatchRequest(requests))
        return [
            _with_ids(answer) if query.ids else [Scored("", hit.score, hit.payload or {}) for hit in answer]
            for query, answer in zip(queries, answers, strict=True)
        ]

    def nearest_keys(self, query: VectorQuery) -> Keys:
        """Return the first 64 bits of the ids of the nearest points, in any order."""
        with self._using:
            found = self._shard.query(_request(query))
        ids = [hit.id for hit in found]
        return np.array([key.int >> 64 for key in ids if isinstance(key, uuid.UUID)], dtype=np.uint64)

    def retrieve(self, ids: Sequence[str], *, vectors: Sequence[str] = ()) -> list[Record]:
        """Return the points that exist, in the order of ``ids``."""
        with self._using:
            found = self._shard.retrieve(list(ids), True, list(vectors) or False)
        by_id = {str(record.id): record for record in found}
        return [_record(by_id[key]) for key in ids if key in by_id]

    def scroll(
        self, where: Filter | None, *, payload: Sequence[str] | None = None, vectors: Sequence[str] = ()
    ) -> Iterator[Record]:
        """Walk over all points that match, by id."""
        offset: Any = None
        while True:
            request = edge.ScrollRequest(
                offset=offset,
                limit=_PAGE,
                filter=compile_filter(where) if where else None,
                with_payload=True if payload is None else edge.PayloadSelector.Include(list(payload)),
                with_vector=list(vectors) or False,
            )
            with self._using:
                records, offset = self._shard.scroll(request)
            yield from map(_record, records)
            if offset is None:
                return

    def count(self, where: Filter | None = None) -> int:
        """Count the points that match."""
        request = edge.CountRequest(exact=True, filter=compile_filter(where) if where else None)
        with self._using:
            return self._shard.count(request)

    def facet(self, field: str, where: Filter | None = None) -> dict[str, int]:
        """Count points per value of a keyword field."""
        request = edge.FacetRequest(
            field, limit=1 << 31, exact=True, filter=compile_filter(where) if where else None
        )
        with self._using:
            hits = self._shard.facet(request).hits
        return {str(hit.value): hit.count for hit in hits}

    def flush(self) -> None:
        """Make every write so far survive a power cut."""
        with self._writing, _engine_errors(self._folder, "could not be flushed"):
            check_disk(self._folder)
            self._shard.flush()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let writers wait, so that what lies on disk stays as the last `flush` left it."""
        with self._writing:
            with _engine_errors(self._folder, "could not be flushed"):
                self._shard.flush()
            yield

    def rewrite(self) -> int:
        """Write all points into new files; searches wait only while these are opened."""
        with self._writing, _engine_errors(self._folder, "could not be written anew"):
            self._shard.flush()
            before = size_on_disk(self._folder)
            fresh = rewritten(self._folder, self._schema, self._indexed)
            with self._using:
                self._shard.close()
                try:
                    change_over(self._folder, fresh)
                finally:
                    self._shard = edge.EdgeShard.load(str(self._folder))
            return before - size_on_disk(self._folder)

    def close(self) -> None:
        """Flush and let go."""
        with self._writing, _engine_errors(self._folder, "could not be flushed"):
            try:
                self._shard.flush()
            finally:
                self._shard.close()

    @property
    def _point_bytes(self) -> int:
        return 4 * sum(self._schema.dense.values()) + 2_048

    def _update(self, operation: edge.UpdateOperation, *, size: int) -> None:
        with self._writing:
            check_disk(self._folder, about_to_write=size)
            with _engine_errors(self._folder, "refused a write"):
                self._shard.update(operation)


@contextmanager
def _engine_errors(folder: Path, what: str) -> Iterator[None]:
    """Turn what the engine raises into errors of ours; it knows nothing narrower than `Exception`."""
    try:
        yield
    except RetrievalError:
        raise
    except Exception as error:
        said = str(error)
        number = next((number for words, number in _DISK_WORDS.items() if words in said), None)
        raise refused_by_disk(number, folder) or StorageError(
            f"the vector index in {folder} {what}: {said}", path=str(folder)
        ) from error


def compile_filter(where: Filter) -> edge.Filter:
    """Turn a filter into the engine's form."""
    match where:
        case And(parts):
            return edge.Filter(must=[compile_filter(part) for part in parts])
        case Or(parts):
            return _any_of([compile_filter(part) for part in parts])
        case Not(part):
            return edge.Filter(must_not=[compile_filter(part)])
        case Ids(ids):
            return edge.Filter(must=[edge.HasIdCondition({uuid.UUID(key) for key in ids})])
        case Condition(field, "$in", tuple() as values):
            return _among(field, values)
        case Condition(field, "$exists", _):
            return edge.Filter(must_not=[edge.IsEmptyCondition(field)])
        case Condition(field, "$prefix", str() as prefix):
            return edge.Filter(must=[edge.FieldCondition(field, match=edge.MatchPrefix(prefix))])
        case Condition(field, operator, value):
            return edge.Filter(must=[edge.FieldCondition(field, range=_range(operator[1:], value))])


def _among(field: str, values: Sequence[Scalar]) -> edge.Filter:
    strings = [value for value in values if isinstance(value, str)]
    others = [value for value in values if not isinstance(value, str)]
    conditions = [one for value in others for one in _equal(field, value)]
    if strings:  # thousands of generations stay one condition
        conditions.append(edge.FieldCondition(field, match=edge.MatchAny(strings)))
    return _any_of(conditions)


def _any_of(conditions: Sequence[Any]) -> edge.Filter:
    if conditions:
        return edge.Filter(should=list(conditions))
    return edge.Filter(must=[edge.HasIdCondition(set())])  # an empty `should` would match everything


def _equal(field: str, value: float | bool) -> list[edge.FieldCondition]:
    if isinstance(value, bool):  # a plain bool would be compared as an integer
        return [edge.FieldCondition(field, match=edge.MatchValue(np.bool_(value)))]  # type: ignore[arg-type]
    if abs(value) < _EXACT_INTEGERS:  # a range, because that is what the index of a field of numbers answers
        same = edge.RangeFloat(gte=float(value), lte=float(value))
        return [edge.FieldCondition(field, range=same)]
    if float(value).is_integer() and abs(value) < 1 << 63:
        return [edge.FieldCondition(field, match=edge.MatchValue(int(value)))]
    return []


def _range(bound: str, value: Any) -> edge.RangeFloat | edge.RangeDateTime:
    if isinstance(value, str):
        return edge.RangeDateTime(**{bound: value})
    return edge.RangeFloat(**{bound: float(value)})


def _config(schema: IndexSchema) -> edge.EdgeConfig:
    quantisation = edge.TurboQuantQuantizationConfig(bits=edge.TurboQuantBitSize.Bits4)
    return edge.EdgeConfig(
        vectors={
            name: edge.EdgeVectorParams(
                size=size, distance=edge.Distance.Cosine, quantization_config=quantisation
            )
            for name, size in schema.dense.items()
        },
        sparse_vectors={
            name: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf) for name in schema.sparse
        },
        hnsw_config=edge.HnswIndexConfig(m=0, ef_construct=16, full_scan_threshold=10),
        max_search_threads=1,
        payload_memory=edge.Memory.Cached,
        wal_enabled=True,
    )


def _with_ids(answer: Sequence[Any]) -> list[Scored]:
    return sorted(
        (Scored(str(hit.id), hit.score, hit.payload or {}) for hit in answer),
        key=lambda found: (-found.score, found.id),
    )


def _request(query: VectorQuery) -> edge.QueryRequest:
    return edge.QueryRequest(
        limit=query.limit,
        query=edge.Query.Nearest(_vector(query.vector), using=query.using),
        filter=compile_filter(query.filter) if query.filter else None,
        params=edge.SearchParams(
            exact=query.exact,
            quantization=_FULL_VECTORS if query.exact else _RESCORED,
            idf=edge.IdfParams(corpus=compile_filter(query.corpus)) if query.corpus else None,
        ),
        with_payload=edge.PayloadSelector.Include(list(query.payload)) if query.payload else False,
        with_vector=False,
    )


def _to_edge(vectors: Mapping[str, Vector]) -> dict[str, Any]:
    return {name: _vector(vector) for name, vector in vectors.items()}


def _vector(vector: Vector) -> Any:
    if isinstance(vector, SparseVector):
        return edge.SparseVector(indices=list(vector.indices), values=list(vector.values))
    return list(vector)


def _record(record: edge.Record) -> Record:
    named = record.vector if isinstance(record.vector, dict) else {}
    return Record(str(record.id), record.payload or {}, {name: _from_edge(of) for name, of in named.items()})


def _from_edge(vector: Any) -> Vector:
    if isinstance(vector, edge.SparseVector):
        return SparseVector(tuple(vector.indices), tuple(vector.values))
    return list(vector)

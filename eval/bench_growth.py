"""How a collection grows: one store, larger and larger, measured at each size.

Everything but the encoder is real: segments are counted, weighed, written and
searched as any others. Vectors are made up, because a million real ones would take
hours.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from eval.growth_corpus import SEGMENTS_PER_DOCUMENT, ClusterEncoder, LineSegmenter, documents, queries
from eval.memory import PeakMemory
from indexers.filters import all_of, equals
from indexers.types import SEGMENT_DENSE, VectorQuery
from retriever import Retriever
from retriever.profile import SearchProfile
from retriever.searching import Searcher
from retriever.types import SearchOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from indexers.collection import Collection
    from retriever.engine import LocalEngine
    from retriever.types import SearchResult

_EXHAUSTIVE = 1 << 20
_BESIDE_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthStep:
    """What was measured at one size.

    Attributes:
        segments: in the collection.
        added: segments written to get there from the step before.
        ingest_s: how long that took, flushed, with a search every quarter of a second beside it.
        anonymous_bytes: memory of the process at rest.
        peak_bytes: the most it had since the step before; like the above without mapped files.
        disk_bytes: blocks the store takes.
        p50_ms: of searches at rest; likewise the others, under a filter that a hundredth or a
            thousandth of the documents passes.
        during_p95_ms: of the searches beside the ingest.
        during_max_ms: the slowest of them.
        during: how many there were.
        checked: filtered searches compared.
        equal: of these, the ones that agree with brute force.
    """

    segments: int
    added: int
    ingest_s: float
    anonymous_bytes: int
    peak_bytes: int
    disk_bytes: int
    p50_ms: float
    p95_ms: float
    hundredth_p50_ms: float
    hundredth_p95_ms: float
    thousandth_p50_ms: float
    thousandth_p95_ms: float
    during: int
    during_p95_ms: float
    during_max_ms: float
    checked: int
    equal: int


def grow(
    folder: Path, sizes: Sequence[int], *, count: int, tell: Callable[[GrowthStep], None]
) -> list[GrowthStep]:
    """Grow the store in ``folder`` to each size and measure there; what it holds already stays.

    Args:
        folder: a store made by an earlier call, or a new folder.
        sizes: segments, rising.
        count: searches of each kind.
        tell: called after each step.
    """
    encoder = ClusterEncoder()
    steps = []
    with PeakMemory() as memory:
        with Retriever.open(folder, encoder=encoder, segmenter=LineSegmenter()) as retriever:
            for size in sizes:
                steps.append(_step(retriever, folder, size, count, memory))
                tell(steps[-1])
    return steps


def _step(retriever: Retriever, folder: Path, size: int, count: int, memory: PeakMemory) -> GrowthStep:
    present = len(retriever.list()) if retriever.collections() else 0
    wanted = size // SEGMENTS_PER_DOCUMENT
    asked = queries(count)
    memory.reset()
    with _Beside(retriever, asked, ready=present > 0) as beside:
        started = time.perf_counter()
        if wanted > present:
            retriever.add(documents(present, wanted))
        ingest_s = time.perf_counter() - started
    peak = memory.peak_bytes
    plain = _times(retriever, asked, None)
    hundredth = _times(retriever, asked, {"metadata.hundredth": 0})
    thousandth = _times(retriever, asked, {"metadata.thousandth": 0})
    wheres = [{"metadata.hundredth": 0}, {"metadata.thousandth": 0}]
    engine = cast("LocalEngine", retriever.engine)
    agree = [_agrees(engine, query, where) for query in asked[:10] for where in wheres]
    return GrowthStep(
        segments=wanted * SEGMENTS_PER_DOCUMENT,
        added=max(0, wanted - present) * SEGMENTS_PER_DOCUMENT,
        ingest_s=ingest_s,
        anonymous_bytes=memory.now_bytes(),
        peak_bytes=peak,
        disk_bytes=disk_bytes(folder),
        p50_ms=percentile(plain, 50),
        p95_ms=percentile(plain, 95),
        hundredth_p50_ms=percentile(hundredth, 50),
        hundredth_p95_ms=percentile(hundredth, 95),
        thousandth_p50_ms=percentile(thousandth, 50),
        thousandth_p95_ms=percentile(thousandth, 95),
        during=len(beside.times),
        during_p95_ms=percentile(beside.times, 95),
        during_max_ms=max(beside.times, default=0.0),
        checked=len(agree),
        equal=sum(agree),
    )


class _Beside:
    """Searches again and again on a thread."""

    def __init__(self, retriever: Retriever, asked: Sequence[str], *, ready: bool) -> None:
        self.times: list[float] = []
        self._retriever = retriever
        self._asked = asked
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run) if ready else None

    def __enter__(self) -> _Beside:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(_BESIDE_S):
            started = time.perf_counter()
            self._retriever.search(self._asked[number % len(self._asked)])
            self.times.append(1000 * (time.perf_counter() - started))
            number += 1


def _times(retriever: Retriever, asked: Sequence[str], where: dict[str, Any] | None) -> list[float]:
    times = []
    for query in asked:
        started = time.perf_counter()
        retriever.search(query, filter=where)
        times.append(1000 * (time.perf_counter() - started))
    return times


def _agrees(engine: LocalEngine, query: str, where: dict[str, Any]) -> bool:
    """Compare a filtered search with brute force: in the index, and over all documents that match."""
    collection = engine.collection
    vector = engine.encoder.encode([query], kind="query")[0]
    return _same_segments(collection, vector.tolist(), where) and _same_documents(engine, query, where)


def _same_segments(collection: Collection, vector: list[float], where: dict[str, Any]) -> bool:
    """Compare the ten nearest segments that match with those by multiplying all their vectors."""
    matching = all_of(equals("point", "segment"), collection.parse_filter(where))
    records = list(collection.index.scroll(matching, payload=(), vectors=(SEGMENT_DENSE,)))
    if not records:
        return True
    matrix = np.array([record.vectors[SEGMENT_DENSE] for record in records], dtype=np.float64)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    scores = matrix @ (np.array(vector) / np.linalg.norm(vector))
    best = np.sort(scores)[::-1][:10]
    [found] = collection.index.query(
        [VectorQuery(vector=vector, using=SEGMENT_DENSE, limit=10, filter=matching)]
    )
    return np.allclose([hit.score for hit in found], best, atol=1e-5)


def _same_documents(engine: LocalEngine, query: str, where: dict[str, Any]) -> bool:
    """Compare the answer with the one that considers every document that matches."""
    everything = SearchProfile(segment_candidates=_EXHAUSTIVE, document_candidates=_EXHAUSTIVE)
    options = SearchOptions(query=query, filter=where)
    answers = [
        Searcher(engine.collection, engine.encoder, profile).search(options)
        for profile in (SearchProfile(), everything)
    ]
    return _shown(answers[0].result) == _shown(answers[1].result)


def _shown(result: SearchResult) -> list[tuple[str, float, tuple[tuple[int, int], ...]]]:
    return [
        (hit.document.id, round(hit.score, 6), tuple((one.start, one.end) for one in hit.evidence))
        for hit in result
    ]


def percentile(times: Sequence[float], share: int) -> float:
    """Return a percentile; 0 of nothing."""
    if len(times) < 2:
        return max(times, default=0.0)
    return quantiles(times, n=100, method="inclusive")[share - 1]


def disk_bytes(folder: Path) -> int:
    """Return the blocks that a folder takes; holes of sparse files are not counted."""
    return sum(
        (Path(place) / name).lstat().st_blocks * 512 for place, _, names in os.walk(folder) for name in names
    )

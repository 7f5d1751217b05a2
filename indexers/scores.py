"""Vectors of the live points in tables beside the index, for exact scores of thousands at once.

The embedded engine answers one question in a hundredth of a second, but a search asks for
the exact score of a hundred documents on each side. The tables answer that by
multiplying. They are filled by what is written to the index, and from the index where
something is missing: after a crash, a restored backup, a first start.
"""

from __future__ import annotations

import logging
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final, get_args

import numpy as np

from encoders.types import SegmentKind
from indexers.catalogue import DOCUMENT, SEGMENT
from indexers.filters import And, Condition, equals
from indexers.identifiers import point_key
from indexers.score_blocks import Row
from indexers.score_table import ScoreTable
from indexers.types import DOCUMENT_LEXICAL, SEGMENT_DENSE, SEGMENT_LEXICAL, SparseVector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from indexers.catalogue import Entry
    from indexers.protocols import KeyedIndex
    from indexers.types import Payload, Point, Vector

logger = logging.getLogger(__name__)

KINDS: Final[tuple[SegmentKind, ...]] = get_args(SegmentKind)
_AT_ONCE = 500
_LOADED_AT_THE_FIRST_SEARCH = 3_000
_NO_TERMS = SparseVector((), ())
_FIELDS = ("point", "generation", "ordinal", "start", "end", "kind", "breadcrumb", "symbols")


class ScoreTables:
    """Tables of a collection's segments and documents.

    Args:
        folder: where they are kept; it may be removed while nobody uses them.
        dim: of the segments' vectors.
        index: whose points they hold.

    Attributes:
        index: likewise.
        segments: rows of all segments.
        documents: one row for each document, without dense vector.
        entries: the live versions, by generation.
    """

    def __init__(self, folder: Path, dim: int, index: KeyedIndex) -> None:
        self.index = index
        self.segments = ScoreTable(folder / "segments", dim)
        self.documents = ScoreTable(folder / "documents", 0)
        self.entries: dict[str, Entry] = {}
        self._missing: dict[str, Entry] = {}
        self._loading = threading.Lock()
        self._loader: threading.Thread | None = None
        self._closing = False

    def take(self, points: Sequence[Point]) -> None:
        """Take over points that were written to the index, into memory; see `tidy`."""
        self._take([(point.id, point.payload, point.vectors) for point in points])

    def tidy(self) -> None:
        """Write what has become much in memory; not while a document changes, as searches wait for that.

        Raises:
            DiskSpaceError: too little room for it.
        """
        self.segments.tidy()
        self.documents.tidy()

    def went_live(self, entry: Entry) -> None:
        """Note a version that became live, or was edited."""
        self.entries[entry.generation] = entry
        self.segments.set_live([entry.generation], live=True)
        self.documents.set_live([entry.generation], live=True)

    def died(self, entry: Entry) -> None:
        """Note a version that is no longer live."""
        self.entries.pop(entry.generation, None)
        self.segments.set_live([entry.generation], live=False)
        self.documents.set_live([entry.generation], live=False)

    def remove(self, generations: Iterable[str]) -> None:
        """Forget versions whose points are gone."""
        generations = list(generations)
        self.segments.remove(generations)
        self.documents.remove(generations)

    def begin(self, entries: Iterable[Entry]) -> None:
        """Compare with the live versions: forget others, and note what is missing."""
        live = {entry.generation: entry for entry in entries}
        segments, documents = self.segments.counts(), self.documents.counts()
        self.remove((segments.keys() | documents.keys()) - live.keys())
        self._missing = {
            generation: entry
            for generation, entry in live.items()
            if segments.get(generation, 0) != entry.segments or documents.get(generation, 0) != 1
        }
        self.segments.remove(self._missing)
        self.documents.remove(self._missing)
        self.entries = live
        self.segments.set_live(live, live=True)
        self.documents.set_live(live, live=True)

    def ready(self, still: Callable[[], AbstractContextManager[None]]) -> bool:
        """Tell whether nothing is missing; what is gets loaded, on a thread where it is much.

        Args:
            still: lets writers wait.
        """
        if not self._missing:
            return True
        with self._loading:
            if self._loader is None and self._missing:
                if sum(entry.segments for entry in self._missing.values()) <= _LOADED_AT_THE_FIRST_SEARCH:
                    self._load(nullcontext)
                else:
                    self._loader = threading.Thread(target=self._load, args=(still,), daemon=True)
                    self._loader.start()
        return not self._missing

    def close(self) -> None:
        """Write what is in memory."""
        self._closing = True
        if self._loader is not None:
            self._loader.join()
        self.segments.close()
        self.documents.close()

    def _load(self, still: Callable[[], AbstractContextManager[None]]) -> None:
        try:
            for generation, entry in list(self._missing.items()):
                if self._closing:
                    return
                with still():
                    self._load_version(entry)
                    del self._missing[generation]
        except Exception:
            logger.exception("score tables could not be filled; searches ask the index")

    def _load_version(self, entry: Entry) -> None:
        of_version = equals("generation", entry.generation)
        points = And((of_version, Condition("point", "$in", (SEGMENT, DOCUMENT))))
        batch: list[tuple[str, Payload, Mapping[str, Vector]]] = []
        names = (SEGMENT_DENSE, SEGMENT_LEXICAL, DOCUMENT_LEXICAL)
        for record in self.index.scroll(points, payload=_FIELDS, vectors=names):
            batch.append((record.id, record.payload, record.vectors))
            if len(batch) == _AT_ONCE:
                self._take(batch)
                self.tidy()
                batch = []
        self._take(batch)
        self.tidy()
        if entry.generation in self.entries:
            self.went_live(self.entries[entry.generation])
        else:
            self.remove([entry.generation])

    def _take(self, points: Sequence[tuple[str, Payload, Mapping[str, Vector]]]) -> None:
        segments = [  # one without its place is damage, which the doctor finds
            _segment_row(*point) for point in points if point[1]["point"] == SEGMENT and "ordinal" in point[1]
        ]
        documents = [_document_row(*point) for point in points if point[1]["point"] == DOCUMENT]
        if segments:
            self.segments.put(segments)
        if documents:
            self.documents.put(documents)


def _segment_row(point: str, payload: Payload, vectors: Mapping[str, Vector]) -> Row:
    dense, sparse = vectors.get(SEGMENT_DENSE), _sparse(vectors, SEGMENT_LEXICAL)
    return Row(
        generation=payload["generation"],
        ordinal=payload["ordinal"],
        key=point_key(point),
        start=payload["start"],
        end=payload["end"],
        kind=KINDS.index(payload["kind"]),
        described=bool(payload.get("breadcrumb") or payload.get("symbols")),
        dense=None if dense is None else np.asarray(dense, dtype=np.float32),
        terms=np.array(sparse.indices, dtype=np.uint32),
        weights=np.array(sparse.values, dtype=np.float32),
    )


def _document_row(point: str, payload: Payload, vectors: Mapping[str, Vector]) -> Row:
    sparse = _sparse(vectors, DOCUMENT_LEXICAL)
    return Row(
        generation=payload["generation"],
        ordinal=0,
        key=point_key(point),
        start=0,
        end=0,
        kind=0,
        described=False,
        dense=None,
        terms=np.array(sparse.indices, dtype=np.uint32),
        weights=np.array(sparse.values, dtype=np.float32),
    )


def _sparse(vectors: Mapping[str, Vector], name: str) -> SparseVector:
    found = vectors.get(name)
    return found if isinstance(found, SparseVector) else _NO_TERMS

"""What the one writer of a collection does to its documents.

A document changes by one write: its point. Before it come the text pages and the
segments of a new generation, after it the sweep of the old one. Whatever dies in
between leaves segments that no document point names; searches pass them over and
`sweep` removes them.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from indexers.catalogue import SEGMENT, Entry, shared_payload
from indexers.documents import field_types
from indexers.editing import with_metadata
from indexers.errors import DiskSpaceError, StoreBusyError
from indexers.filters import And, Condition, equals
from indexers.history import kept_point
from indexers.identifiers import document_point, segment_point
from indexers.types import DOCUMENT_LEXICAL, Point

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from indexers.editing import Expected
    from indexers.generations import Generations
    from indexers.known_documents import KnownDocuments
    from indexers.lexical_weights import LexicalWeights
    from indexers.places import Place
    from indexers.protocols import TextStore, VectorIndex
    from indexers.readers import Readers
    from indexers.records import DocumentRecords
    from indexers.scores import ScoreTables

logger = logging.getLogger(__name__)

_BATCH = 1_000
_WRITTEN_AT_ONCE = 128
_LOOKED_THROUGH = frozenset({"id", "title", "updated_at"})
_MOST_INDEXED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a collection is made of.

    Attributes:
        place: where its settings and records are kept.
        index: its points.
        texts: its text.
        scores: tables beside the index; None for an index elsewhere.
        records: what is known of each document beside its text.
        known: the same in memory.
        generations: which versions are seen, being written, and dead.
        weights: of the terms of documents.
        readers: who reads while something is written.
    """

    place: Place
    index: VectorIndex
    texts: TextStore
    scores: ScoreTables | None
    records: DocumentRecords
    known: KnownDocuments
    generations: Generations
    weights: LexicalWeights
    readers: Readers

    def count_dead(self) -> dict[str, int]:
        """Count the segments of each version that is neither live nor being written."""
        live, stored = self.known.generations(), self.index.facet("generation", equals("point", SEGMENT))
        return {
            generation: count
            for generation, count in stored.items()
            if generation not in live and not self.generations.is_in_progress(generation)
        }


class CollectionWriter:
    """Writes the documents of one collection. Safe to use from several threads.

    Args:
        parts: of the collection.
        writing: held during every change.
    """

    def __init__(self, parts: Parts, writing: AbstractContextManager[object]) -> None:
        self._parts = parts
        self._index = parts.index
        self._known = parts.known
        self._generations = parts.generations
        self._writing = writing
        self._indexed: set[str] = set()
        self._settled = False
        self.retired = False
        """Whether another collection has taken the place of this one, which then refuses changes."""
        for name in list(self._known.fields):
            self._index_field(name)

    def begin(self, entry: Entry) -> None:
        """Announce a version whose segments are about to be written."""
        with self._writing:
            self._index_fields(entry)
            self._generations.begin(entry)

    def give_up(self, generations: Iterable[str]) -> None:
        """Leave versions that have begun to the sweep; those that became live stay."""
        with self._writing:
            for generation in generations:
                self._generations.give_up(generation)

    def between_writes(self) -> None:
        """Let searches pass, and lay out score tables, before the next of many writes."""
        self._parts.readers.let_pass()
        self._tidy_scores()

    def write_segments(self, points: Sequence[Point]) -> None:
        """Write segments of a version that has begun and is not live yet."""
        for start in range(0, len(points), _WRITTEN_AT_ONCE):
            self.between_writes()
            self._index.upsert(points[start : start + _WRITTEN_AT_ONCE])

    def commit(self, versions: Sequence[tuple[Entry, Mapping[int, int]]]) -> list[Entry]:
        """Make versions live: from this one write on, searches see them and no other.

        Args:
            versions: of different documents, each with how often each term stands in it; their
                segments are written.

        Returns:
            The entries with their numbers, one more than the versions they replace.
        """
        with self._writing:
            self._parts.texts.sync()
            entries = [self._numbered(entry) for entry, _ in versions]
            points: list[Point] = []
            average = self._parts.weights.averages.document
            for entry, (_, terms) in zip(entries, versions, strict=True):
                points.append(self._document_point(entry, terms, average))
                if (previous := self._known.entries.get(entry.doc_id)) is not None:
                    points.append(kept_point(previous))
            with self._change({entry.doc_id: entry.doc_id not in self._known.entries for entry in entries}):
                self._parts.records.write(entries)
                self._index.upsert(points)
                for entry in entries:
                    previous = self._known.entries.get(entry.doc_id)
                    self._generations.went_live(entry.generation)
                    self._known.learn(entry)
                    if previous is not None:
                        self._known.keep(entry.doc_id, previous.version)
                        self._dies(previous)
        self._tidy_scores()
        return entries

    def _numbered(self, entry: Entry) -> Entry:
        return replace(entry, version=self._known.latest(entry.doc_id) + 1)

    def _document_point(self, entry: Entry, terms: Mapping[int, int], average: float) -> Point:
        lexical = self._parts.weights.weigh(terms, average)
        return Point(
            id=document_point(entry.doc_id),
            vectors={DOCUMENT_LEXICAL: lexical} if lexical.indices else {},
            payload=entry.to_payload(lexical_average=average),
        )

    def adopt(self, entry: Entry, point: Point) -> None:
        """Make a version live that was made elsewhere, with its document point as it was there."""
        with self._writing:
            previous = self._known.entries.get(entry.doc_id)
            self._parts.texts.sync()
            with self._change({entry.doc_id: previous is None}):
                self._parts.records.write([entry])
                self._index.upsert([point])
                self._generations.went_live(entry.generation)
                self._known.learn(entry)
                if previous is not None and previous.generation != entry.generation:
                    self._dies(previous)
        self._tidy_scores()

    def adopt_versions(self, points: Sequence[Point]) -> None:
        """Keep earlier versions that were made elsewhere."""
        with self._writing:
            self._parts.texts.sync()
            self._index.upsert(points)
            for point in points:
                self._known.keep(point.payload["doc_id"], point.payload["version"])

    def edit(self, entry: Entry) -> bool:
        """Change title, source or metadata of a document without touching its vectors.

        All its points change by one write, so that a filter sees the old values or the new.

        Returns:
            False when its version is no longer live; nothing was changed then.
        """
        with self._writing:
            live = self._known.entries.get(entry.doc_id)
            if live is None or live.generation != entry.generation:
                return False
            entry = replace(entry, revision=live.revision + 1)
            points = [segment_point(entry.generation, ordinal) for ordinal in range(entry.segments)]
            self._index_fields(entry)
            with self._change({entry.doc_id: False}):
                self._parts.records.write([entry])
                self._index.set_payload(
                    [document_point(entry.doc_id), *points],
                    {**shared_payload(entry), "notes": list(entry.notes), "revision": entry.revision},
                )
                self._known.learn(entry)
            return True

    def patch(self, doc_id: str, metadata: Mapping[str, Any], expected: Expected) -> Entry:
        """Change the metadata of a document by a JSON merge patch; its vectors stay.

        Raises:
            DocumentNotFoundError: there is none of that id.
            VersionMismatchError: it is not what the caller expected.
            InvalidDocumentError: the outcome cannot be stored.
        """
        with self._writing:
            entry = self._known.entry(doc_id)
            expected.check(entry)
            changed = with_metadata(entry, metadata)
            if changed != entry:
                self.edit(changed)
            return self._known.entry(doc_id)

    def delete(self, doc_ids: Iterable[str], expected: Expected | None = None) -> list[str]:
        """Remove documents and return the ids that were there; the document goes first, then its segments.

        Raises:
            VersionMismatchError: one is not what the caller expected; nothing was removed.
        """
        with self._writing:
            present = [doc_id for doc_id in dict.fromkeys(doc_ids) if doc_id in self._known.entries]
            for doc_id in present:
                if expected is not None:
                    expected.check(self._known.entries[doc_id])
            with self._change(dict.fromkeys(present, True)):
                self._index.upsert([kept_point(self._known.entries[doc_id]) for doc_id in present])
                self._index.delete([document_point(doc_id) for doc_id in present])
                for doc_id in present:
                    entry = self._known.entry(doc_id)
                    self._known.lose(doc_id)
                    self._known.keep(doc_id, entry.version)
                    self._dies(entry)
                    self._parts.records.remove(doc_id)
            self.sweep()
            return present

    def drop(self, doc_ids: Iterable[str]) -> None:
        """Take documents out of the index and keep their records, so that they can be indexed anew."""
        with self._writing:
            for doc_id in doc_ids:
                if (entry := self._known.lose(doc_id)) is not None:
                    self._dies(entry)
                self._index.delete([document_point(doc_id)])
            self.sweep()

    def sweep(self, *, thorough: bool = False) -> None:
        """Remove the segments of versions that are dead.

        Args:
            thorough: look through all segments for versions that nobody remembers.
        """
        with self._writing:
            if thorough:
                self._generations.died(self._parts.count_dead())
            dead = self._generations.dead
            for start in range(0, len(dead), _BATCH):
                of_some = Condition("generation", "$in", dead[start : start + _BATCH])
                self._index.delete_where(And((equals("point", SEGMENT), of_some)))
            if self._parts.scores is not None:
                self._parts.scores.remove(dead)
            self._generations.swept(dead)

    def forget(self, doc_ids: Iterable[str]) -> None:
        """Let documents that are gone begin at version 1 if they come back."""
        with self._writing:
            self._known.forget(doc_ids)

    def settle(self) -> None:
        """Make the records agree with the index where a change did not end well, here or earlier."""
        if self._settled:
            return
        records = self._parts.records
        if doc_ids := records.unsettled():
            found = self._index.retrieve([document_point(doc_id) for doc_id in doc_ids])
            records.settle([Entry.from_payload(record.payload) for record in found])
        self._settled = True

    def unsettle(self) -> None:
        """Another process has written: `settle` looks again."""
        self._settled = False

    @contextmanager
    def _change(self, may_end_gone: Mapping[str, bool]) -> Iterator[None]:
        """Change documents and what is known of them; a search that saw a part of that is repeated."""
        if self.retired:
            raise StoreBusyError(
                f"the collection in {self._parts.place} was just replaced by one with other vectors; "
                "try again"
            )
        self.settle()
        self._settled = False
        self._generations.start_or_end_change()
        try:
            with self._parts.records.changing(may_end_gone):
                yield
            self._settled = True
        finally:
            self._generations.start_or_end_change()

    def _tidy_scores(self) -> None:
        """Lay out score tables; not while a document changes, as searches wait for that."""
        if self._parts.scores is None:
            return
        try:
            self._parts.scores.tidy()
        except DiskSpaceError as error:  # committed all the same; the next write is refused
            logger.warning("score tables stay in memory: %s", error)

    def _dies(self, entry: Entry) -> None:
        self._generations.died([entry.generation])
        if self._parts.scores is not None:
            self._parts.scores.died(entry)

    def _index_fields(self, entry: Entry) -> None:
        for name, kind in field_types(entry.metadata):
            if self._known.learn_field(name, kind):
                self._index_field(name)

    def _index_field(self, name: str) -> None:
        """Make filters on a field quick, for the first fields that come; the others are looked through."""
        kinds = self._known.fields[name]
        if name in _LOOKED_THROUGH or kinds >= {"string", "number"}:
            self._indexed.discard(name)
            self._index.unindex_field(name)
        elif name not in self._indexed and len(self._indexed) < _MOST_INDEXED:
            self._indexed.add(name)
            self._index.index_field(name, min(kinds & {"number"} or kinds))

"""A collection: documents that are found together, in a vector index and a text store.

A document changes by one write: its point. Before it come the text pages and the
segments of a new generation, after it the sweep of the old one. Whatever dies in
between leaves segments that no document point names; searches pass them over and
`sweep` removes them.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from hashlib import blake2b
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from indexers.catalogue import DOCUMENT, SEGMENT, Entry, shared_payload
from indexers.documents import field_types
from indexers.editing import Expected, with_metadata
from indexers.errors import (
    DiskSpaceError,
    DocumentNotFoundError,
    FingerprintMismatchError,
    StoreBusyError,
)
from indexers.filters import And, AnyField, Condition, Filter, Not, Or, all_of, equals, parse_filter
from indexers.generations import Generations
from indexers.history import VERSION, KeptVersion, kept_point
from indexers.identifiers import begin_after, document_point, segment_point
from indexers.languages import ENGLISH, analysed_as
from indexers.leases import PATIENCE_S, TERM_S, Turn, WriterLease
from indexers.lexical_weights import LexicalWeights
from indexers.readers import Readers
from indexers.records import DocumentRecords
from indexers.settings import query_fingerprint, read_settings
from indexers.sharing import EVERYTHING, MOVED
from indexers.types import (
    DOCUMENT_LEXICAL,
    SEGMENT_DENSE,
    SEGMENT_LEXICAL,
    IndexSchema,
    Point,
)
from indexers.unread import UnreadItems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from encoders.types import Location, Span
    from indexers.places import Place
    from indexers.protocols import TextStore, VectorIndex
    from indexers.scores import ScoreTables
    from indexers.sharing import Change, SharedPoints
    from indexers.types import FieldKind

logger = logging.getLogger(__name__)

_BATCH = 1_000
_WRITTEN_AT_ONCE = 128
_LONG_AGO_S = 43_200.0
_MANY_DEAD = 256
_STRING: Final[frozenset[FieldKind]] = frozenset({"string"})
_LOOKED_THROUGH = frozenset({"id", "title", "updated_at"})
_MOST_INDEXED = 64
_OWN_FIELDS = dict.fromkeys(("id", "title", "source", "media_type", "updated_at"), _STRING)


def schema_for(dim: int) -> IndexSchema:
    """Return the vectors and keyword fields of a collection.

    Segments and documents have vectors of their own names, because document
    frequencies must not mix.
    """
    return IndexSchema(
        dense={SEGMENT_DENSE: dim},
        sparse=(SEGMENT_LEXICAL, DOCUMENT_LEXICAL),
        keywords=("point", "doc_id", "generation"),
    )


class Collection:
    """Documents of one collection. Safe to use from several threads.

    Args:
        place: where its settings and records are kept.
        index: its points.
        texts: its text.
        scores: tables beside the index, filled by whatever writes to it; None for an index elsewhere.
        sharing: how its points are shared with other processes; None when there are none.
        lease_s: see `indexers.leases`.
        patience_s: likewise.
    """

    def __init__(
        self,
        place: Place,
        index: VectorIndex,
        texts: TextStore,
        *,
        scores: ScoreTables | None = None,
        sharing: SharedPoints | None = None,
        lease_s: float = TERM_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.index = index
        self.texts = texts
        self.records = DocumentRecords(place)
        self.unread = UnreadItems(place)
        self._place = place
        self._scores = scores
        self._sharing = sharing
        self._hearing = threading.Lock()
        self._heard = time.monotonic()
        self._lease = (
            WriterLease(sharing, taken=self._took_over, term_s=lease_s, patience_s=patience_s)
            if sharing
            else None
        )
        turn = Turn(self._lease) if self._lease else None
        self._writing: AbstractContextManager[object] = turn or threading.RLock()
        self._here: AbstractContextManager[object] = turn.here if turn else self._writing
        settings = read_settings(place)
        self._fingerprint: dict[str, Any] = settings["fingerprint"]
        self.dim: int = settings["dim"]
        self.model: str = settings.get("model", "")
        self.name = str(place).rstrip("/").rpartition("/")[2]
        self.retired = False
        self._runs = 0
        self._no_runs = threading.Condition()
        self.weights = LexicalWeights(place, index, self._writing)
        self._entries: dict[str, Entry] = {}
        self._by_content: dict[str, str] = {}
        self._languages = frozenset({ENGLISH})
        self._generations = Generations()
        self.readers = Readers()
        self._latest_kept: dict[str, int] = {}
        self._indexed: set[str] = set()
        self._fields: dict[str, frozenset[FieldKind]] = dict(_OWN_FIELDS)
        self._state = 0
        self._settled = False
        self._read_all()
        for name in list(self._fields):
            self._index_field(name)
        if sharing is not None and self._lease is not None:
            sharing.ask_before_writing(self._lease.check)

    # Reading

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The live version of each document, by id; it changes under the reader's eyes."""
        return MappingProxyType(self._entries)

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """What made its vectors."""
        return MappingProxyType(self._fingerprint)

    @property
    def place(self) -> Place:
        """Where its settings are kept."""
        return self._place

    @property
    def fields(self) -> Mapping[str, frozenset[FieldKind]]:
        """The fields that documents have, each with the types of its values."""
        return MappingProxyType(self._fields)

    @property
    def snapshot(self) -> str:
        """Name the state of the documents: the same state has the same name, wherever it is kept."""
        return f"s_{self._state:016x}"

    @property
    def is_shared(self) -> bool:
        """Whether other processes may write it."""
        return self._sharing is not None

    @property
    def languages(self) -> frozenset[str]:
        """The languages that its documents have or had; queries are analysed in all of them."""
        return self._languages

    @property
    def scores(self) -> ScoreTables | None:
        """Tables that score many points at once; None where there are none, or while they are being made."""
        if self._scores is None or not self._scores.ready(self.still):
            return None
        return self._scores

    def live(self) -> Filter | None:
        """Return a filter that passes over segments of versions that are not live; None when all are."""
        unseen = self._generations.unseen
        return Not(Condition("generation", "$in", unseen)) if unseen else None

    def corpus(self, point: str) -> Filter | None:
        """Return the live points of a kind, whose document frequencies count.

        Without it the engine counts points that were deleted or replaced until it
        rebuilds its lists.
        """
        return all_of(equals("point", point), self.live())

    def is_made_by(self, fingerprint: Mapping[str, Any]) -> bool:
        """Tell whether the vectors of an encoder can be compared with the stored ones."""
        return self._fingerprint == query_fingerprint(fingerprint)

    def check_encoder(self, fingerprint: Mapping[str, Any]) -> None:
        """Refuse an encoder whose vectors cannot be compared with the stored ones.

        Raises:
            FingerprintMismatchError: the message names what differs.
        """
        made_for, wanted = self._fingerprint, query_fingerprint(fingerprint)
        different = sorted(key for key in made_for | wanted if made_for.get(key) != wanted.get(key))
        if different:
            raise FingerprintMismatchError(
                f"the collection in {self._place} was made with another encoder: "
                + "; ".join(f"{key} was {made_for.get(key)!r}, is {wanted.get(key)!r}" for key in different)
                + "; open it with the first one, or index into a new collection",
                different=different,
            )

    def entry(self, doc_id: str) -> Entry:
        """Return the live version of a document.

        Raises:
            DocumentNotFoundError: there is none of that id.
        """
        try:
            return self._entries[doc_id]
        except KeyError:
            raise DocumentNotFoundError(f"no document {doc_id!r}", id=doc_id) from None

    def refresh(self) -> None:
        """Take over what other processes have changed since the last call."""
        if self._lease is None or self._lease.valid:  # whoever may write is the only one who does
            return
        with self._hearing:
            if not self._lease.valid:
                self._hear()

    def calm(self) -> int:
        """Wait for a change of documents that is under way here; return a mark for `unchanged`."""
        if self._generations.changes % 2:
            with self._here:
                pass
        return self._generations.changes

    def unchanged(self, entries: Iterable[Entry], since: int | None = None) -> bool:
        """Tell whether these versions are live and, after the mark ``since``, no document has changed at all.

        A change of any document moves the document frequencies that all scores rest on.
        """
        moved = self.moved(entries)
        changes = self._generations.changes
        return not moved and changes % 2 == 0 and since in (None, changes)

    def moved(self, entries: Iterable[Entry]) -> frozenset[str]:
        """Return the ids of the documents whose versions among these were changed, replaced or deleted."""
        self.calm()
        self.refresh()
        return frozenset(entry.doc_id for entry in entries if self._entries.get(entry.doc_id) is not entry)

    @contextmanager
    def still(self) -> Iterator[None]:
        """Let every change of a document wait."""
        with self._writing:
            yield

    def matching(self, where: Filter | None) -> list[str]:
        """Return the ids of the documents that match, sorted."""
        found = self.index.scroll(all_of(equals("point", DOCUMENT), where), payload=("doc_id",))
        return sorted(record.payload["doc_id"] for record in found)

    def twin(self, content_hash: str) -> Entry | None:
        """Return some document with this content, None when there is none."""
        return self._entries.get(self._by_content.get(content_hash, ""))

    def readings(self, entry: Entry) -> dict[str, str]:
        """Return what was read for the segments of a version, by hash, with the point of each."""
        return {
            record.payload["text_hash"]: record.id
            for record in self.index.scroll(
                And((equals("generation", entry.generation), equals("point", SEGMENT))),
                payload=("text_hash",),
            )
        }

    def version(self, doc_id: str, number: int) -> KeptVersion | None:
        """Return a version of a document, live or kept; None when it is not kept any more."""
        live = self._entries.get(doc_id)
        if live is not None and live.version == number:
            return KeptVersion.of(live)
        where = And((equals("doc_id", doc_id), equals("point", VERSION), equals("version", number)))
        found = next(self.index.scroll(where), None)
        return KeptVersion.from_payload(found.payload) if found else None

    def version_of_generation(self, generation: str) -> KeptVersion | None:
        """Return the version that a generation was, live or kept."""
        where = equals("generation", generation)
        not_segments = Not(equals("point", SEGMENT))
        found = next(self.index.scroll(And((where, not_segments))), None)
        return KeptVersion.from_payload(found.payload) if found else None

    def text_references(self) -> set[str]:
        """Return the texts that are needed: of live and kept versions, and of those being written."""
        kept = self.index.scroll(equals("point", VERSION), payload=("text",))
        live = {entry.text for entry in self._entries.values()}
        return live | {record.payload["text"] for record in kept} | set(self._generations.texts)

    def forget(self, doc_ids: Iterable[str]) -> None:
        """Let documents that are gone begin at version 1 if they come back."""
        with self._writing:
            for doc_id in doc_ids:
                self._latest_kept.pop(doc_id, None)

    def text(self, entry: Entry, start: int = 0, end: int | None = None) -> str:
        """Return ``[start, end)`` of a document's text."""
        return self.texts.text(entry.text, start, end)

    def locate(self, entry: Entry, span: Span) -> Location:
        """Return where a span of a document lies."""
        return self.texts.locate(entry.text, span)

    def parse_filter(
        self, source: Mapping[str, Any] | None, *, mandatory: Mapping[str, Any] | None = None
    ) -> Filter | None:
        """Parse a caller's filter against the fields that the documents have.

        Args:
            source: what the caller asks for.
            mandatory: holds besides, whatever the caller asks for. It may name fields that
                no document has: a document without the field does not match.

        Raises:
            InvalidFilterError: see `indexers.filters.parse_filter`.
        """
        asked = None if source is None else parse_filter(source, fields=self._fields)
        imposed = None if mandatory is None else parse_filter(mandatory, fields=AnyField())
        where = all_of(asked, imposed)
        return None if where is None else _to_payload_names(where)

    # Writing

    @contextmanager
    def as_writer(self) -> Iterator[None]:
        """Be the only process that writes, for a whole run; waits until another one is done."""
        with self._no_runs:
            self._runs += 1
        try:
            with self._lease.held(wait_s=None) if self._lease else nullcontext():
                with self._writing:
                    self._settle()
                yield
        finally:
            with self._no_runs:
                self._runs -= 1
                self._no_runs.notify_all()

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Wait until no run writes, and let all that begin wait."""
        with self._no_runs, self._lease.held(wait_s=None) if self._lease else nullcontext():
            while self._runs:
                self._no_runs.wait()
            with self._writing:
                yield

    def retire(self) -> None:
        """Refuse changes from now on: another collection has taken the place of this one."""
        with self._writing:
            self.retired = True
            if self._sharing is not None:
                self._sharing.announce_move()

    def unretire(self) -> None:
        """Take changes again."""
        self.retired = False

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
        self.readers.let_pass()
        self._tidy_scores()

    def write_segments(self, points: Sequence[Point]) -> None:
        """Write segments of a version that has begun and is not live yet."""
        for start in range(0, len(points), _WRITTEN_AT_ONCE):
            self.between_writes()
            self.index.upsert(points[start : start + _WRITTEN_AT_ONCE])

    def commit(self, versions: Sequence[tuple[Entry, Mapping[int, int]]]) -> list[Entry]:
        """Make versions live: from this one write on, searches see them and no other.

        Args:
            versions: of different documents, each with how often each term stands in it; their
                segments are written.

        Returns:
            The entries with their numbers, one more than the versions they replace.
        """
        with self._writing:
            self.texts.sync()
            entries = [self._numbered(entry) for entry, _ in versions]
            points: list[Point] = []
            average = self.weights.averages.document
            for entry, (_, terms) in zip(entries, versions, strict=True):
                points.append(self._document_point(entry, terms, average))
                if (previous := self._entries.get(entry.doc_id)) is not None:
                    points.append(kept_point(previous))
            with self._change({entry.doc_id: entry.doc_id not in self._entries for entry in entries}):
                self.records.write(entries)
                self.index.upsert(points)
                for entry in entries:
                    previous = self._entries.get(entry.doc_id)
                    self._generations.went_live(entry.generation)
                    self._remember(entry)
                    if previous is not None:
                        self._remember_kept(entry.doc_id, previous.version)
                        self._died(previous)
        self._tidy_scores()
        return entries

    def _numbered(self, entry: Entry) -> Entry:
        previous = self._entries.get(entry.doc_id)
        latest = previous.version if previous else self._latest_kept.get(entry.doc_id, 0)
        return replace(entry, version=latest + 1)

    def _document_point(self, entry: Entry, terms: Mapping[int, int], average: float) -> Point:
        lexical = self.weights.weigh(terms, average)
        return Point(
            id=document_point(entry.doc_id),
            vectors={DOCUMENT_LEXICAL: lexical} if lexical.indices else {},
            payload=entry.to_payload(lexical_average=average),
        )

    def adopt(self, entry: Entry, point: Point) -> None:
        """Make a version live that was made elsewhere, with its document point as it was there."""
        with self._writing:
            previous = self._entries.get(entry.doc_id)
            self.texts.sync()
            with self._change({entry.doc_id: previous is None}):
                self.records.write([entry])
                self.index.upsert([point])
                self._generations.went_live(entry.generation)
                self._remember(entry)
                if previous is not None and previous.generation != entry.generation:
                    self._died(previous)
        self._tidy_scores()

    def adopt_versions(self, points: Sequence[Point]) -> None:
        """Keep earlier versions that were made elsewhere."""
        with self._writing:
            self.texts.sync()
            self.index.upsert(points)
            for point in points:
                self._remember_kept(point.payload["doc_id"], point.payload["version"])

    def edit(self, entry: Entry) -> bool:
        """Change title, source or metadata of a document without touching its vectors.

        All its points change by one write, so that a filter sees the old values or the new.

        Returns:
            False when its version is no longer live; nothing was changed then.
        """
        with self._writing:
            live = self._entries.get(entry.doc_id)
            if live is None or live.generation != entry.generation:
                return False
            entry = replace(entry, revision=live.revision + 1)
            points = [segment_point(entry.generation, ordinal) for ordinal in range(entry.segments)]
            self._index_fields(entry)
            with self._change({entry.doc_id: False}):
                self.records.write([entry])
                self.index.set_payload(
                    [document_point(entry.doc_id), *points],
                    {**shared_payload(entry), "notes": list(entry.notes), "revision": entry.revision},
                )
                self._remember(entry)
            return True

    def patch(self, doc_id: str, metadata: Mapping[str, Any], expected: Expected) -> Entry:
        """Change the metadata of a document by a JSON merge patch; its vectors stay.

        Raises:
            DocumentNotFoundError: there is none of that id.
            VersionMismatchError: it is not what the caller expected.
            InvalidDocumentError: the outcome cannot be stored.
        """
        with self._writing:
            entry = self.entry(doc_id)
            expected.check(entry)
            changed = with_metadata(entry, metadata)
            if changed != entry:
                self.edit(changed)
            return self.entry(doc_id)

    def delete(self, doc_ids: Iterable[str], expected: Expected | None = None) -> list[str]:
        """Remove documents and return the ids that were there; the document goes first, then its segments.

        Raises:
            VersionMismatchError: one is not what the caller expected; nothing was removed.
        """
        with self._writing:
            present = [doc_id for doc_id in dict.fromkeys(doc_ids) if doc_id in self._entries]
            for doc_id in present:
                if expected is not None:
                    expected.check(self._entries[doc_id])
            with self._change(dict.fromkeys(present, True)):
                self.index.upsert([kept_point(self._entries[doc_id]) for doc_id in present])
                self.index.delete([document_point(doc_id) for doc_id in present])
                for doc_id in present:
                    entry = self._entries.pop(doc_id)
                    self._state ^= _mark(entry)
                    self._remember_kept(doc_id, entry.version)
                    self._died(entry)
                    self.records.remove(doc_id)
            self.sweep()
            return present

    def delete_where(self, where: Filter) -> list[str]:
        """Remove the documents that match and return their ids."""
        with self._writing:
            return self.delete(self.matching(where))

    def drop(self, doc_ids: Iterable[str]) -> None:
        """Take documents out of the index and keep their records, so that they can be indexed anew."""
        with self._writing:
            for doc_id in doc_ids:
                if (entry := self._entries.pop(doc_id, None)) is not None:
                    self._state ^= _mark(entry)
                    self._died(entry)
                self.index.delete([document_point(doc_id)])
            self.sweep()

    def sweep(self, *, thorough: bool = False) -> None:
        """Remove the segments of versions that are dead.

        Args:
            thorough: look through all segments for versions that nobody remembers.
        """
        with self._writing:
            if thorough:
                self._generations.died(self.dead_segments())
            dead = self._generations.dead
            for start in range(0, len(dead), _BATCH):
                some = dead[start : start + _BATCH]
                self.index.delete_where(And((equals("point", SEGMENT), Condition("generation", "$in", some))))
            if self._scores is not None:
                self._scores.remove(dead)
            self._generations.swept(dead)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Flush, and let writers wait while the files of this collection are read."""
        with self._writing:
            self.flush()
            with self.index.paused():
                yield

    def flush(self) -> None:
        """Make everything so far survive a power cut."""
        self.texts.sync()
        self.index.flush()

    def close(self) -> None:
        """Flush and let go."""
        self.texts.sync()
        if self._lease is not None:
            self._lease.close()
        if self._scores is not None:
            self._scores.close()
        self.index.close()

    def dead_segments(self) -> dict[str, int]:
        """Count the segments of each version that is neither live nor being written."""
        with self._here:
            return self._count_dead()

    def _count_dead(self) -> dict[str, int]:
        stored = self.index.facet("generation", equals("point", SEGMENT))
        live = {entry.generation for entry in self._entries.values()}
        return {
            generation: count
            for generation, count in stored.items()
            if generation not in live and not self._generations.is_in_progress(generation)
        }

    @contextmanager
    def _change(self, may_end_gone: Mapping[str, bool]) -> Iterator[None]:
        """Change documents and what is known of them; a search that saw a part of that is repeated."""
        if self.retired:
            raise StoreBusyError(
                f"the collection in {self._place} was just replaced by one with other vectors; try again"
            )
        self._settle()
        self._settled = False
        self._generations.start_or_end_change()
        try:
            with self.records.changing(may_end_gone):
                yield
            self._settled = True
        finally:
            self._generations.start_or_end_change()

    def _tidy_scores(self) -> None:
        """Lay out score tables; not while a document changes, as searches wait for that."""
        if self._scores is None:
            return
        try:
            self._scores.tidy()
        except DiskSpaceError as error:  # committed all the same; the next write is refused
            logger.warning("score tables stay in memory: %s", error)

    def _settle(self) -> None:
        """Make the records agree with the index where a change did not end well, here or earlier."""
        if self._settled:
            return
        if doc_ids := self.records.unsettled():
            found = self.index.retrieve([document_point(doc_id) for doc_id in doc_ids])
            self.records.settle([Entry.from_payload(record.payload) for record in found])
        self._settled = True

    def _read_all(self) -> None:
        """Read every document and earlier version from the index."""
        self._entries = {}
        self._by_content = {}
        self._state = 0
        for record in self.index.scroll(equals("point", DOCUMENT)):
            self._remember(Entry.from_payload(record.payload))
        for record in self.index.scroll(equals("point", VERSION), payload=("doc_id", "version")):
            self._remember_kept(record.payload["doc_id"], record.payload["version"])
        self._generations.died(self._count_dead())
        if self._scores is not None:
            self._scores.begin(self._entries.values())
        if self._entries:
            begin_after(max(entry.generation for entry in self._entries.values()))

    def _took_over(self, from_the_dead: bool) -> None:
        """Know what the last writer left, before the first write of this process."""
        with self._hearing:
            self._hear()
        self.weights.reload()
        self._settled = False
        if from_the_dead and self._sharing is not None:
            self._sharing.announce_everything()
            self._generations.died(self._count_dead())

    def _hear(self) -> None:
        if self._sharing is None:
            return
        if time.monotonic() - self._heard > _LONG_AGO_S:  # word of what is gone may be gone too
            self._sharing.seen = self._sharing.highest()
            self._read_all()
        changes = self._sharing.changes()
        if changes:
            gone = {change.gone for change in changes}
            points = {document_point(doc_id): doc_id for doc_id in self._entries} if gone - {""} else {}
            for change in changes:
                self._take_over(change, points)
            self._sharing.seen = changes[-1].sequence
            if len(self._generations.dead) > _MANY_DEAD:  # the writer has swept most of them
                self._generations.swept(self._generations.dead)
                self._generations.died(self._count_dead())
        self._heard = time.monotonic()

    def _take_over(self, change: Change, points: Mapping[str, str]) -> None:
        if change.gone == MOVED:
            self.retired = True
        elif change.gone == EVERYTHING:
            self._read_all()
        elif change.gone:
            if (entry := self._entries.pop(points.get(change.gone, ""), None)) is not None:
                self._state ^= _mark(entry)
                self._remember_kept(entry.doc_id, entry.version)
                self._generations.died([entry.generation])
        else:
            entry = Entry.from_payload(change.payload)
            previous = self._entries.get(entry.doc_id)
            self._generations.went_live(entry.generation)
            self._remember(entry)
            if previous is not None and previous.generation != entry.generation:
                self._remember_kept(entry.doc_id, previous.version)
                self._generations.died([previous.generation])

    def _died(self, entry: Entry) -> None:
        self._generations.died([entry.generation])
        if self._scores is not None:
            self._scores.died(entry)

    def _remember_kept(self, doc_id: str, version: int) -> None:
        self._latest_kept[doc_id] = max(version, self._latest_kept.get(doc_id, 0))

    def _index_fields(self, entry: Entry) -> None:
        for name, kind in field_types(entry.metadata):
            if kind not in self._fields.get(name, frozenset()):
                self._fields[name] = self._fields.get(name, frozenset()) | {kind}
                self._index_field(name)

    def _index_field(self, name: str) -> None:
        """Make filters on a field quick, for the first fields that come; the others are looked through."""
        kinds = self._fields[name]
        if name in _LOOKED_THROUGH or kinds >= {"string", "number"}:
            self._indexed.discard(name)
            self.index.unindex_field(name)
        elif name not in self._indexed and len(self._indexed) < _MOST_INDEXED:
            self._indexed.add(name)
            self.index.index_field(name, min(kinds & {"number"} or kinds))

    def _remember(self, entry: Entry) -> None:
        previous = self._entries.get(entry.doc_id)
        self._state ^= _mark(entry) ^ (_mark(previous) if previous else 0)
        self._entries[entry.doc_id] = entry
        if self._scores is not None:
            self._scores.went_live(entry)
        self._by_content[entry.content_hash] = entry.doc_id
        if (language := analysed_as(entry.language)) not in self._languages:
            self._languages |= {language}
        for name, kind in field_types(entry.metadata):
            self._fields[name] = self._fields.get(name, frozenset()) | {kind}


def _mark(entry: Entry) -> int:
    """Return 64 bits that change with whatever a search sees of a document."""
    seen = json.dumps(shared_payload(entry), sort_keys=True).encode()
    return int.from_bytes(blake2b(seen, digest_size=8).digest(), "little")


def _to_payload_names(where: Filter) -> Filter:
    match where:
        case Condition(field="id"):
            return replace(where, field="doc_id")
        case And(parts) | Or(parts):
            return type(where)(tuple(_to_payload_names(part) for part in parts))
        case Not(part):
            return Not(_to_payload_names(part))
        case _:
            return where

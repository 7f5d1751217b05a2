"""A collection: documents that are found together, in a vector index and a text store.

`indexers.collection_writer` changes them; here they are read, and what other processes
write is heard.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from indexers.catalogue import DOCUMENT, SEGMENT, Entry
from indexers.collection_writer import CollectionWriter, Parts
from indexers.errors import (
    FingerprintMismatchError,
)
from indexers.filters import And, AnyField, Condition, Filter, Not, Or, all_of, equals, parse_filter
from indexers.generations import Generations
from indexers.history import VERSION, KeptVersion
from indexers.identifiers import begin_after, document_point
from indexers.known_documents import KnownDocuments
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
)
from indexers.unread import UnreadItems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from encoders.types import Location, Span
    from indexers.places import Place
    from indexers.protocols import TextStore, VectorIndex
    from indexers.scores import ScoreTables
    from indexers.sharing import Change, SharedPoints
    from indexers.types import FieldKind

_LONG_AGO_S = 43_200.0
_MANY_DEAD = 256


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

    Attributes:
        writer: changes its documents; `as_writer` or `still` keeps others away for longer than one change.
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
        self._runs = 0
        self._no_runs = threading.Condition()
        self.weights = LexicalWeights(place, index, self._writing)
        self.readers = Readers()
        self._generations = Generations()
        self._known = KnownDocuments(scores)
        self._parts = Parts(
            place=place,
            index=index,
            texts=texts,
            scores=scores,
            records=self.records,
            known=self._known,
            generations=self._generations,
            weights=self.weights,
            readers=self.readers,
        )
        self._read_all()
        self.writer = CollectionWriter(self._parts, self._writing)
        if sharing is not None and self._lease is not None:
            sharing.ask_before_writing(self._lease.check)

    # Reading

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The live version of each document, by id; it changes under the reader's eyes."""
        return self._known.entries

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
        return self._known.fields

    @property
    def snapshot(self) -> str:
        """Name the state of the documents: the same state has the same name, wherever it is kept."""
        return self._known.snapshot

    @property
    def retired(self) -> bool:
        """Whether another collection has taken the place of this one, which then refuses changes."""
        return self.writer.retired

    @property
    def is_shared(self) -> bool:
        """Whether other processes may write it."""
        return self._sharing is not None

    @property
    def languages(self) -> frozenset[str]:
        """The languages that its documents have or had; queries are analysed in all of them."""
        return self._known.languages

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
        return self._known.entry(doc_id)

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
        live = self._known.entries
        return frozenset(entry.doc_id for entry in entries if live.get(entry.doc_id) is not entry)

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
        return self._known.twin(content_hash)

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
        live = self._known.entries.get(doc_id)
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
        live = {entry.text for entry in self._known.entries.values()}
        return live | {record.payload["text"] for record in kept} | set(self._generations.texts)

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
        asked = None if source is None else parse_filter(source, fields=self._known.fields)
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
                    self.writer.settle()
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
            self.writer.retired = True
            if self._sharing is not None:
                self._sharing.announce_move()

    def unretire(self) -> None:
        """Take changes again."""
        self.writer.retired = False

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
            return self._parts.count_dead()

    def _read_all(self) -> None:
        """Read every document and earlier version from the index."""
        self._known.clear()
        for record in self.index.scroll(equals("point", DOCUMENT)):
            self._known.learn(Entry.from_payload(record.payload))
        for record in self.index.scroll(equals("point", VERSION), payload=("doc_id", "version")):
            self._known.keep(record.payload["doc_id"], record.payload["version"])
        self._generations.died(self._parts.count_dead())
        if self._scores is not None:
            self._scores.begin(self._known.entries.values())
        if self._known.entries:
            begin_after(max(entry.generation for entry in self._known.entries.values()))

    def _took_over(self, from_the_dead: bool) -> None:
        """Know what the last writer left, before the first write of this process."""
        with self._hearing:
            self._hear()
        self.weights.reload()
        self.writer.unsettle()
        if from_the_dead and self._sharing is not None:
            self._sharing.announce_everything()
            self._generations.died(self._parts.count_dead())

    def _hear(self) -> None:
        if self._sharing is None:
            return
        if time.monotonic() - self._heard > _LONG_AGO_S:  # word of what is gone may be gone too
            self._sharing.seen = self._sharing.highest()
            self._read_all()
        changes = self._sharing.changes()
        if changes:
            gone = {change.gone for change in changes}
            points = {document_point(doc_id): doc_id for doc_id in self._known.entries} if gone - {""} else {}
            for change in changes:
                self._take_over(change, points)
            self._sharing.seen = changes[-1].sequence
            if len(self._generations.dead) > _MANY_DEAD:  # the writer has swept most of them
                self._generations.swept(self._generations.dead)
                self._generations.died(self._parts.count_dead())
        self._heard = time.monotonic()

    def _take_over(self, change: Change, points: Mapping[str, str]) -> None:
        if change.gone == MOVED:
            self.writer.retired = True
        elif change.gone == EVERYTHING:
            self._read_all()
        elif change.gone:
            if (entry := self._known.lose(points.get(change.gone, ""))) is not None:
                self._known.keep(entry.doc_id, entry.version)
                self._generations.died([entry.generation])
        else:
            entry = Entry.from_payload(change.payload)
            previous = self._known.entries.get(entry.doc_id)
            self._generations.went_live(entry.generation)
            self._known.learn(entry)
            if previous is not None and previous.generation != entry.generation:
                self._known.keep(entry.doc_id, previous.version)
                self._generations.died([previous.generation])


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

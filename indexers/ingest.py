"""Documents in: cut, embed in batches across documents, write, commit one by one."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

from encoders.code import with_symbols
from encoders.types import Coverage, Document
from indexers.catalogue import Entry
from indexers.documents import checked, content_hash, plain_metadata, printable
from indexers.errors import InvalidDocumentError
from indexers.identifiers import new_generation
from indexers.languages import analysed_as, language_of
from indexers.report import IndexReport, ItemOutcome, Progress, UnreadItem
from indexers.retention import expire
from indexers.segment_writer import Piece, SegmentWriter, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from encoders.protocols import Encoder, Segmenter
    from encoders.types import Segment
    from indexers.collection import Collection

BATCH_SEGMENTS = 512
FLUSH_SEGMENTS = 20_000
_FIRST_SETTLING = 2_000
_SETTLE_AGAIN = 8
_TERMS = "tile and breadcrumb"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item that could not be turned into a document.

    Attributes:
        listed: kept among what is not searchable; False for what nobody wants indexed.
        source: where it lies.
    """

    id: str
    reason: str
    failed: bool = True
    listed: bool = True
    source: str = ""


@dataclass(slots=True)
class _Draft:
    """A document on its way into the collection.

    Attributes:
        waiting: segments not written yet.
        known: readings of an earlier version, by hash, with the point that holds their vector.
    """

    document: Document
    entry: Entry
    segments: int
    waiting: int
    known: dict[str, str]
    is_new: bool
    coverage: Coverage = field(default_factory=Coverage)
    terms: Counter[int] = field(default_factory=Counter)
    segment_terms: int = 0

    def add(self, written: Written) -> None:
        """Account for one written segment."""
        self.coverage += written.coverage
        self.terms.update(written.terms)
        self.segment_terms += written.length
        self.waiting -= 1

    def finished(self) -> Entry:
        """Return the entry with what was counted."""
        return replace(
            self.entry,
            coverage=self.coverage,
            segments=self.segments,
            terms=self.terms.total(),
            segment_terms=self.segment_terms,
        )


class Ingest:
    """One indexing run.

    Args:
        collection: where the documents go.
        encoder: makes the vectors; its fingerprint is the collection's.
        segmenter: cuts the documents.
        progress: called after every batch and every item that needs no embedding.
    """

    def __init__(
        self,
        collection: Collection,
        encoder: Encoder,
        segmenter: Segmenter,
        *,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._collection = collection
        self._encoder = encoder
        self._segmenter = segmenter
        self._recipe = recipe_hash(segmenter)
        self._writer = SegmentWriter(collection, encoder)
        self._progress = progress
        self._queue: deque[tuple[_Draft, Segment]] = deque()
        self._seen: set[str] = set()
        self._lists: dict[str, list[str]] = {"added": [], "updated": [], "unchanged": [], "incomplete": []}
        self._skipped: list[ItemOutcome] = []
        self._failed: list[ItemOutcome] = []
        self._unread: list[UnreadItem] = []
        self._coverage = Coverage()
        self._tokens_read = 0
        self._reused = 0
        self._unflushed = 0
        self._written = 0
        self._settle_at = _FIRST_SETTLING
        self._begun: set[str] = set()
        self._total: int | None = None

    def run(self, items: Iterable[Document | Unreadable], *, total: int | None = None) -> IndexReport:
        """Index all items and report; what is committed stays when a later item raises."""
        with self._collection.as_writer():
            return self._run(items, total)

    def _run(self, items: Iterable[Document | Unreadable], total: int | None) -> IndexReport:
        started = time.perf_counter()
        self._total = total
        self._collection.writer.sweep()
        try:
            self._write_all(items)
        finally:
            self._collection.writer.give_up(self._begun)
        self._collection.writer.sweep()
        expire(self._collection)
        self._settle_weights()
        self._collection.unread.update(self._unread, read=self._seen)
        self._collection.flush()
        return IndexReport(
            added=tuple(self._lists["added"]),
            updated=tuple(self._lists["updated"]),
            unchanged=tuple(self._lists["unchanged"]),
            incomplete=tuple(self._lists["incomplete"]),
            skipped=tuple(self._skipped),
            failed=tuple(self._failed),
            coverage=self._coverage,
            tokens_read=self._tokens_read,
            segments_reused=self._reused,
            seconds=time.perf_counter() - started,
        )

    def _write_all(self, items: Iterable[Document | Unreadable]) -> None:
        for item in items:
            self._take(item)
            while len(self._queue) >= BATCH_SEGMENTS:
                self._write_batch()
            self._tell(printable(str(item.id)))
        while self._queue:
            self._write_batch()
            self._tell("")

    def _take(self, item: Document | Unreadable) -> None:
        if isinstance(item, Unreadable):
            outcomes = self._failed if item.failed else self._skipped
            self._leave_out(outcomes, item.id, item.reason, item.source, listed=item.listed)
            return
        try:
            document = with_symbols(checked(item))
        except InvalidDocumentError as error:
            self._leave_out(self._failed, str(item.id), str(error), str(item.source))
            return
        if document.id in self._seen:
            reason = "the id was given twice in this run; the first one was kept"
            self._failed.append(ItemOutcome(id=document.id, reason=reason))
        elif not document.text:
            self._leave_out(self._skipped, document.id, "empty text", document.source)
            return
        else:
            self._plan(document)
        self._seen.add(document.id)

    def _leave_out(
        self, outcomes: list[ItemOutcome], doc_id: str, reason: str, source: str, *, listed: bool = True
    ) -> None:
        """Say why something is not indexed, and that its earlier version, if there is one, stays."""
        name, reason = printable(doc_id), printable(reason)
        if doc_id in self._collection.entries:
            reason += "; what it held before stays searchable until it is deleted"
        outcomes.append(ItemOutcome(id=name, reason=reason))
        if listed:
            self._unread.append(UnreadItem(id=name, reason=reason, source=printable(source), at=_now()))

    def _plan(self, document: Document) -> None:
        with self._collection.still():  # until it is announced, nobody knows that its text is needed
            previous = self._collection.entries.get(document.id)
            entry = self._entry(document)
            if previous and _made_of(previous) == _made_of(entry):
                self._keep(entry, previous)
                return
            self._collection.writer.begin(entry)
            self._begun.add(entry.generation)
        segments, report = self._segmenter.segment_with_report(document)
        entry = replace(entry, segmentation_note=report.note)
        twin = previous or self._collection.twin(entry.content_hash)
        known = self._collection.readings(twin) if twin else {}
        draft = _Draft(document, entry, len(segments), len(segments), known, is_new=previous is None)
        self._queue.extend((draft, segment) for segment in segments)

    def _keep(self, entry: Entry, previous: Entry) -> None:
        edited = replace(
            previous,
            title=entry.title,
            source=entry.source,
            media_type=entry.media_type,
            metadata=entry.metadata,
            notes=entry.notes,
        )
        if edited == previous:
            self._lists["unchanged"].append(entry.doc_id)
        else:
            self._collection.writer.edit(edited)
            self._lists["updated"].append(entry.doc_id)

    def _entry(self, document: Document) -> Entry:
        return Entry(
            doc_id=document.id,
            generation=str(new_generation()),
            version=0,  # numbered when it becomes live
            content_hash=content_hash(document.text),
            text=self._collection.texts.put(document),
            title=document.title,
            source=document.source,
            media_type=document.media_type,
            characters=len(document.text),
            updated_at=_now(),
            metadata=plain_metadata(document.metadata),
            coverage=Coverage(),
            notes=document.notes,
            recipe=self._recipe,
            segments=0,
            terms=0,
            segment_terms=0,
            language=language_of(document.text, document.metadata),
        )

    def _write_batch(self) -> None:
        batch = [self._queue.popleft() for _ in range(min(BATCH_SEGMENTS, len(self._queue)))]
        pieces = [
            Piece(draft.entry, draft.document.text, segment, draft.known, draft.segments)
            for draft, segment in batch
        ]
        complete = []
        for (draft, _), written in zip(batch, self._writer.write(pieces), strict=True):
            self._tokens_read += written.tokens_read
            self._reused += written.reused
            draft.add(written)
            if draft.waiting == 0:
                complete.append(draft)
        if complete:
            self._commit(complete)
        self._written += len(batch)
        if self._written >= self._settle_at:  # while there is little to make anew
            self._settle_at *= _SETTLE_AGAIN
            self._settle_weights()
        self._unflushed += len(batch)
        if self._unflushed >= FLUSH_SEGMENTS:
            self._collection.flush()
            self._collection.writer.sweep()
            self._unflushed = 0

    def _settle_weights(self) -> None:
        entries = list(self._collection.entries.values())
        self._collection.weights.settle(entries, let_pass=self._collection.writer.between_writes)

    def _commit(self, drafts: list[_Draft]) -> None:
        self._collection.readers.let_pass()
        self._collection.writer.commit([(draft.finished(), draft.terms) for draft in drafts])
        for draft in drafts:
            self._begun.discard(draft.entry.generation)
            self._lists["added" if draft.is_new else "updated"].append(draft.entry.doc_id)
            self._coverage += draft.coverage
            if not draft.coverage.complete:
                self._lists["incomplete"].append(draft.entry.doc_id)

    def _tell(self, current: str) -> None:
        if self._progress is not None:
            lists = self._lists
            done = sum(len(lists[name]) for name in ("added", "updated", "unchanged"))
            items = done + len(self._skipped) + len(self._failed)
            self._progress(
                Progress(items=items, total=self._total, tokens_read=self._tokens_read, current=current)
            )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _made_of(entry: Entry) -> tuple[str, str, str]:
    """Return what a version's points come from, but for its metadata."""
    return entry.text, entry.recipe, analysed_as(entry.language)


def recipe_hash(segmenter: Segmenter) -> str:
    """Name the rules that made segments; a document of another recipe is written again."""
    recipe = {**segmenter.recipe, "terms": _TERMS}
    return blake2b(json.dumps(recipe, sort_keys=True).encode(), digest_size=8).hexdigest()

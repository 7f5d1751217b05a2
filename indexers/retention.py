"""How long earlier versions of documents are kept, and what is forgotten for good."""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from encoders.errors import InvalidInputError
from indexers.catalogue import SEGMENT
from indexers.filters import And, Condition, equals
from indexers.history import VERSION
from indexers.report import GarbageReport, PurgeReceipt, Retention
from indexers.settings import read_settings, write_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexers.collection import Collection
    from indexers.store import Store
    from indexers.types import Record

_BATCH = 1_000
_VERSION_FIELDS = ("doc_id", "version", "replaced_at", "text")


def read_retention(collection: Collection) -> Retention:
    """Return how long a collection keeps earlier versions; for ever unless it was told otherwise."""
    return Retention(**read_settings(collection.place).get("retention", {}))


def retain(collection: Collection, retention: Retention) -> int:
    """Keep earlier versions so long from now on; return how many were forgotten at once.

    Raises:
        InvalidInputError: a negative number.
    """
    for name in ("versions", "days"):
        value = getattr(retention, name)
        if value is not None and value < 0:
            raise InvalidInputError(f"{name} is {value}; give 0 or more, or None to keep them all")
    with collection.still():
        kept = {"versions": retention.versions, "days": retention.days}
        write_settings(collection.place, {**read_settings(collection.place), "retention": kept})
    return expire(collection)


def expire(collection: Collection, *, now: datetime | None = None) -> int:
    """Forget the earlier versions that are too many or too old; return how many there were."""
    retention = read_retention(collection)
    if retention == Retention():
        return 0
    with collection.still():
        old = list(_expired(collection, retention, now or datetime.now(UTC)))
        for start in range(0, len(old), _BATCH):
            collection.index.delete(old[start : start + _BATCH])
    return len(old)


def _expired(collection: Collection, retention: Retention, now: datetime) -> Iterator[str]:
    by_document: dict[str, list[Record]] = defaultdict(list)
    for record in collection.index.scroll(equals("point", VERSION), payload=_VERSION_FIELDS):
        by_document[record.payload["doc_id"]].append(record)
    oldest = ""
    if retention.days is not None:
        oldest = (now - timedelta(days=retention.days)).isoformat(timespec="milliseconds")
    for records in by_document.values():
        records.sort(key=lambda record: -record.payload["version"])
        for place, record in enumerate(records):
            too_many = retention.versions is not None and place >= retention.versions
            if too_many or record.payload["replaced_at"] < oldest:
                yield record.id


def purge(store: Store, collection: Collection, doc_ids: Sequence[str]) -> PurgeReceipt:
    """Remove documents, all their versions and every page of text that nothing else needs.

    Returns:
        What was removed, to be kept as a proof; it holds no text.

    Raises:
        InvalidInputError: a migration has left a collection behind that may hold them too.
    """
    name = collection.name.partition("@")[0]
    if left := store.predecessors(name):
        raise InvalidInputError(
            f"{', '.join(left)} may still hold these documents with other vectors; drop what migrations "
            "left behind first: longdoc migrate --drop-old",
            left=left,
        )
    wanted = tuple(dict.fromkeys(doc_ids))
    of_these = Condition("doc_id", "$in", wanted)
    with collection.as_writer(), collection.still():
        versions = And((equals("point", VERSION), of_these))
        live = [collection.entries[doc_id] for doc_id in wanted if doc_id in collection.entries]
        kept = list(collection.index.scroll(versions, payload=_VERSION_FIELDS))
        numbers = [(entry.doc_id, entry.version) for entry in live]
        numbers += [(record.payload["doc_id"], record.payload["version"]) for record in kept]
        texts = {entry.text for entry in live} | {record.payload["text"] for record in kept}
        segments = collection.index.count(And((equals("point", SEGMENT), of_these)))
        collection.writer.delete(wanted)
        collection.index.delete_where(versions)
        collection.writer.forget(wanted)
        collection.unread.update((), read=set(wanted))
        collection.flush()
    garbage = collect_garbage(store)
    found = {doc_id for doc_id, _ in numbers}
    return PurgeReceipt(
        at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        documents=tuple(doc_id for doc_id in wanted if doc_id in found),
        unknown=tuple(doc_id for doc_id in wanted if doc_id not in found),
        versions=len(numbers),
        segments=segments,
        pages=garbage.pages,
        page_bytes=garbage.size_bytes,
        shared_texts=sum(store.texts.has(reference) for reference in texts),
    )


def collect_garbage(store: Store) -> GarbageReport:
    """Remove the pages of text that no document and no kept version of any collection needs.

    Writers of all collections wait meanwhile; searches go on.

    Raises:
        CorruptTextError: a text is damaged, so that there is no telling what it needs; nothing was removed.
    """
    with ExitStack() as stack:
        needed: set[str] = set()
        for collection in stack.enter_context(store.same_collections()):
            stack.enter_context(collection.as_writer())
            stack.enter_context(collection.still())
            for reference in collection.text_references():
                needed |= store.texts.parts(reference)
        return store.texts.keep_only(needed)


def rewrite_indexes(store: Store) -> int:
    """Write what the indexes hold into new files, without the bytes of what was deleted or replaced.

    Writers of the collection that is under way wait meanwhile, and no collection is made or
    dropped; searches go on.

    Returns:
        how many bytes fewer the files take.

    Raises:
        DiskSpaceError: there is no room for the old files and the new of one collection.
    """
    saved = 0
    with store.same_collections() as collections:
        for collection in collections:
            with collection.still():
                saved += collection.index.rewrite()
    return saved

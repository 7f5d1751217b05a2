"""A store to another store, embedded or on a server, vectors and all: nothing is embedded again.

Documents are copied one after the other, each as atomically as it was indexed, so a copy
that was interrupted goes on where it stopped. Every point keeps its id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from encoders.errors import InvalidInputError
from indexers.catalogue import DOCUMENT, SEGMENT
from indexers.collection import schema_for
from indexers.errors import AliasConflictError, CollectionNotFoundError, FingerprintMismatchError
from indexers.filters import And, Condition, equals
from indexers.history import VERSION
from indexers.identifiers import document_point
from indexers.report import CopyReport, Progress
from indexers.settings import SETTINGS
from indexers.types import Point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from indexers.store import Store
    from indexers.types import Record

_DOCUMENTS = 16
_POINTS = 1_000
_OF_SERVERS = ("sequence",)
_REMADE = ("documents/", "shard/", "scores/")


def copy_store(
    source: Store,
    target: Store,
    *,
    collections: Sequence[str] = (),
    progress: Callable[[Progress], None] | None = None,
) -> CopyReport:
    """Copy collections with their text, points, earlier versions, search profiles and aliases.

    Writers of the source wait while a collection is copied, so the copy is of one
    moment. Documents that the target has and the source does not are removed from it.

    Args:
        source: stays as it is.
        target: another store; its collections of these names must be new or of the same encoder.
        collections: which, by name or alias; all when empty.
        progress: called after every few documents.

    Raises:
        CollectionNotFoundError: the source has none of that name; nothing was copied.
        FingerprintMismatchError: the target has a collection of that name from another encoder.
        AliasConflictError: an alias on one side is a collection on the other.
    """
    there = source.collections()
    names = tuple(dict.fromkeys(map(source.meant, collections or there)))
    for name in names:
        if name not in there:
            raise CollectionNotFoundError(
                f"no collection {name!r} in {source.folder}; there are: {', '.join(there)}", name=name
            )
    aliases = {alias: name for alias, name in source.aliases().items() if name in names}
    _refuse_conflicts(target, names, aliases)
    copied = points = removed = unchanged = 0
    for name in names:
        one = _CollectionCopy(source.collection(name), _matching(target, name, source), progress)
        one.run()
        copied, points = copied + one.copied, points + one.points
        removed, unchanged = removed + one.removed, unchanged + one.unchanged
    for alias, name in aliases.items():
        target.set_alias(alias, name)
    return CopyReport(
        collections=names,
        aliases=tuple(aliases),
        documents=copied,
        unchanged=unchanged,
        removed=removed,
        points=points,
    )


def _refuse_conflicts(target: Store, names: Sequence[str], aliases: Mapping[str, str]) -> None:
    there, known = target.collections(), target.aliases()
    for alias in (*(one for one in aliases if one in there), *(one for one in names if one in known)):
        raise AliasConflictError(
            f"{alias!r} is an alias in one store and a collection in the other; nothing was copied",
            alias=alias,
        )


def _matching(target: Store, name: str, source: Store) -> Collection:
    """Return the target's collection, made with the settings of the source's."""
    theirs = source.collection(name)
    place = target.place_of(name)
    if not place.exists(SETTINGS):
        for file in theirs.place.names():
            if not file.startswith(_REMADE):
                place.write(file, theirs.place.read(file))
    mine = target.collection(name)
    if dict(mine.fingerprint) != dict(theirs.fingerprint):
        raise FingerprintMismatchError(
            f"{target.folder} has a collection {name!r} of another encoder; copy into a new store", name=name
        )
    return mine


class _CollectionCopy:
    def __init__(
        self, source: Collection, target: Collection, progress: Callable[[Progress], None] | None
    ) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        schema = schema_for(source.dim)
        self._names = (*schema.dense, *schema.sparse)
        self.copied = self.points = self.removed = self.unchanged = 0

    def run(self) -> None:
        source, target = self._source, self._target
        with source.as_writer(), source.still(), target.as_writer():
            entries = [entry for _, entry in sorted(source.entries.items())]
            anew = target.weights.take(source.weights)  # then every point has other weights
            missing = [entry for entry in entries if anew or target.entries.get(entry.doc_id) != entry]
            self.unchanged = len(entries) - len(missing)
            for start in range(0, len(missing), _DOCUMENTS):
                self._copy(missing[start : start + _DOCUMENTS])
                self._tell(len(entries))
            self._copy_versions()
            kept = {entry.doc_id for entry in entries}
            gone = [doc_id for doc_id in list(target.entries) if doc_id not in kept]
            self.removed = len(target.writer.delete(gone)) if gone else 0
            target.writer.sweep(thorough=True)
            target.flush()

    def _copy(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._source.texts.copy_to(self._target.texts, entry.text)
            self._target.writer.begin(entry)
        generations = tuple(entry.generation for entry in entries)
        where = And((equals("point", SEGMENT), Condition("generation", "$in", generations)))
        self._write(self._source.index.scroll(where, vectors=self._names))
        ids = [document_point(entry.doc_id) for entry in entries]
        records = self._source.index.retrieve(ids, vectors=self._names)
        for entry, record in zip(entries, records, strict=True):
            self._target.writer.adopt(entry, _point(record))
        self.copied += len(entries)
        self.points += len(entries)

    def _copy_versions(self) -> None:
        versions = [_point(record) for record in self._source.index.scroll(equals("point", VERSION))]
        for version in versions:
            self._source.texts.copy_to(self._target.texts, version.payload["text"])
        self._target.writer.adopt_versions(versions)
        self.points += len(versions)

    def _write(self, records: Iterator[Record]) -> None:
        batch: list[Point] = []
        for record in records:
            batch.append(_point(record))
            if len(batch) == _POINTS:
                self._target.writer.write_segments(batch)
                self.points += len(batch)
                batch = []
        self._target.writer.write_segments(batch)
        self.points += len(batch)

    def _tell(self, total: int) -> None:
        if self._progress is not None:
            done = self.copied + self.unchanged
            self._progress(Progress(items=done, total=total, tokens_read=0, current=""))


def _point(record: Record) -> Point:
    payload = {name: value for name, value in record.payload.items() if name not in _OF_SERVERS}
    kind = payload["point"]
    if kind not in (DOCUMENT, SEGMENT, VERSION):
        raise InvalidInputError(f"a point of kind {kind!r} cannot be copied", kind=kind)
    return Point(id=record.id, vectors=record.vectors, payload=payload)

"""Does a collection keep what it promises? Every check, and what can be mended."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from indexers.catalogue import DOCUMENT, SEGMENT
from indexers.diagnosis import Diagnosis, Finding
from indexers.documents import content_hash
from indexers.errors import CorruptTextError
from indexers.filters import And, equals
from indexers.history import VERSION
from indexers.types import SEGMENT_DENSE, SEGMENT_LEXICAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexers.catalogue import Entry
    from indexers.collection import Collection


def examine(collection: Collection) -> Diagnosis:
    """Check every document of a collection.

    Reads all text and all points; changes nothing.
    """
    entries = list(collection.entries.values())
    findings = [finding for entry in entries for finding in _examine_document(collection, entry)]
    findings += _lost_points(collection)
    if dead := sum(collection.dead_segments().values()):
        detail = f"{dead} segments of versions that never became or are no longer live"
        findings.append(Finding(problem="orphan_segments", document_id="", detail=detail, remedy="sweep"))
    versions = list(collection.index.scroll(equals("point", VERSION)))
    for record in versions:
        try:
            collection.texts.text(record.payload["text"])
        except CorruptTextError as error:
            finding = Finding(
                problem="lost_version_text",
                document_id=record.payload["doc_id"],
                detail=f"version {record.payload['version']}: {error}",
                remedy="forget",
            )
            findings.append(finding)
    segments = sum(entry.segments for entry in entries)
    return Diagnosis(
        documents=len(entries), segments=segments, versions=len(versions), findings=tuple(findings)
    )


def _examine_document(collection: Collection, entry: Entry) -> Iterator[Finding]:
    try:
        text = collection.text(entry)
    except CorruptTextError as error:
        yield Finding(
            problem="text_damaged", document_id=entry.doc_id, detail=str(error), remedy="index_again"
        )
        return
    if (found := content_hash(text)) != entry.content_hash:
        detail = f"the text has {found}, the document says {entry.content_hash}"
        yield Finding(problem="text_differs", document_id=entry.doc_id, detail=detail, remedy="index_again")
        return
    yield from _examine_segments(collection, entry)


def _examine_segments(collection: Collection, entry: Entry) -> Iterator[Finding]:
    where = And((equals("point", SEGMENT), equals("generation", entry.generation)))
    fields = ("ordinal", "start", "end", "tokens", "terms")
    records = list(collection.index.scroll(where, payload=fields, vectors=(SEGMENT_DENSE, SEGMENT_LEXICAL)))
    records.sort(key=lambda record: record.payload["ordinal"])
    rows = [record.payload for record in records]
    tiles = [(row["start"], row["end"]) for row in rows]
    edges = [end for _, end in tiles[-1:]]
    whole = (
        [row["ordinal"] for row in rows] == list(range(entry.segments))
        and (not tiles or tiles[0][0] == 0)
        and all(left[1] == right[0] for left, right in pairwise(tiles))
        and edges == [entry.characters] * len(edges)
    )
    if not whole:
        detail = f"{len(tiles)} of {entry.segments} segments, ending at {edges} of {entry.characters}"
        yield Finding(problem="tiles", document_id=entry.doc_id, detail=detail, remedy="embed_again")
        return
    without = sum(
        (bool(record.payload["terms"]) and SEGMENT_LEXICAL not in record.vectors)
        or (bool(record.payload["tokens"]) and SEGMENT_DENSE not in record.vectors)
        for record in records
    )
    if without and entry.coverage.complete:
        detail = f"{without} segments have no vector"
        yield Finding(problem="vectors", document_id=entry.doc_id, detail=detail, remedy="embed_again")


def _lost_points(collection: Collection) -> Iterator[Finding]:
    stored = {
        record.payload["doc_id"]
        for record in collection.index.scroll(equals("point", DOCUMENT), payload=("doc_id",))
    }
    unsettled = collection.records.unsettled()
    for entry in collection.records:
        if entry.doc_id not in stored and entry.doc_id not in unsettled:
            detail = "its record is there, its point is not"
            yield Finding(problem="lost_point", document_id=entry.doc_id, detail=detail, remedy="embed_again")

"""Mend what `indexers.doctor` finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encoders.types import Document
from indexers.filters import And, equals
from indexers.history import VERSION
from indexers.ingest import Ingest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from encoders.protocols import Encoder, Segmenter
    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from indexers.diagnosis import Diagnosis
    from indexers.report import IndexReport, Progress


def repair(
    collection: Collection,
    diagnosis: Diagnosis,
    encoder: Encoder,
    segmenter: Segmenter,
    *,
    progress: Callable[[Progress], None] | None = None,
) -> IndexReport:
    """Sweep what is dead, forget versions without text, and embed broken documents again from stored text.

    Documents whose text is damaged are left as they are: only their source can mend
    them, and indexing it again does.
    """
    with collection.as_writer():
        return _repair(collection, diagnosis, encoder, segmenter, progress)


def _repair(
    collection: Collection,
    diagnosis: Diagnosis,
    encoder: Encoder,
    segmenter: Segmenter,
    progress: Callable[[Progress], None] | None,
) -> IndexReport:
    collection.writer.sweep(thorough=True)
    for finding in diagnosis.findings:
        if finding.remedy == "forget":
            of_document = equals("doc_id", finding.document_id)
            collection.index.delete_where(And((equals("point", VERSION), of_document)))
    again = {finding.document_id for finding in diagnosis.findings if finding.remedy == "embed_again"}
    broken = [entry for entry in collection.records if entry.doc_id in again]
    collection.writer.drop([entry.doc_id for entry in broken])
    return Ingest(collection, encoder, segmenter, progress=progress).run(
        _documents(collection, broken), total=len(broken)
    )


def _documents(collection: Collection, entries: list[Entry]) -> Iterator[Document]:
    for entry in entries:
        yield Document(
            id=entry.doc_id,
            text=collection.text(entry),
            title=entry.title,
            source=entry.source,
            media_type=entry.media_type,
            metadata=entry.metadata,
            marks=collection.texts.marks(entry.text),
            notes=entry.notes,
        )

"""A collection embedded anew with another encoder, while the old one goes on answering.

The new collection is filled from stored text. It can be interrupted at any time and goes
on where it stopped. At the end writers wait for a moment, what changed meanwhile is
brought over, and from one instant on the name means the new collection. The old one
stays until it is told to go.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from encoders.errors import InvalidInputError
from encoders.types import Document
from indexers.filters import equals
from indexers.history import VERSION, kept_point
from indexers.ingest import Ingest
from indexers.report import MigrationReport
from indexers.types import Point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from encoders.protocols import Encoder, Segmenter
    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from indexers.report import Progress
    from indexers.store import Store


def migrate(
    store: Store,
    name: str,
    encoder: Encoder,
    segmenter: Segmenter,
    *,
    model: str,
    switch: bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> MigrationReport:
    """Embed a collection anew and let its name mean the new one.

    Args:
        store: where it is.
        name: of the collection.
        encoder: the new encoder.
        segmenter: cuts for it.
        model: what the encoder is opened by, kept with the new collection; "" when it has no name.
        switch: False fills the new collection and leaves the name as it is.
        progress: called while documents are embedded.

    Raises:
        CollectionNotFoundError: there is none of that name.
        InvalidInputError: it has the vectors of this encoder already.
    """
    started = time.perf_counter()
    source = store.collection(name)
    if source.is_made_by(encoder.fingerprint):
        raise InvalidInputError(f"{name!r} has the vectors of this encoder already", name=name)
    target = store.successor(name, fingerprint=encoder.fingerprint, dim=encoder.dim, model=model)
    ingest = _Bringing(source, target, encoder, segmenter, progress)
    ingest.run()
    if switch:
        with source.exclusively():
            pass  # long runs end here, where no other collection waits for them
        with store.same_collections(), source.exclusively():
            source.refresh()
            ingest.run()  # what changed meanwhile
            store.switch(name, target)
    return MigrationReport(
        collection=name,
        now=target.name,
        was=source.name,
        switched=switch,
        documents=len(target.entries),
        tokens_read=ingest.tokens_read,
        seconds=time.perf_counter() - started,
    )


class _Bringing:
    """Brings documents of one collection into another that has other vectors; may be run again."""

    def __init__(
        self,
        source: Collection,
        target: Collection,
        encoder: Encoder,
        segmenter: Segmenter,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._source = source
        self._target = target
        self._encoder = encoder
        self._segmenter = segmenter
        self._progress = progress
        self._brought: dict[str, Entry] = {}
        self.tokens_read = 0

    def run(self) -> None:
        """Bring what was not brought yet, and remove what is gone."""
        entries = dict(self._source.entries)
        new = [entry for doc_id, entry in entries.items() if self._brought.get(doc_id) != entry]
        gone = [doc_id for doc_id in list(self._target.entries) if doc_id not in entries]
        with self._target.as_writer():
            self._keep_versions(new)
            if gone:
                self._target.writer.delete(gone)
            if new:
                ingest = Ingest(self._target, self._encoder, self._segmenter, progress=self._progress)
                report = ingest.run(self._documents(new), total=len(new))
                self.tokens_read += report.tokens_read
        self._brought.update({entry.doc_id: entry for entry in new})

    def _keep_versions(self, entries: Sequence[Entry]) -> None:
        """Let citations of every version so far find their text."""
        known = [
            Point(id=record.id, vectors={}, payload=record.payload)
            for record in self._source.index.scroll(equals("point", VERSION))
        ]
        self._target.writer.adopt_versions([*known, *map(kept_point, entries)])

    def _documents(self, entries: Sequence[Entry]) -> Iterator[Document]:
        for entry in entries:
            yield Document(
                id=entry.doc_id,
                text=self._source.text(entry),
                title=entry.title,
                source=entry.source,
                media_type=entry.media_type,
                metadata=entry.metadata,
                marks=self._source.texts.marks(entry.text),
                notes=entry.notes,
            )

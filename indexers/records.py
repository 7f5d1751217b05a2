"""What is known of each document beside its text, kept as files so that the index can be rebuilt.

One JSON file per live document, written before its point and removed after it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from indexers.catalogue import Entry
from indexers.identifiers import document_point

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexers.places import Place


class DocumentRecords:
    """The records of one collection.

    Args:
        place: where they lie.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def write(self, entries: Sequence[Entry]) -> None:
        """Write or replace the records of documents, durably."""
        for entry in entries:
            data = json.dumps(asdict(entry), ensure_ascii=False).encode()
            self._place.write(_name(entry.doc_id), data, sync=False)
        self._place.sync([_name(entry.doc_id) for entry in entries])

    def remove(self, doc_id: str) -> None:
        """Remove the record of a document, if there is one."""
        self._place.remove(_name(doc_id))

    def __iter__(self) -> Iterator[Entry]:
        """Walk over all records by the name of their file."""
        for name in self._place.names():
            yield Entry.from_payload(json.loads(self._place.read(name)))


def _name(doc_id: str) -> str:
    point = document_point(doc_id)
    return f"{point[:2]}/{point}.json"

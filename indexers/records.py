"""What is known of each document beside its text, kept as files so that the index can be rebuilt.

One JSON file per live document, written before its point and removed after it. A note
beside the records names the documents that are changing, so that a process which dies
between the two leaves word of what has to be settled.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from indexers.catalogue import Entry
from indexers.identifiers import document_point

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from indexers.places import Place

_CHANGING = "changing.json"


class DocumentRecords:
    """The records of one collection.

    Args:
        place: the collection's; they lie below ``documents``.
    """

    def __init__(self, place: Place) -> None:
        self._place = place.below("documents")
        self._beside = place

    @contextmanager
    def changing(self, may_end_gone: Mapping[str, bool]) -> Iterator[None]:
        """Note that documents change; the note stays when that does not end well.

        Args:
            may_end_gone: for each id whether the document is new or being deleted, so that the
                index may well be without it afterwards.
        """
        self._beside.write(_CHANGING, json.dumps(may_end_gone).encode(), sync=False)
        yield
        self._beside.remove(_CHANGING)

    def unsettled(self) -> dict[str, bool]:
        """Return the documents whose last change did not end well, and whether they may be gone.

        The record of such a document may differ from what the index has.
        """
        try:
            noted: dict[str, bool] = json.loads(self._beside.read(_CHANGING))
        except FileNotFoundError:
            return {}
        return noted

    def settle(self, entries: Sequence[Entry]) -> None:
        """Make the records of unsettled documents what the index says.

        Args:
            entries: those that the index has. The record of one that it should have and has
                not stays: the doctor reports it.
        """
        self.write(entries)
        there = {entry.doc_id for entry in entries}
        for doc_id, may_be_gone in self.unsettled().items():
            if may_be_gone and doc_id not in there:
                self.remove(doc_id)
        self._beside.remove(_CHANGING)

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

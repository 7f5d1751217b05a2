"""What is known of each document beside its text, kept as files so that the index can be rebuilt.

One JSON file per live document, written before its point and removed after it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from indexers.catalogue import Entry
from indexers.durable import write_replacing
from indexers.identifiers import document_point

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class DocumentRecords:
    """The records of one collection.

    Args:
        folder: created when the first record is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, entry: Entry) -> None:
        """Write or replace the record of a document, durably."""
        path = self._path(entry.doc_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_replacing(path, json.dumps(asdict(entry), ensure_ascii=False).encode())

    def remove(self, doc_id: str) -> None:
        """Remove the record of a document, if there is one."""
        self._path(doc_id).unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Entry]:
        """Walk over all records by the name of their file."""
        for path in sorted(self._folder.glob("*/*.json")):
            yield Entry.from_payload(json.loads(path.read_bytes()))

    def _path(self, doc_id: str) -> Path:
        name = document_point(doc_id)
        return self._folder / name[:2] / f"{name}.json"

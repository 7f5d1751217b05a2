"""What a process knows of a collection's documents without asking the index."""

from __future__ import annotations

import json
from hashlib import blake2b
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from indexers.catalogue import shared_payload
from indexers.documents import field_types
from indexers.errors import DocumentNotFoundError
from indexers.languages import ENGLISH, analysed_as

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from indexers.catalogue import Entry
    from indexers.scores import ScoreTables
    from indexers.types import FieldKind

_STRING: Final[frozenset[FieldKind]] = frozenset({"string"})
_OWN_FIELDS = dict.fromkeys(("id", "title", "source", "media_type", "updated_at"), _STRING)


class KnownDocuments:
    """The live version of each document, and the number of its latest kept one.

    The collection's lock guards every change.

    Args:
        scores: told of every version that goes live; None when there are none.
    """

    def __init__(self, scores: ScoreTables | None = None) -> None:
        self._scores = scores
        self._entries: dict[str, Entry] = {}
        self._by_content: dict[str, str] = {}
        self._latest_kept: dict[str, int] = {}
        self._languages = frozenset({ENGLISH})
        self._fields: dict[str, frozenset[FieldKind]] = dict(_OWN_FIELDS)
        self._state = 0

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The live version of each document, by id; it changes under the reader's eyes."""
        return MappingProxyType(self._entries)

    @property
    def fields(self) -> Mapping[str, frozenset[FieldKind]]:
        """The fields that documents have or had, each with the types of its values."""
        return MappingProxyType(self._fields)

    @property
    def languages(self) -> frozenset[str]:
        """The languages that documents have or had."""
        return self._languages

    @property
    def snapshot(self) -> str:
        """Name the state of the documents: the same state has the same name, wherever it is kept."""
        return f"s_{self._state:016x}"

    def generations(self) -> set[str]:
        """Return the generations that are live."""
        return {entry.generation for entry in self._entries.values()}

    def entry(self, doc_id: str) -> Entry:
        """Return the live version of a document.

        Raises:
            DocumentNotFoundError: there is none of that id.
        """
        try:
            return self._entries[doc_id]
        except KeyError:
            raise DocumentNotFoundError(f"no document {doc_id!r}", id=doc_id) from None

    def twin(self, content_hash: str) -> Entry | None:
        """Return some document with this content, None when there is none."""
        return self._entries.get(self._by_content.get(content_hash, ""))

    def learn(self, entry: Entry) -> None:
        """A version is live."""
        previous = self._entries.get(entry.doc_id)
        self._state ^= _mark(entry) ^ (_mark(previous) if previous else 0)
        self._entries[entry.doc_id] = entry
        if self._scores is not None:
            self._scores.went_live(entry)
        self._by_content[entry.content_hash] = entry.doc_id
        if (language := analysed_as(entry.language)) not in self._languages:
            self._languages |= {language}
        for name, kind in field_types(entry.metadata):
            self.learn_field(name, kind)

    def learn_field(self, name: str, kind: FieldKind) -> bool:
        """A document has a field with values of this type; tell whether none had before."""
        kinds = self._fields.get(name, frozenset())
        self._fields[name] = kinds | {kind}
        return kind not in kinds

    def lose(self, doc_id: str) -> Entry | None:
        """A document is gone; return its last version, None when it was gone before."""
        entry = self._entries.pop(doc_id, None)
        if entry is not None:
            self._state ^= _mark(entry)
        return entry

    def clear(self) -> None:
        """Every document may be gone; kept versions, fields and languages stay."""
        self._entries = {}
        self._by_content = {}
        self._state = 0

    def keep(self, doc_id: str, version: int) -> None:
        """A version of a document is kept."""
        self._latest_kept[doc_id] = max(version, self._latest_kept.get(doc_id, 0))

    def latest(self, doc_id: str) -> int:
        """Return the number of the latest version, live or kept; 0 when there is none."""
        live = self._entries.get(doc_id)
        return live.version if live else self._latest_kept.get(doc_id, 0)

    def forget(self, doc_ids: Iterable[str]) -> None:
        """Let documents that are gone begin at version 1 if they come back."""
        for doc_id in doc_ids:
            self._latest_kept.pop(doc_id, None)


def fields_of(entries: Iterable[Entry]) -> Mapping[str, frozenset[FieldKind]]:
    """Return the fields that some documents have, each with the types of its values."""
    fields = dict(_OWN_FIELDS)
    for entry in entries:
        for name, kind in field_types(entry.metadata):
            fields[name] = fields.get(name, frozenset()) | {kind}
    return fields


def _mark(entry: Entry) -> int:
    """Return 64 bits that change with whatever a search sees of a document."""
    seen = json.dumps(shared_payload(entry), sort_keys=True).encode()
    return int.from_bytes(blake2b(seen, digest_size=8).digest(), "little")

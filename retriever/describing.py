"""What is in a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from indexers.known_documents import fields_of
from retriever.selecting import matching_entries
from retriever.types import CollectionInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indexers.collection import Collection


def describe(
    name: str, collection: Collection, *, mandatory: Mapping[str, Any] | None = None
) -> CollectionInfo:
    """Count what a collection holds, of it only what matches a filter where there is one."""
    if mandatory is None:
        entries, fields = list(collection.entries.values()), collection.fields
    else:
        entries = matching_entries(collection, collection.parse_filter(None, mandatory=mandatory))
        fields = fields_of(entries)
    fingerprint = collection.fingerprint
    return CollectionInfo(
        name=name,
        encoder=str(fingerprint.get("model", "")),
        dim=collection.dim,
        documents=len(entries),
        segments=sum(entry.segments for entry in entries),
        characters=sum(entry.characters for entry in entries),
        incomplete=sum(not entry.coverage.complete for entry in entries),
        fields={field: tuple(sorted(kinds)) for field, kinds in sorted(fields.items())},
    )

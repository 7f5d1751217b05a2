"""What is in a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retriever.types import CollectionInfo

if TYPE_CHECKING:
    from indexers.collection import Collection


def describe(name: str, collection: Collection) -> CollectionInfo:
    """Count what a collection holds."""
    entries = list(collection.entries.values())
    fingerprint = collection.fingerprint
    return CollectionInfo(
        name=name,
        encoder=str(fingerprint.get("model", "")),
        dim=collection.dim,
        documents=len(entries),
        segments=sum(entry.segments for entry in entries),
        characters=sum(entry.characters for entry in entries),
        incomplete=sum(not entry.coverage.complete for entry in entries),
        fields={field: tuple(sorted(kinds)) for field, kinds in sorted(collection.fields.items())},
    )

"""Changes to a document that touch no vector, and the conditions under which they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from indexers.documents import check_metadata, plain_metadata
from indexers.errors import VersionMismatchError

if TYPE_CHECKING:
    from indexers.catalogue import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a caller believes of a document; None where it does not care."""

    version: int | None = None
    revision: int | None = None

    def check(self, entry: Entry) -> None:
        """Refuse when the document has changed since the caller saw it.

        Raises:
            VersionMismatchError: with the version and revision that are live.
        """
        pairs = ((self.version, entry.version), (self.revision, entry.revision))
        if any(wanted is not None and wanted != found for wanted, found in pairs):
            wanted = " ".join(
                f"{name} {value}"
                for name, value in (("version", self.version), ("revision", self.revision))
                if value is not None
            )
            raise VersionMismatchError(
                f"{entry.doc_id!r} is at version {entry.version}, revision {entry.revision}, not at "
                f"{wanted}; nothing was changed, read it again",
                id=entry.doc_id,
                version=entry.version,
                revision=entry.revision,
            )


def with_metadata(entry: Entry, changes: Mapping[str, Any]) -> Entry:
    """Return a document with its metadata changed by a merge patch.

    Raises:
        InvalidDocumentError: the outcome cannot be stored.
    """
    metadata = merge_patch(entry.metadata, changes)
    check_metadata(metadata, entry.doc_id)
    return replace(entry, metadata=plain_metadata(metadata))


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch: objects merge, None removes a key, everything else replaces.

    Source:
        RFC 7396, section 2.
    """
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged

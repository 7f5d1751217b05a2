"""Documents listed page by page, and what a mandatory filter leaves of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from encoders.errors import InvalidInputError
from indexers.editing import with_metadata
from indexers.errors import DocumentNotFoundError
from retriever.paging import read_place, write_place
from retriever.presenting import document_info
from retriever.selecting import allows, matching_entries
from retriever.types import DocumentPage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from retriever.options import ListOptions


def allowed_entry(collection: Collection, doc_id: str, mandatory: Mapping[str, Any] | None) -> Entry:
    """Return a document that the mandatory filter allows.

    Raises:
        DocumentNotFoundError: there is none, or it is forbidden; the two look alike.
    """
    entry = collection.entry(doc_id)
    if not allows(collection.parse_filter(None, mandatory=mandatory), entry):
        raise DocumentNotFoundError(f"no document {doc_id!r}", id=doc_id)
    return entry


def list_page(collection: Collection, options: ListOptions) -> DocumentPage:
    """Return the next documents by id.

    A page begins after the last id of the one before, so documents that come and go
    meanwhile shift no other.
    """
    where = collection.parse_filter(options.filter, mandatory=options.mandatory)
    after = read_place(options.cursor) if options.cursor else None
    found: list[Entry] = []
    for entry in matching_entries(collection, where):
        if after is not None and entry.doc_id <= after:
            continue
        if options.coverage_lt is None or entry.coverage.share < options.coverage_lt:
            found.append(entry)
        if len(found) > options.limit:
            break
    more = len(found) > options.limit
    shown = found[: options.limit]
    return DocumentPage(
        documents=tuple(map(document_info, shown)),
        next_cursor=write_place(shown[-1].doc_id) if more else None,
    )


def allowed_ids(
    collection: Collection, doc_ids: Sequence[str], mandatory: Mapping[str, Any] | None
) -> list[str]:
    """Return those of ``doc_ids`` that are there and that the mandatory filter allows."""
    where = collection.parse_filter(None, mandatory=mandatory)
    entries = collection.entries
    return [doc_id for doc_id in doc_ids if (entry := entries.get(doc_id)) and allows(where, entry)]


def check_patch(
    collection: Collection, doc_id: str, patch: Mapping[str, Any], mandatory: Mapping[str, Any] | None
) -> None:
    """Refuse a patch of a document that the mandatory filter forbids, before or after.

    Raises:
        DocumentNotFoundError: there is none of that id, or it is forbidden.
        InvalidInputError: the patch would take it out of the caller's reach.
    """
    entry = allowed_entry(collection, doc_id, mandatory)
    where = collection.parse_filter(None, mandatory=mandatory)
    if not allows(where, with_metadata(entry, patch)):
        raise InvalidInputError(
            f"the patch would put {doc_id!r} out of the caller's own reach; nothing was written", id=doc_id
        )

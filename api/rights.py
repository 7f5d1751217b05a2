"""What a key's filter lets its user see of documents that are named, not searched."""

from __future__ import annotations

from fastapi import Request

from api.access import Access
from retriever.types import DocumentExplanation, DocumentInfo


async def visible(request: Request, access: Access, doc_id: str) -> DocumentInfo:
    """Return a document that the caller may see.

    Raises:
        DocumentNotFoundError: there is none, or the key's filter hides it; the caller cannot tell which.
    """
    service = access.service
    return await service.call(
        service.interactive,
        access.collection,
        lambda r: r.get(doc_id, mandatory=access.filter),
        request=request,
    )


def explained(found: DocumentExplanation) -> DocumentExplanation:
    """Say of a hidden document exactly what is said of one that is not there."""
    if found.status not in ("not_allowed", "not_indexed"):
        return found
    return DocumentExplanation(
        status="not_indexed",
        document_id=found.document_id,
        reason="the collection has no such document",
    )

"""What a key's filter lets its user see of documents that are named, not searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fastapi import Request

from api.access import Access
from indexers.errors import DocumentNotFoundError
from indexers.filters import AnyField, matches, parse_filter
from retriever.types import DocumentInfo


def is_visible(info: DocumentInfo, rights: Mapping[str, Any] | None) -> bool:
    """Tell whether a document satisfies a key's filter; every document does when it has none."""
    return rights is None or matches(parse_filter(rights, fields=AnyField()), asdict(info))


def mandatory_search(search: Mapping[str, Any], rights: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return search options under which a key's filter holds besides the caller's."""
    if rights is None:
        return dict(search)
    asked = search.get("filter")
    return {**search, "filter": {"$and": [rights] if asked is None else [rights, asked]}}


async def visible(request: Request, access: Access, doc_id: str) -> DocumentInfo:
    """Return a document that the caller may see.

    Raises:
        DocumentNotFoundError: there is none, or the key's filter hides it; the caller cannot tell which.
    """
    service = access.service
    info = await service.call(
        service.interactive, access.collection, lambda r: r.get(doc_id), request=request
    )
    if not is_visible(info, access.filter):
        raise DocumentNotFoundError(f"no document {doc_id!r}", id=doc_id)
    return info

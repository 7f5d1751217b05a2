"""What a key's filter lets its user see of documents that are named, not searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fastapi import Request

from api.access import Access
from indexers.errors import DocumentNotFoundError
from indexers.filters import matches, parse_filter
from retriever.types import DocumentInfo

_TYPES = frozenset({"string", "number", "boolean"})


class _AnyField(dict[str, frozenset[str]]):
    """Fields of which every name is known: a filter may name one that no document has yet."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> frozenset[str]:
        return _TYPES


def is_visible(info: DocumentInfo, rights: Mapping[str, Any] | None) -> bool:
    """Tell whether a document satisfies a key's filter; every document does when it has none."""
    return rights is None or matches(parse_filter(rights, fields=_AnyField()), asdict(info))


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

"""The answer to a search as it travels: the library's own, in the envelope of all lists."""

from __future__ import annotations

from typing import Any, get_type_hints
from urllib.parse import quote, urlencode

import msgspec
from pydantic import create_model

from retriever.types import DocumentHit, SearchResult

_HINTS = get_type_hints(SearchResult)
_FIELDS: dict[str, Any] = {
    "data": (list[DocumentHit], ...),
    **{name: (_HINTS[name], ...) for name in _HINTS if name not in ("hits", "query")},
}
SearchAnswer = create_model("SearchAnswer", **_FIELDS, __doc__="Documents in order, the best first.")


def search_answer(result: SearchResult, collection: str) -> dict[str, Any]:
    """Return an answer with the hits as ``data`` and a link to each evidence's text."""
    plain: dict[str, Any] = msgspec.to_builtins(result)
    hits = plain.pop("hits")
    del plain["query"]
    at = f"/v1/collections/{quote(collection, safe='')}/text"
    for hit in hits:
        document = {"id": hit["document"]["id"], "version": hit["document"]["version"]}
        named = f"{at}?{urlencode(document, quote_via=quote, safe='')}"
        for evidence in hit["evidence"]:
            evidence["url"] = f"{named}&start={evidence['start']}&end={evidence['end']}"
    return {"data": hits, **plain}

"""Search, and the text that an answer points to."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Body, Request, Response

from api.access import Reading
from api.answers import json_answer
from api.errors import problem_responses
from api.rights import mandatory_search
from api.shapes import body_model, to_domain
from retriever.types import SearchOptions, SearchResult

router = APIRouter(
    prefix="/v1/collections/{collection}",
    tags=["search"],
    responses=problem_responses(400, 401, 403, 404, 409, 413, 422, 429, 500, 503, 504),
)

SearchBody = body_model(SearchOptions, name="SearchRequest", without=frozenset({"mandatory"}))

_EXAMPLE = {
    "query": "who pays for termination for convenience?",
    "limit": 5,
    "filter": {"metadata.year": {"$gte": 2021}},
}


@router.post("/search", response_model=SearchResult, operation_id="search")
async def search(
    request: Request,
    access: Reading,
    body: Annotated[SearchBody, Body(examples=[_EXAMPLE])],  # type: ignore[valid-type]  # made at run time
) -> Response:
    """Find documents, and in each the spans that answer the query."""
    service = access.service
    options = to_domain(body, SearchOptions)
    options = replace(options, **mandatory_search({"filter": options.filter}, access.filter))
    result = await service.call(
        service.interactive, access.collection, lambda r: r.engine.search(options), request=request
    )
    return json_answer(result)

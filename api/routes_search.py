"""Search, and why a document is or is not in an answer."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.access import Reading
from api.answers import bytes_answer, json_answer, to_json
from api.errors import USUAL, problem_responses
from api.rights import explained
from api.search_shapes import SearchAnswer, search_answer
from api.shapes import body_model, to_domain
from retriever import Retriever
from retriever.types import DocumentExplanation, SearchOptions

router = APIRouter(
    prefix="/v1/collections/{collection}",
    tags=["search"],
    responses=problem_responses(*USUAL, 404, 409, 410),
)

SearchBody = body_model(SearchOptions, name="SearchRequest", without=frozenset({"mandatory", "request_id"}))
_NOT_EXPLAINED = (
    "mandatory", "cursor", "evidence", "group_by", "facets", "rerank", "min_relevance", "fields",
    "offset_unit", "explain", "request_id",
)  # fmt: skip
_ExplainBase = body_model(SearchOptions, name="ExplainBase", without=frozenset(_NOT_EXPLAINED))


class ExplainRequest(_ExplainBase):  # type: ignore[valid-type, misc]  # made at run time
    """A search, and the document that is asked about."""

    document_id: str = Field(min_length=1, max_length=512)


@router.post("/search", response_model=SearchAnswer, operation_id="search")
async def search(
    request: Request,
    access: Reading,
    body: SearchBody,  # type: ignore[valid-type]  # made at run time
) -> Response:
    """Find documents, and in each the spans that answer the query."""
    service = access.service
    options = to_domain(body, SearchOptions, mandatory=access.filter, request_id=request.state.request_id)

    def work(retriever: Retriever) -> bytes:
        return to_json(search_answer(retriever.engine.search(options), access.collection))

    return bytes_answer(await service.call(service.interactive, access.collection, work, request=request))


@router.post("/explain", response_model=DocumentExplanation, operation_id="explain")
async def explain(request: Request, access: Reading, body: ExplainRequest) -> Response:
    """Say where a document stands in the answer to a search, and if nowhere, why."""
    service = access.service
    options = to_domain(body, SearchOptions, without=("document_id",), mandatory=access.filter)
    found = await service.call(
        service.interactive,
        access.collection,
        lambda r: r.engine.explain(options, body.document_id),
        request=request,
    )
    return json_answer(explained(found))

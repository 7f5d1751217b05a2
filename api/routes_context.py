"""Prompts from search hits, and answers checked against their citations."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.access import Access, Reading
from api.answers import json_answer
from api.errors import USUAL, problem_responses
from api.rights import visible
from api.shapes import Body, body_model, to_domain
from encoders.errors import InvalidInputError
from retriever.context.types import CitationRef, Context, ContextOptions, Verification
from retriever.types import SearchOptions

router = APIRouter(
    prefix="/v1/collections/{collection}",
    tags=["context"],
    responses=problem_responses(*USUAL, 404, 409),
)

_OWN_TOKENIZERS = ("estimate", "encoder")
ContextSearch = body_model(
    SearchOptions,
    name="ContextSearch",
    without=frozenset({"query", "cursor", "mandatory", "explain", "request_id"}),
)
_ContextBase = body_model(
    ContextOptions, name="ContextBase", without=frozenset({"queries", "search", "max_tokens"})
)


class ContextRequest(_ContextBase):  # type: ignore[valid-type, misc]  # made at run time
    """What a prompt is to be made of; see `longdoc context`."""

    query: str | list[str] = Field(default=[], description="A question, or several that take turns.")
    max_tokens: int = Field(
        ge=0, le=10_000_000, description="Never exceeded, labels and separators included."
    )
    search: ContextSearch | None = Field(  # type: ignore[valid-type]  # made at run time
        default=None, description="What `search` takes besides the query."
    )


class VerifyRequest(Body):
    """An answer of a language model and the citations of the context that it was given."""

    answer: str = Field(examples=['The customer pays: "Customer shall bear all costs" [1].'])
    citations: list[body_model(CitationRef)] = Field(max_length=1_000)  # type: ignore[valid-type]
    citation: str = Field(default="[{n}]", description="How the context cited its sources.")


@router.post("/context", response_model=Context, operation_id="context")
async def context(request: Request, access: Reading, body: ContextRequest) -> Response:
    """Pack what a search finds into a prompt, with citations that can be checked."""
    service = access.service
    _check_tokenizer(access, body.tokenizer)
    search: dict[str, Any] = body.search.model_dump(exclude_unset=True) if body.search is not None else {}
    options = to_domain(
        body,
        ContextOptions,
        without=("query", "search"),
        queries=[body.query] if isinstance(body.query, str) else body.query,
        search={**search, "mandatory": access.filter},
    )
    made = await service.call(
        service.interactive, access.collection, lambda r: r.engine.context(options), request=request
    )
    return json_answer(made)


@router.post("/verify", response_model=Verification, operation_id="verify")
async def verify(request: Request, access: Reading, body: VerifyRequest) -> Response:
    """Map what an answer quotes back to exact spans, and find what it cites that is no source."""
    service = access.service
    citations = [to_domain(one, CitationRef) for one in body.citations]
    if access.filter is not None:
        for doc_id in sorted({one.document_id for one in citations}):
            await visible(request, access, doc_id)
    found = await service.call(
        service.interactive,
        access.collection,
        lambda r: r.verify(body.answer, citations, citation=body.citation),
        request=request,
    )
    return json_answer(found)


def _check_tokenizer(access: Access, name: str | None) -> None:
    """Let callers name only tokenizers that the settings list: opening one may read files or the network."""
    known = (*_OWN_TOKENIZERS, *access.service.settings.tokenizers)
    if name is not None and name not in known:
        raise InvalidInputError(
            f"no tokenizer {name[:100]!r} here; there are {', '.join(known)}. LONGDOC_TOKENIZERS adds others"
        )

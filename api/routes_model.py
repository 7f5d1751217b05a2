"""The encoder in shapes of our own, with the coverage of every text: what the SDK asks."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.access import Access, Anybody
from api.answers import json_answer
from api.errors import USUAL, problem_responses
from api.shapes import Body
from encoders.types import TextKind
from retriever.errors import TooLargeError
from retriever.types import ModelInfo, TextScores, Vectors

router = APIRouter(prefix="/v1", tags=["model"], responses=problem_responses(*USUAL))


class EmbedTexts(Body):
    """Texts, or lists of tokens of the encoder's own tokenizer."""

    texts: list[str] = Field(default_factory=list, examples=[["The tide rises twice a day."]])
    tokens: list[list[int]] = Field(default_factory=list)
    kind: TextKind = "document"
    dimensions: int | None = Field(default=None, ge=1, description="Keep so many, and make the length 1.")
    late_chunking: bool = Field(
        default=False, description="Read the texts as one, so that each knows the others."
    )


class ScoreTexts(Body):
    """Texts to be scored against a query."""

    query: str = Field(min_length=1, examples=["when does the tide rise?"])
    texts: list[str] = Field(examples=[["The tide rises twice a day."]])


@router.get("/model", response_model=ModelInfo, operation_id="model")
async def model(request: Request, access: Anybody) -> Response:
    """Describe the encoder."""
    service = access.service
    return json_answer(
        await service.call(service.interactive, "default", lambda r: r.model(), request=request)
    )


@router.post("/embed", response_model=Vectors, operation_id="embed")
async def embed(request: Request, access: Anybody, body: EmbedTexts) -> Response:
    """Embed texts of any length; `data` is base64 of 32-bit floats, row after row."""
    service = access.service
    _check_count(access, len(body.texts) + len(body.tokens))
    made = await service.call(
        service.bulk,
        "default",
        lambda r: r.engine.embed(
            body.texts,
            tokens=body.tokens,
            kind=body.kind,
            dimensions=body.dimensions,
            late_chunking=body.late_chunking,
            max_tokens=service.settings.max_tokens,
        ),
        request=request,
    )
    request.app.state.metrics.embedded(sum(ledger.tokens for ledger in made.coverage))
    return json_answer(made)


@router.post("/score", response_model=TextScores, operation_id="score")
async def score(request: Request, access: Anybody, body: ScoreTexts) -> Response:
    """Say how well each text answers the query."""
    service = access.service
    _check_count(access, len(body.texts))
    limit = service.settings.max_tokens
    scored = await service.call(
        service.bulk,
        "default",
        lambda r: r.engine.score(body.query, body.texts, max_tokens=limit),
        request=request,
    )
    request.app.state.metrics.embedded(scored.tokens)
    return json_answer(scored)


def _check_count(access: Access, count: int) -> None:
    limit = access.service.settings.max_inputs
    if count > limit:
        raise TooLargeError(f"{count:,} texts in one call, the limit is {limit:,}", limit=limit)

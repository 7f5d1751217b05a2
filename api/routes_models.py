"""Drop-in routes: OpenAI's embeddings and models, Cohere's and Jina's rerank, Cohere's embed."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response

from api.access import Access, Anybody
from api.answers import bytes_answer, json_answer
from api.cohere_shapes import CohereError, EmbedRequest, EmbedResponse, RerankRequest, RerankResponse
from api.errors import USUAL
from api.openai_shapes import EmbeddingsRequest, EmbeddingsResponse, Model, Models, OpenAIError
from api.work import Lane
from encoders.errors import InvalidInputError
from retriever import Retriever
from retriever.errors import NotFoundError, TooLargeError
from retriever.types import ModelInfo, Vectors

_STATUSES: Final = (*(status for status in USUAL if status != 422), 404)  # what cannot be used is 400 there
_OPENAI: dict[int | str, dict[str, Any]] = {status: {"model": OpenAIError} for status in _STATUSES}
_COHERE: dict[int | str, dict[str, Any]] = {status: {"model": CohereError} for status in _STATUSES}
router = APIRouter(tags=["drop-in"])

_SHORT_CHARACTERS = 8_000
_NAMES = ("default", "bundled")


@router.post(
    "/v1/embeddings", response_model=EmbeddingsResponse, operation_id="embeddings", responses=_OPENAI
)
@router.post("/embeddings", response_model=EmbeddingsResponse, include_in_schema=False)
async def embeddings(request: Request, access: Anybody, body: EmbeddingsRequest) -> Response:
    """Embed texts of any length, as OpenAI's endpoint of the same name does."""
    texts, tokens = body.texts, body.tokens
    await _check(request, access, body.model, count=len(texts) + len(tokens), tokens=sum(map(len, tokens)))
    limit = access.service.settings.max_tokens

    def work(retriever: Retriever) -> tuple[bytes, int]:
        made = retriever.engine.embed(
            texts,
            tokens=tokens,
            kind=body.kind,
            dimensions=body.dimensions,
            late_chunking=body.late_chunking,
            max_tokens=limit,
        )
        return _embeddings(made, base64_wanted=body.encoding_format == "base64"), _tokens(made)

    lane = _lane(access, sum(map(len, texts)) + 4 * sum(map(len, tokens)))
    data, used = await access.service.call(lane, "default", work, request=request)
    request.app.state.metrics.embedded(used)
    return bytes_answer(data)


def _embeddings(made: Vectors, *, base64_wanted: bool) -> bytes:
    """Write the answer row by row, so that a large one never holds Python's lock for long."""
    rows = (
        b'{"object":"embedding","index":%d,"embedding":%s}' % (place, row)
        for place, row in enumerate(_rows(made, base64_wanted=base64_wanted))
    )
    used = _tokens(made)
    rest = {
        "model": made.model,
        "usage": {"prompt_tokens": used, "total_tokens": used},
        "split": [place for place, ledger in enumerate(made.coverage) if ledger.segments > 1],
        "incomplete": [place for place, ledger in enumerate(made.coverage) if not ledger.complete],
    }
    return b'{"object":"list","data":[%s],%s' % (b",".join(rows), msgspec.json.encode(rest)[1:])


def _rows(made: Vectors, *, base64_wanted: bool) -> Iterator[bytes]:
    """Yield each vector as JSON."""
    for place in range(len(made)):
        row = made.row(place)
        yield (
            b'"%s"' % base64.b64encode(row)
            if base64_wanted
            else msgspec.json.encode(struct.unpack(f"<{made.dim}f", row))
        )


def _tokens(made: Vectors) -> int:
    return sum(ledger.tokens for ledger in made.coverage)


@router.get("/v1/models", response_model=Models, operation_id="list_models", responses=_OPENAI)
async def list_models(request: Request, access: Anybody) -> Response:
    """List the one model."""
    return json_answer({"object": "list", "data": [_model(await _info(request, access))]})


@router.get("/v1/models/{model:path}", response_model=Model, operation_id="get_model", responses=_OPENAI)
async def get_model(request: Request, access: Anybody, model: str) -> Response:
    """Describe the model."""
    return json_answer(_model(await _check(request, access, model)))


@router.post("/v1/rerank", response_model=RerankResponse, operation_id="rerank_v1", responses=_COHERE)
@router.post("/rerank", response_model=RerankResponse, include_in_schema=False)
async def rerank_v1(request: Request, access: Anybody, body: RerankRequest) -> Response:
    """Order texts by a query, as Cohere's v1 and Jina's endpoint do."""
    return await _rerank(request, access, body, version="1")


@router.post("/v2/rerank", response_model=RerankResponse, operation_id="rerank_v2", responses=_COHERE)
async def rerank_v2(request: Request, access: Anybody, body: RerankRequest) -> Response:
    """Order texts by a query, as Cohere's v2 endpoint does."""
    return await _rerank(request, access, body, version="2")


@router.post("/v2/embed", response_model=EmbedResponse, operation_id="embed_v2", responses=_COHERE)
async def embed_v2(request: Request, access: Anybody, body: EmbedRequest) -> Response:
    """Embed texts of any length, as Cohere's v2 endpoint does."""
    await _check(request, access, body.model, count=len(body.texts))
    limit = access.service.settings.max_tokens
    kinds = body.embedding_types or ["float"]

    def work(retriever: Retriever) -> tuple[bytes, int]:
        made = retriever.engine.embed(
            body.texts,
            tokens=(),
            kind="query" if body.input_type == "search_query" else "document",
            dimensions=body.output_dimension,
            late_chunking=False,
            max_tokens=limit,
        )
        forms = b",".join(
            b'"%s":[%s]' % (kind.encode(), b",".join(_rows(made, base64_wanted=kind == "base64")))
            for kind in dict.fromkeys(kinds)
        )
        rest = {"texts": body.texts, "meta": _meta("2", tokens=_tokens(made))}
        head = {"id": request.state.request_id, "response_type": "embeddings_by_type"}
        return b'%s,"embeddings":{%s},%s' % (
            msgspec.json.encode(head)[:-1],
            forms,
            msgspec.json.encode(rest)[1:],
        ), _tokens(made)

    lane = _lane(access, sum(map(len, body.texts)))
    data, used = await access.service.call(lane, "default", work, request=request)
    request.app.state.metrics.embedded(used)
    return bytes_answer(data)


async def _rerank(request: Request, access: Access, body: RerankRequest, *, version: str) -> Response:
    await _check(request, access, body.model or "default", count=len(body.documents))
    try:
        texts = body.texts()
    except KeyError as error:
        raise InvalidInputError(f"documents: an object has no field {error}; see rank_fields") from error
    limit = access.service.settings.max_tokens
    scored = await access.service.call(
        _lane(access, sum(map(len, texts))),
        "default",
        lambda r: r.engine.score(body.query, texts, max_tokens=limit),
        request=request,
    )
    request.app.state.metrics.embedded(scored.tokens)
    order = sorted(range(len(texts)), key=lambda place: (-scored.scores[place], place))[: body.top_n]
    results = [
        {
            "index": place,
            "relevance_score": scored.scores[place],
            **({"document": _document(body.documents[place])} if body.return_documents else {}),
        }
        for place in order
    ]
    return json_answer(
        {
            "id": request.state.request_id,
            "model": scored.model,
            "results": results,
            "meta": _meta(version, units=1),
            "usage": {"total_tokens": scored.tokens},
        }
    )


async def _info(request: Request, access: Access) -> ModelInfo:
    service = access.service
    return await service.call(service.interactive, "default", lambda r: r.model(), request=request)


async def _check(
    request: Request, access: Access, name: str, *, count: int = 0, tokens: int = 0
) -> ModelInfo:
    """Refuse a model that is not ours, and more than one call may ask.

    Raises:
        NotFoundError: the service runs another model.
        TooLargeError: too many texts or tokens.
    """
    settings = access.service.settings
    info = await _info(request, access)
    names = (info.name, info.name.rpartition("/")[2], f"{info.name}/{info.reranks_by}", settings.encoder)
    if name not in (*names, *_NAMES, *settings.model_aliases):
        raise NotFoundError(
            f"no model {name[:100]!r}; this service runs {info.name!r}, also called 'default'; "
            "LONGDOC_MODEL_ALIASES can give it further names"
        )
    for what, found, limit in (
        ("texts", count, settings.max_inputs),
        ("tokens", tokens, settings.max_tokens),
    ):
        if found > limit:
            raise TooLargeError(f"{found:,} {what} in one call, the limit is {limit:,}", limit=limit)
    return info


def _lane(access: Access, characters: int) -> Lane:
    service = access.service
    return service.interactive if characters <= _SHORT_CHARACTERS else service.bulk


def _model(info: ModelInfo) -> dict[str, Any]:
    return {
        "id": info.name,
        "object": "model",
        "created": 0,
        "owned_by": "longdoc",
        "dimensions": info.dim,
        "max_tokens": info.max_tokens,
    }


def _document(given: str | dict[str, Any]) -> dict[str, Any]:
    return {"text": given} if isinstance(given, str) else given


def _meta(version: str, *, tokens: int | None = None, units: int | None = None) -> dict[str, Any]:
    billed = {"input_tokens": tokens} if tokens is not None else {"search_units": units}
    return {"api_version": {"version": version}, "billed_units": billed}

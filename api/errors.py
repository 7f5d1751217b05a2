"""Errors to answers: RFC 9457 problems on our routes, OpenAI's and Cohere's shapes on theirs.

An answer holds what the caller can act on and nothing of this machine: paths and the
texts of unknown errors go to the log, under the request's id.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from encoders import errors as encoding
from encoders.errors import RetrievalError
from indexers import errors as indexing
from retriever import errors as service
from retriever.wire import error_to_wire

logger = logging.getLogger(__name__)

STATUS: Final[Mapping[type[RetrievalError], int]] = {
    RetrievalError: 500,
    encoding.InvalidInputError: 422,
    encoding.MissingDependencyError: 501,
    encoding.ModelError: 502,
    indexing.StorageError: 500,
    indexing.StoreLockedError: 503,
    indexing.ClosedError: 503,
    indexing.CollectionNotFoundError: 404,
    indexing.AliasNotFoundError: 404,
    indexing.AliasConflictError: 409,
    indexing.DocumentNotFoundError: 404,
    indexing.FingerprintMismatchError: 409,
    indexing.VersionMismatchError: 412,
    indexing.DiskSpaceError: 507,
    indexing.IndexUnavailableError: 503,
    indexing.StoreBusyError: 503,
    indexing.LeaseLostError: 503,
    service.OwnerStartError: 503,
    service.OwnerLostError: 503,
    service.OwnerVersionError: 503,
    service.AuthenticationError: 401,
    service.PermissionDeniedError: 403,
    service.OverloadedError: 429,
    service.DeadlineError: 504,
    service.TooLargeError: 413,
    service.NotFoundError: 404,
    service.IdempotencyError: 409,
    service.CursorExpiredError: 410,
    service.ProfileNotFoundError: 404,
    service.AnswerNotKnownError: 404,
    service.ServiceError: 500,
}
"""The nearest class above an error decides."""

_NEUTRAL: Final[Mapping[str, str]] = {
    "store_locked": "the store is in use by another process; try again later",
    "closed": "the service is closing the store; try again later",
    "index_unavailable": "the vector index does not answer; what was acknowledged is safe, try again later",
    "store_busy": "another process is writing this collection; try again later",
    "lease_lost": "another process writes this collection by now; what was committed is safe, try again",
    "store_format": "the store cannot be read by this version; its log says more",
    "owner_start": "the store's process could not be started; its log says more",
    "owner_lost": "the store's process ended during the call; what it acknowledged is safe, try again",
    "owner_version": "the store's process is of another version; try again later",
    "corrupt_text": "stored text is damaged; run: longdoc doctor",
    "disk_space": "too little free disk to write safely; nothing was written",
    "storage": "the store cannot do this now; its log says more",
    "internal": "an error of the service; its log has it under this request id",
    "error": "an error of the service; its log has it under this request id",
}
"""What is said instead of messages that name folders or processes of this machine."""

_RETRY_S: Final[Mapping[int, int]] = {429: 1, 503: 1}
_TITLES: Final[Mapping[int, str]] = {
    400: "Bad request", 401: "Not authenticated", 403: "Forbidden", 404: "Not found",
    405: "Method not allowed", 408: "Too slow", 409: "Conflict", 410: "Gone",
    412: "Precondition failed", 413: "Too large",
    415: "Unsupported media type", 421: "Misdirected request", 422: "Cannot be used",
    429: "Too many requests",
    500: "Internal error", 501: "Not available", 502: "Bad gateway", 503: "Not available now",
    504: "Took too long", 507: "Out of disk space",
}  # fmt: skip
_CODES: Final[Mapping[int, str]] = {
    400: "bad_request", 404: "not_found", 405: "method_not_allowed", 415: "unsupported_media_type",
    408: "body_timeout", 413: "too_large", 421: "misdirected_request",
}  # fmt: skip


class InvalidField(BaseModel):
    """One field of a request that cannot be used."""

    field: str
    message: str


class Problem(BaseModel):
    """What went wrong, as of RFC 9457; ``code`` is stable."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:longdoc:problem:` and the code.")
    title: str
    status: int
    detail: str
    code: str
    request_id: str = ""
    details: dict[str, Any] = Field(default_factory=dict, description="The facts that `detail` states.")
    errors: list[InvalidField] = Field(default_factory=list)


USUAL: Final = (400, 401, 403, 413, 422, 429, 500, 501, 502, 503, 504)
"""What every route that reaches the store or a model can answer."""


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of error answers of our own routes."""
    return {
        status: {
            "description": _TITLES[status],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def writing_responses(*more: int) -> dict[int | str, dict[str, Any]]:
    """Return those of a route that stores something, and does it once for an Idempotency-Key."""
    return problem_responses(*more, 409, 507)


def status_of(error: RetrievalError) -> int:
    """Return the HTTP status of an error of ours."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def told(error: Exception) -> str:
    """Return what callers are told of an error, which may be more neutral than its own words."""
    wire = error_to_wire(error)
    return _NEUTRAL.get(wire.code, wire.message)


def install(app: FastAPI) -> None:
    """Let ``app`` answer every error in the shape of the route's own world."""
    app.add_exception_handler(RetrievalError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for kind in (ValueError, TypeError):
        app.add_exception_handler(kind, _built_in)
    app.add_exception_handler(Exception, _unknown)


def answer(
    request: Request,
    status: int,
    code: str,
    message: str,
    *,
    details: Mapping[str, Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build an error answer in the shape that callers of this route read."""
    found = dict(headers or {})
    if status in _RETRY_S:
        seconds = (details or {}).get("retry_after_s", _RETRY_S[status])
        found.setdefault("Retry-After", str(max(1, round(float(seconds)))))
    if status == 401:
        found["WWW-Authenticate"] = "Bearer"
    request.state.error_code = code
    request_id = getattr(request.state, "request_id", "")
    match dialect(request.url.path):
        case "openai":
            kind = "invalid_request_error" if status < 500 else "server_error"
            param = errors[0]["field"] if errors else None
            status = 400 if status == 422 else status
            body: Any = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        case "cohere":
            status = 400 if status == 422 else status
            body = {"id": request_id, "message": message}
        case _:
            body = {
                "type": f"urn:longdoc:problem:{code}",
                "title": _TITLES.get(status, "Error"),
                "status": status,
                "detail": message,
                "code": code,
                "request_id": request_id,
                "details": dict(details or {}),
                "errors": errors or [],
            }
            return Response(msgspec.json.encode(body), status, found, "application/problem+json")
    return Response(msgspec.json.encode(body), status, found, "application/json")


def dialect(path: str) -> str:
    """Tell whose error shape a path speaks: ``openai``, ``cohere`` or ``ours``."""
    if path.endswith("/embeddings") or path.startswith("/v1/models"):
        return "openai"
    if path in ("/v1/rerank", "/v2/rerank", "/rerank", "/v2/embed"):
        return "cohere"
    return "ours"


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, RetrievalError)  # what it is registered for
    status, wire = status_of(error), error_to_wire(error)
    details = {
        name: value for name, value in wire.details.items() if name not in ("store", "folder", "pid", "file")
    }
    message = told(error)
    if wire.code == "collection_not_found":
        message, details = f"no collection {details.get('name', '')!r}", {"name": details.get("name", "")}
    elif wire.code == "fingerprint_mismatch":
        different = ", ".join(map(str, details.get("different", ())))
        message = f"the collection was made with another encoder ({different} differ); index into a new one"
    if status >= 500:
        _log(request, error)
    return answer(request, status, wire.code, message, details=details)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # what it is registered for
    wrong = [
        {"field": ".".join(str(part) for part in one["loc"][1:]) or str(one["loc"][0]), "message": one["msg"]}
        for one in error.errors()
    ]
    message = "; ".join(f"{one['field']}: {one['message']}" for one in wrong[:10])
    return answer(request, 422, "invalid_request", message, errors=wrong)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # what it is registered for
    code = _CODES.get(error.status_code, "http_error")
    return answer(request, error.status_code, code, str(error.detail), headers=error.headers)


async def _built_in(request: Request, error: Exception) -> Response:
    """Answer what the retriever raises of Python's own; the message is the caller's to act on."""
    if not getattr(error, "from_store", False):
        return await _unknown(request, error)
    return answer(request, 422, "invalid_input", str(error))


async def _unknown(request: Request, error: Exception) -> Response:
    _log(request, error)
    return answer(request, 500, "internal", _NEUTRAL["internal"])


def _log(request: Request, error: Exception) -> None:
    logger.error("%s failed", request.scope.get("route_name", "a call"), exc_info=error)

"""What happens around every call: request id, log line, metrics, limits, checks of the host."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import identify
from api.errors import answer
from api.metrics import Metrics
from api.settings import Settings
from api.work import ClientLeft
from retriever.errors import AuthenticationError

logger = logging.getLogger("longdoc.access")

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UPLOAD = re.compile(r"/v1/collections/[^/]+/files")
_LEFT = 499


class Calls:
    """Names each call, and counts, times and logs it; never its text or key."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _GIVEN_ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        status = 500

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        started = time.perf_counter()
        with self._metrics.in_flight():
            try:
                await self._app(scope, receive, named)
            except ClientLeft:
                status = _LEFT
            finally:
                self._done(scope, state, status, time.perf_counter() - started)

    def _done(self, scope: Scope, state: dict[str, Any], status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        self._metrics.call(route, scope["method"], status, seconds)
        if route in ("/livez", "/readyz", "/metrics"):
            return
        logger.info(
            "%s %s %d",
            scope["method"],
            route,
            status,
            extra={
                "request_id": state["request_id"],
                "method": scope["method"],
                "route": route,
                "collection": scope.get("path_params", {}).get("collection", ""),
                "status": status,
                "code": state.get("error_code", ""),
                "duration_ms": round(1000 * seconds, 1),
                "key_id": state.get("key_id", ""),
            },
        )


class Hosts:
    """Refuses calls whose Host header names somebody else: a page in a browser that was led here by DNS."""

    def __init__(self, app: ASGIApp, *, allowed: tuple[str, ...]) -> None:
        self._app = app
        self._allowed = frozenset(name.lower() for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one call."""
        if scope["type"] == "http" and self._allowed:
            host = _without_port(Headers(scope=scope).get("host", ""))
            if host not in self._allowed:
                message = "the Host header names no host of this service; see LONGDOC_ALLOWED_HOSTS"
                await answer(Request(scope), 421, "misdirected_request", message)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class Keys:
    """Turns away callers without a key before a byte of the body is read."""

    def __init__(self, app: ASGIApp, *, public: frozenset[str]) -> None:
        self._app = app
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one call."""
        if scope["type"] == "http" and scope["path"] not in self._public:
            request = Request(scope)
            try:
                request.state.key = identify(request)
            except AuthenticationError as error:
                await answer(request, 401, error.code, str(error))(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _Refused(HTTPException):
    """Of the one kind that body parsers let through."""


class Sizes:
    """Refuses slow bodies, and those over the limit: by their announced length or while they come in."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = _UPLOAD.fullmatch(scope["path"]) is not None
        limit = self._settings.max_upload_bytes if upload else self._settings.max_body_bytes
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            await self._refuse(scope, receive, send, limit)
            return
        got = 0
        began = complete = False

        async def counted() -> Message:
            nonlocal got, complete
            if complete:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self._settings.body_timeout_s)
            except TimeoutError as error:
                raise _Refused(408, "the body came too slowly", headers={"Connection": "close"}) from error
            complete = not message.get("more_body", False)
            got += len(message.get("body", b""))
            if got > limit:
                raise _Refused(413, _over(limit), headers={"Connection": "close"})
            return message

        async def seen(message: Message) -> None:
            nonlocal began
            began = began or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, counted, seen)
        except _Refused as error:
            if began:
                raise
            code = "too_large" if error.status_code == 413 else "body_timeout"
            refusal = answer(Request(scope), error.status_code, code, error.detail, headers=error.headers)
            await refusal(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        message = _over(limit)
        refusal = answer(
            Request(scope),
            413,
            "too_large",
            message,
            details={"limit_bytes": limit},
            headers={"Connection": "close"},
        )
        await refusal(scope, receive, send)


def _over(limit: int) -> str:
    return f"the body is over {limit:,} bytes; send less at a time"


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()

"""Does a call with an Idempotency-Key once, however often it is sent."""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import answer, status_of
from api.idempotency import HEADER, MAX_LENGTH, KeptAnswer, KeptAnswers, digest
from api.service import Service
from retriever.errors import IdempotencyError

_CHANGES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_ROUTES: Final = re.compile(
    r"/v1/(collections/[^/]+(/documents|/documents/delete|/document|/files|/sync)?|jobs/[^/]+/(cancel|retry))"
)
_KEPT_HEADERS: Final = ("content-type", "etag", "location")
_MAY_PASS: Final = frozenset({401, 403, 408, 409, 413, 429})


def done_once(method: str, path: str) -> bool:
    """Tell whether a call that carries an Idempotency-Key is done once."""
    return method in _CHANGES and _ROUTES.fullmatch(path) is not None


class Once:
    """Answers a call again from what was kept, where it carries an Idempotency-Key.

    Kept are answers below 500 that another attempt would not change. An upload is known by its
    path and length, every other call by its whole body.
    """

    def __init__(self, app: ASGIApp, *, service: Service, answers: KeptAnswers) -> None:
        self._app = app
        self._service = service
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one call."""
        key = Headers(scope=scope).get(HEADER, "") if scope["type"] == "http" else ""
        if not key or not done_once(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if len(key) > MAX_LENGTH:
            message = f"an Idempotency-Key has at most {MAX_LENGTH} characters, this one {len(key)}"
            await answer(request, 422, "invalid_input", message)(scope, receive, send)
            return
        name = digest(request.state.key.id.encode(), key.encode())
        body = b"" if scope["path"].endswith("/files") else await _whole_body(receive)
        asked = digest(
            scope["method"].encode(),
            scope["path"].encode(),
            scope["query_string"],
            Headers(scope=scope).get("content-length", "").encode(),
            body,
        )
        run = self._service.control.run
        try:
            kept = await run(lambda: self._answers.begin(name, asked))
        except IdempotencyError as error:
            await answer(request, status_of(error), error.code, str(error))(scope, receive, send)
            return
        if kept is not None:
            headers = {**kept.headers, "Idempotent-Replayed": "true"}
            await Response(kept.body, kept.status, headers)(scope, receive, send)
            return
        made: KeptAnswer | None = None
        try:
            made = await self._do(scope, receive, send, body)
        finally:
            await run(lambda: self._answers.end(name, asked, made))

    async def _do(self, scope: Scope, receive: Receive, send: Send, body: bytes) -> KeptAnswer | None:
        """Let the application answer, and return what is to be kept of it."""
        upload = scope["path"].endswith("/files")
        given: list[Message] = [] if upload else [{"type": "http.request", "body": body, "more_body": False}]
        status, headers, parts = 500, {}, []

        async def replay() -> Message:
            return given.pop() if given else await receive()

        async def record(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, found = message["status"], Headers(raw=message["headers"])
                headers = {name: found[name] for name in _KEPT_HEADERS if name in found}
            else:
                parts.append(message.get("body", b""))
            await send(message)

        await self._app(scope, replay, record)
        if status >= 500 or status in _MAY_PASS:
            return None
        return KeptAnswer(status, headers, b"".join(parts))


async def _whole_body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)

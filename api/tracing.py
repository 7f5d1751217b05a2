"""OpenTelemetry spans, one a call, where an operator has set the library up."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from encoders.optional import require


class Traces:
    """Records each call as a span under the caller's trace; never its text or key."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._trace = require("opentelemetry.trace", extra="otel")
        self._propagate = require("opentelemetry.propagate", extra="otel")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        tracer = self._trace.get_tracer("longdoc")
        with tracer.start_as_current_span(
            scope["method"], context=self._propagate.extract(headers), kind=self._trace.SpanKind.SERVER
        ) as span:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self._app(scope, receive, noted)
            self._name(span, scope)

    @staticmethod
    def _name(span: Any, scope: Scope) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        span.update_name(f"{scope['method']} {route}")
        span.set_attribute("http.request.method", scope["method"])
        span.set_attribute("http.route", route)
        span.set_attribute("longdoc.request_id", scope.get("state", {}).get("request_id", ""))

"""The application: routes, middleware, and what runs beside them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.utils import get_openapi

from api import (
    routes_aliases,
    routes_collections,
    routes_context,
    routes_documents,
    routes_feedback,
    routes_files,
    routes_health,
    routes_jobs,
    routes_model,
    routes_models,
    routes_profiles,
    routes_search,
)
from api.errors import Problem, install
from api.examples import show_examples
from api.metrics import Metrics
from api.middleware import Calls, Hosts, Keys, Sizes
from api.middleware_once import Once
from api.service import Service
from api.tracing import Traces
from api.uploads import sweep
from encoders.errors import RetrievalError
from retriever import Retriever, __version__

logger = logging.getLogger(__name__)

_ROUTERS = (
    routes_health.router,
    routes_collections.router,
    routes_aliases.router,
    routes_documents.router,
    routes_files.router,
    routes_jobs.router,
    routes_search.router,
    routes_context.router,
    routes_models.router,
    routes_model.router,
    routes_profiles.router,
    routes_feedback.router,
)
_PUBLIC = frozenset({"/livez", "/readyz", "/docs", "/docs/oauth2-redirect", "/openapi.json"})
_BEAT_S = 5.0
_SWEEP_S = 60.0
_TICK_S = 0.05
_ABOUT = (
    "Find long documents and the exact evidence in them. Offsets are Unicode code points, half-open. "
    "Errors are RFC 9457 problems with a stable `code`; the drop-in routes answer with OpenAI's and "
    "Cohere's shapes."
)


def create_app(service: Service) -> FastAPI:
    """Build the application over a service, which it closes at its end."""
    settings = service.settings
    app = FastAPI(
        title="longdoc",
        version=__version__,
        description=_ABOUT,
        lifespan=_lifespan,
        docs_url="/docs" if settings.docs else None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
    )
    app.state.service = service
    app.state.metrics = metrics = Metrics()
    for lane in service.lanes:
        metrics.watch_queue(lane.name, lambda lane=lane: lane.pending)  # type: ignore[misc]  # bound now
    for router in _ROUTERS:
        app.include_router(router)
    install(app)
    app.add_middleware(Once, service=service, answers=service.answers)
    app.add_middleware(Keys, public=_PUBLIC | (frozenset() if settings.metrics_need_key else {"/metrics"}))
    app.add_middleware(Sizes, settings=settings)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-API-Key"],
            expose_headers=["ETag", "Retry-After", "X-Request-Id"],
        )
    app.add_middleware(Hosts, allowed=settings.hosts)
    app.add_middleware(Calls, metrics=metrics)
    if settings.otel:
        app.add_middleware(Traces)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    app.openapi()  # takes a while, and with it the models of all bodies: not while callers wait
    beside = [
        asyncio.create_task(_keep_in_touch(service)),
        asyncio.create_task(_watch_loop(app.state.metrics)),
    ]
    try:
        yield
    finally:
        service.closing = True
        for task in beside:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.to_thread(service.close)


async def _keep_in_touch(service: Service) -> None:
    """Load the encoder, then ask for a sign of life now and then; a store's process that died starts anew.

    It must run for the jobs in its queue to go on, even when nobody asks anything.
    """
    swept = 0.0
    while True:
        try:
            await service.call(service.control, "default", lambda r: r.model())
            service.ready, service.trouble = True, None
            if time.monotonic() - swept > _SWEEP_S:
                swept = time.monotonic()
                await service.call(service.control, "default", lambda r: _sweep(service, r))
        except RetrievalError as error:
            if str(error) != str(service.trouble or ""):
                logger.warning("the store does not answer: %s: %s", type(error).__name__, error)
            service.ready, service.trouble = False, error
        await asyncio.sleep(_BEAT_S if service.ready else 0.5)


def _sweep(service: Service, retriever: Retriever) -> None:
    sweep(service.settings.store, retriever.jobs(), now=time.time())


async def _watch_loop(metrics: Metrics) -> None:
    """Measure how late the event loop wakes up: something that blocks it shows here."""
    while True:
        due = time.perf_counter() + _TICK_S
        await asyncio.sleep(_TICK_S)
        metrics.lag(max(0.0, time.perf_counter() - due))


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document with the schema of problems, which no handler returns by itself."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(problem.pop("$defs", {}))
        schemas["Problem"] = problem
        show_examples(made)
        app.openapi_schema = made
    return app.openapi_schema

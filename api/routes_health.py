"""Is it alive, is it ready, and how is it doing."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.access import caller, service_of
from api.answers import json_answer
from api.errors import problem_responses, told
from retriever import __version__
from retriever.errors import PermissionDeniedError

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """How the service is."""

    status: str
    version: str


class Readiness(Health):
    """Whether the service can be asked; ``reason`` says why not, where that is known."""

    reason: str = ""


@router.get("/livez", response_model=Health, operation_id="livez")
async def livez() -> Response:
    """Tell that the process answers."""
    return json_answer({"status": "ok", "version": __version__})


@router.get("/readyz", response_model=Readiness, operation_id="readyz", responses={503: {"model": Readiness}})
async def readyz(request: Request) -> Response:
    """Tell whether the store's process answers and its encoder is loaded."""
    service = service_of(request)
    ready = service.ready and not service.closing
    status = "ready" if ready else "closing" if service.closing else "starting"
    reason = told(service.trouble) if service.trouble is not None and not service.closing else ""
    return json_answer(
        {"status": status, "version": __version__, "reason": reason}, status=200 if ready else 503
    )


@router.get(
    "/metrics",
    operation_id="metrics",
    responses={200: {"content": {"text/plain": {}}}, **problem_responses(401, 403)},
    response_class=Response,
)
async def metrics(request: Request) -> Response:
    """Return the numbers that Prometheus reads."""
    service = service_of(request)
    if service.settings.metrics_need_key:
        key = await caller(request)
        if not key.allows("*", "admin"):
            raise PermissionDeniedError("metrics need a key with the scope *=admin", needs="admin")
    return Response(request.app.state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

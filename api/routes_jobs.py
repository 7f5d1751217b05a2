"""Jobs: indexing that goes on without its caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.access import Access, Anybody
from api.answers import Cursor, Page, json_answer, read_cursor
from api.errors import USUAL, problem_responses, writing_responses
from api.keys import Level
from encoders.errors import InvalidInputError, RetrievalError
from indexers.locations import normal
from retriever.errors import NotFoundError, PermissionDeniedError
from retriever.types import Job

router = APIRouter(
    prefix="/v1/jobs",
    tags=["jobs"],
    responses=problem_responses(*USUAL, 404),
)

JobId = Annotated[str, Path(alias="job", min_length=1, max_length=64, description="Id of the job.")]

_POLL_S = 0.25
_COMMENT_S = 15.0
_ENDED = ("done", "failed", "cancelled")


@router.get("", response_model=Page[Job], operation_id="list_jobs")
async def list_jobs(
    request: Request,
    access: Anybody,
    collection: Annotated[str | None, Query(description="Only jobs of this collection.")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    cursor: Annotated[str | None, Query(max_length=1_000)] = None,
) -> Response:
    """List the jobs of the collections that the key may read, the newest first."""
    service = access.service
    of = f"jobs {collection}"
    before = read_cursor(cursor, query=of).after if cursor is not None else None
    jobs = await service.call(service.control, "default", lambda r: r.jobs(), request=request)
    seen = [
        _shown(job, access)
        for job in sorted(jobs, key=lambda job: job.id, reverse=True)
        if _may(access, job, "read")
        and (collection is None or job.collection == collection)
        and (before is None or job.id < before)
    ]
    more = len(seen) > limit
    return json_answer(
        {"data": seen[:limit], "next_cursor": Cursor(seen[limit - 1].id, of).text() if more else None}
    )


@router.get("/{job}", response_model=Job, operation_id="get_job")
async def get_job(request: Request, access: Anybody, job_id: JobId) -> Response:
    """Return a job with its progress."""
    return json_answer(_shown(await _job(request, access, job_id, "read"), access))


@router.post("/{job}/cancel", response_model=Job, operation_id="cancel_job", responses=writing_responses())
async def cancel_job(request: Request, access: Anybody, job_id: JobId) -> Response:
    """Cancel a job; one that runs stops after its batch, what it committed stays."""
    await _job(request, access, job_id, "write")
    service = access.service
    job = await service.call(service.control, "default", lambda r: r.cancel(job_id), request=request)
    return json_answer(_shown(job, access))


@router.post("/{job}/retry", response_model=Job, operation_id="retry_job", responses=writing_responses())
async def retry_job(request: Request, access: Anybody, job_id: JobId) -> Response:
    """Queue a failed or cancelled job again."""
    await _job(request, access, job_id, "write")
    service = access.service
    job = await service.call(service.control, "default", lambda r: r.retry(job_id), request=request)
    return json_answer(_shown(job, access))


@router.get(
    "/{job}/events",
    operation_id="job_events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def job_events(request: Request, access: Anybody, job_id: JobId) -> Response:
    """Stream a job as server-sent events: one `progress` at each change, and `end` when it has ended."""
    first = await _job(request, access, job_id, "read")
    return StreamingResponse(_events(request, access, first), media_type="text/event-stream")


async def _events(request: Request, access: Access, job: Job) -> AsyncIterator[bytes]:
    service, told, silent_s = access.service, b"", 0.0
    while True:
        data = msgspec.json.encode(_shown(job, access))
        ended = job.state in _ENDED
        if data != told or ended:
            yield b"event: %s\ndata: %s\n\n" % (b"end" if ended else b"progress", data)
            told, silent_s = data, 0.0
        elif silent_s >= _COMMENT_S:
            yield b": still here\n\n"
            silent_s = 0.0
        if ended or service.closing:
            return
        await asyncio.sleep(_POLL_S)
        silent_s += _POLL_S
        try:
            job = await service.call(service.control, "default", lambda r: r.job(job.id))  # noqa: B023
        except RetrievalError:
            return  # the caller connects again, as event sources do


async def _job(request: Request, access: Access, job_id: str, level: Level) -> Job:
    """Return a job that the caller may see.

    Raises:
        NotFoundError: there is none, or none that the key may see.
        PermissionDeniedError: it may be seen and not changed.
    """
    service = access.service
    missing = NotFoundError(f"no job {job_id!r}", id=job_id)
    try:
        job = await service.call(service.control, "default", lambda r: r.job(job_id), request=request)
    except InvalidInputError as error:
        raise missing from error
    if not _may(access, job, "read"):
        raise missing
    if not _may(access, job, level):
        raise PermissionDeniedError(
            f"the key may not {level} collection {job.collection!r}", collection=job.collection, needs=level
        )
    return job


def _may(access: Access, job: Job, level: Level) -> bool:
    """Tell whether the caller may see a job; a filter hides them all, as they name documents."""
    return access.filter is None and access.may(job.collection, level)


def _shown(job: Job, access: Access) -> Job:
    """Leave out folders of this machine, unless the caller runs it."""
    if access.may("*", "admin") and not access.service.settings.needs_key:
        return job
    error = job.error.replace(str(normal(access.service.settings.store)), "STORE")
    return replace(job, paths=(), error=error)

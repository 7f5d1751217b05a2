"""The service and the store's process are killed under load, and started again."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Final

from eval.bench_serve import (
    COLLECTION,
    Load,
    Phase,
    add,
    documents_of,
    queries_of,
    search,
    until_done,
    upload,
)
from eval.service_process import Caller, ServiceProcess

if TYPE_CHECKING:
    from pathlib import Path

_UNDER_LOAD_S: Final = 3.0
_PATIENCE_S: Final = 30.0
_ENOUGH: Final = 5  # acknowledged documents
_PAGE: Final = 1_000


def measure_crash(load: Load) -> dict[str, Any]:
    """Kill a service under searchers, a writer and a job; return what was lost and how soon it is ready.

    The store may exist; the documents of the corpus are added to it first.
    """
    acknowledged: list[str] = []
    with ServiceProcess(load.store, load.encoder) as service:
        job, asked = asyncio.run(_until_killed(load, service, acknowledged))
    started = time.monotonic()
    with ServiceProcess(load.store, load.encoder) as service:
        found = asyncio.run(_afterwards(service, job, acknowledged, load.more, started))
    return {"answers_before": asked, "acknowledged": len(acknowledged), **found}


async def _until_killed(load: Load, service: ServiceProcess, acknowledged: list[str]) -> tuple[str, int]:
    caller, phase, stop = Caller(service.port), Phase("before the crash"), asyncio.Event()
    await caller.until_ready()
    await add(caller, documents_of(load.corpus))
    queries = queries_of(load.corpus)
    tasks = [
        asyncio.create_task(search(service.port, queries[number::7] or queries, phase, stop))
        for number in range(load.searchers)
    ]
    tasks.append(asyncio.create_task(_write(service.port, acknowledged, stop)))
    job = await upload(caller, documents_of(load.more))
    state = ""
    while state != "running":
        await asyncio.sleep(0.1)
        status, answer = await caller.call("GET", f"/v1/jobs/{job}")
        state = json.loads(answer)["state"] if status == 200 else state
    await asyncio.sleep(_UNDER_LOAD_S)
    until = time.monotonic() + _PATIENCE_S
    while len(acknowledged) < _ENOUGH and time.monotonic() < until:
        await asyncio.sleep(0.1)
    service.kill()
    stop.set()
    await asyncio.gather(*tasks)
    return job, len(phase.latencies_ms)


async def _write(port: int, acknowledged: list[str], stop: asyncio.Event) -> None:
    caller, number = Caller(port), 0
    while not stop.is_set():
        number += 1
        document = {"id": f"written/{number}", "text": f"The words of document {number}. " * 20}
        body = {"documents": [document]}
        try:
            status, _ = await caller.call("POST", f"/v1/collections/{COLLECTION}/documents", body)
        except (OSError, EOFError):
            return
        if status == 200:
            acknowledged.append(document["id"])


async def _afterwards(
    service: ServiceProcess, job: str, acknowledged: list[str], more: Path, started: float
) -> dict[str, Any]:
    caller = Caller(service.port)
    await caller.until_ready()
    ready_s = time.monotonic() - started
    await until_done(caller, job)
    done_s = time.monotonic() - started
    there: set[str] = set()
    page: dict[str, Any] = {"next_cursor": ""}
    while page["next_cursor"] is not None:
        after = f"&cursor={page['next_cursor']}" if page["next_cursor"] else ""
        path = f"/v1/collections/{COLLECTION}/documents?limit={_PAGE}{after}"
        _, answer = await caller.call("GET", path)
        page = json.loads(answer)
        there.update(one["id"] for one in page["data"])
    uploaded = {f"{number}.txt" for number in range(len(documents_of(more)))}
    return {
        "lost": sorted(set(acknowledged) - there),
        "ready_s": round(ready_s, 1),
        "job_done_s": round(done_s, 1),
        "missing_of_job": sorted(uploaded - there),
    }

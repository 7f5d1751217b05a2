"""Loopback load on the service: searchers side by side, then the same while a job indexes.

The service runs as a program of its own, as users run it; the load comes from this
process, over keep-alive connections. Both share the machine's cores, so the figures
are a lower bound of what the service can do. Nothing remembers answers or the vectors
of questions, so it does not matter that the corpus's queries come round again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from encoders.gathering import GatheringEncoder
from encoders.opening import open_encoder
from eval.errors import EvaluationError
from eval.service_process import Caller, ServiceProcess

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

COLLECTION: Final = "bench"
_WARM_UP_S: Final = 5.0


@dataclass(slots=True)
class Phase:
    """What the searchers saw during one part of the run.

    Attributes:
        think_s: pause of a searcher between an answer and its next query.
        latencies_ms: of the answers with status 200.
        statuses: how many answers there were of each status; ``broken`` for connections that broke.
        cpu_s: processor time of the service and of the store's process.
    """

    name: str
    think_s: float = 0.0
    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    cpu_s: tuple[float, float] = (0.0, 0.0)

    def figures(self) -> dict[str, Any]:
        """Return throughput, percentiles, statuses, and processor time per answer."""
        times = np.array(self.latencies_ms or [np.nan])
        p50, p95, p99 = np.percentile(times, (50, 95, 99)).round(1).tolist()
        answers = len(self.latencies_ms)
        service, store = (round(1000 * spent / max(1, answers), 1) for spent in self.cpu_s)
        return {
            "phase": self.name,
            "think_s": self.think_s,
            "seconds": round(self.seconds, 1),
            "answers": answers,
            "per_second": round(answers / self.seconds, 1) if self.seconds else 0.0,
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
            "max_ms": round(float(times.max()), 1),
            "statuses": dict(self.statuses),
            "cpu_ms_per_answer": {"service": service, "store": store},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to run.

    Attributes:
        corpus: a folder in BEIR form; its documents are indexed first, its queries asked.
        more: another, indexed by jobs during the second phases.
        store: an empty or new folder.
        searchers: connections that ask one query after the other.
        think_s: pauses between an answer and the next query; each has phases of its own.
        seconds: length of a phase; one with a job lasts at least as long as its job.
    """

    corpus: Path
    more: Path
    store: Path
    encoder: str = "bundled"
    searchers: int = 50
    think_s: tuple[float, ...] = (0.0, 1.0)
    seconds: float = 30.0


def measure_load(load: Load) -> dict[str, Any]:
    """Start a service, load it, end it, and return the figures."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the service is ended in any case
    with ServiceProcess(load.store, load.encoder) as service:
        return asyncio.run(_run(load, service))


def queries_of(corpus: Path) -> list[str]:
    """Return the queries of a folder in BEIR form."""
    with (corpus / "queries.jsonl").open() as lines:
        return [str(json.loads(line)["text"]) for line in lines]


def documents_of(corpus: Path) -> list[dict[str, str]]:
    """Return the documents of a folder in BEIR form as the service takes them."""
    with (corpus / "corpus.jsonl").open() as lines:
        rows = [json.loads(line) for line in lines]
    return [{"id": row["_id"], "text": row["text"], "title": row.get("title", "")} for row in rows]


def measure_gathering(encoder: str, queries: list[str], *, threads: int, seconds: float) -> dict[str, float]:
    """Compare queries per second of many threads with and without gathering them into one forward."""
    opened = open_encoder(encoder)
    gathered = GatheringEncoder(opened)
    rates = {}
    for name, one in (("each alone", opened), ("gathered", gathered)) * 2:  # the second round is warm
        rates[name] = _rate(one, queries, threads=threads, seconds=seconds)
    ratio = rates["gathered"] / rates["each alone"]
    return {**{name: round(rate, 1) for name, rate in rates.items()}, "ratio": round(ratio, 2)}


def _rate(encoder: Any, queries: list[str], *, threads: int, seconds: float) -> float:
    until = time.monotonic() + seconds
    counts = [0] * threads

    def ask(number: int) -> None:
        while time.monotonic() < until:
            encoder.encode([queries[(number + counts[number]) % len(queries)]], kind="query")
            counts[number] += 1

    workers = [threading.Thread(target=ask, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / seconds


async def _run(load: Load, service: ServiceProcess) -> dict[str, Any]:
    caller = Caller(service.port)
    await caller.until_ready()
    documents = documents_of(load.corpus)
    started = time.monotonic()
    await add(caller, documents)
    logger.info("indexed %d documents in %.0f s", len(documents), time.monotonic() - started)
    memory: list[dict[str, float]] = []
    watching = asyncio.create_task(_watch(service, memory))
    result: dict[str, Any] = {
        "load": {name: str(value) for name, value in asdict(load).items()},
        "documents": len(documents),
        "index_s": round(time.monotonic() - started, 1),
        "phases": [],
    }
    await _phase(load, service, Phase("warm up"), asyncio.sleep(_WARM_UP_S))
    more = documents_of(load.more)
    for number, think_s in enumerate(load.think_s):
        calm = Phase("searching", think_s)
        await _phase(load, service, calm, asyncio.sleep(load.seconds))
        busy = Phase("searching while a job indexes", think_s)
        own = more[number :: len(load.think_s)]
        await _phase(load, service, busy, index_more(service.port, own, at_least_s=load.seconds))
        result["phases"] += [calm.figures(), busy.figures()]
    watching.cancel()
    result["memory_mb"] = memory
    caller.hang_up()  # the service has closed a connection that was idle for so long
    status, text = await caller.call("GET", "/metrics")
    result["loop_lag"] = _lag(text.decode()) if status == 200 else {}
    return result


async def add(caller: Caller, documents: list[dict[str, str]]) -> None:
    """Index documents, twenty a call.

    Raises:
        EvaluationError: the service refuses them.
    """
    for start in range(0, len(documents), 20):
        body = {"documents": documents[start : start + 20]}
        status, answer = await caller.call("POST", f"/v1/collections/{COLLECTION}/documents", body)
        if status != 200:
            raise EvaluationError(f"indexing answered {status}: {answer[:300]!r}")


async def _phase(load: Load, service: ServiceProcess, phase: Phase, until: Any) -> None:
    stop, queries = asyncio.Event(), queries_of(load.corpus)
    logger.info("%s, pausing %g s", phase.name, phase.think_s)
    started, spent = time.monotonic(), service.cpu_s()
    searchers = [
        asyncio.create_task(search(service.port, queries[number::7] or queries, phase, stop))
        for number in range(load.searchers)
    ]
    await until
    phase.seconds = time.monotonic() - started
    phase.cpu_s = tuple(now - before for now, before in zip(service.cpu_s(), spent, strict=True))  # type: ignore[assignment]
    stop.set()
    await asyncio.gather(*searchers)


async def search(port: int, queries: list[str], phase: Phase, stop: asyncio.Event) -> None:
    """Ask one query after the other over one connection, until told to stop."""
    caller, number = Caller(port), 0
    while not stop.is_set():
        number += 1
        started = time.perf_counter()
        try:
            body = {"query": queries[number % len(queries)], "limit": 5}
            status, _ = await caller.call("POST", f"/v1/collections/{COLLECTION}/search", body)
        except (OSError, EOFError):
            phase.statuses["broken"] += 1
            caller.hang_up()
            await asyncio.sleep(0.1)
            continue
        phase.statuses[str(status)] += 1
        if status == 200:
            phase.latencies_ms.append(1000 * (time.perf_counter() - started))
        elif status == 429:
            await asyncio.sleep(1)
        if phase.think_s:
            await asyncio.sleep(phase.think_s)
    caller.hang_up()


async def upload(caller: Caller, documents: list[dict[str, str]]) -> str:
    """Send documents as files and return the id of the job that indexes them.

    Raises:
        EvaluationError: the service refuses them.
    """
    boundary = "longdoc-bench"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{number}.txt"\r\n\r\n'
        f"{document['text']}\r\n"
        for number, document in enumerate(documents)
    ]
    status, answer = await caller.call(
        "POST",
        f"/v1/collections/{COLLECTION}/files",
        ("".join(parts) + f"--{boundary}--\r\n").encode(),
        content_type=f"multipart/form-data; boundary={boundary}",
    )
    if status != 202:
        raise EvaluationError(f"the upload answered {status}: {answer[:300]!r}")
    return str(json.loads(answer)["id"])


async def until_done(caller: Caller, job: str) -> None:
    """Wait for a job.

    Raises:
        EvaluationError: it failed.
    """
    state = {"state": "queued", "error": ""}
    while state["state"] in ("queued", "running"):
        await asyncio.sleep(0.5)
        status, answer = await caller.call("GET", f"/v1/jobs/{job}")
        state = json.loads(answer) if status == 200 else state
    if state["state"] != "done":
        raise EvaluationError(f"the job ended {state['state']}: {state['error']}")


async def index_more(port: int, documents: list[dict[str, str]], *, at_least_s: float) -> None:
    """Index documents by a job and wait for it, at least so long."""
    caller, until = Caller(port), time.monotonic() + at_least_s
    await until_done(caller, await upload(caller, documents))
    await asyncio.sleep(max(0.0, until - time.monotonic()))


async def _watch(service: ServiceProcess, memory: list[dict[str, float]]) -> None:
    started = time.monotonic()
    while True:
        web, owner = service.memory_mb()
        memory.append({"s": round(time.monotonic() - started), "service": web, "store": owner})
        await asyncio.sleep(5)


def _lag(metrics: str) -> dict[str, float]:
    """Return how many wake-ups of the event loop were late by how much."""
    rows = re.findall(r'longdoc_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)', metrics)
    return {f"<= {bound} s": float(count) for bound, count in rows}

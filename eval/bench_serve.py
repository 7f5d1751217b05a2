"""Loopback load on the service: searchers side by side, then the same while a job indexes.

The service runs as a program of its own, as users run it; the load comes from this
process, over keep-alive connections. Both share the machine's cores, so the figures
are a lower bound of what the service can do.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from encoders.gathering import GatheringEncoder
from encoders.opening import open_encoder
from eval.errors import EvaluationError
from retriever.owner.address import read_address

logger = logging.getLogger(__name__)

_START_S: Final = 120.0
_COLLECTION: Final = "bench"


@dataclass(slots=True)
class Phase:
    """What the searchers saw during one part of the run.

    Attributes:
        latencies_ms: of the answers with status 200.
        statuses: how many answers there were of each status; ``broken`` for connections that broke.
    """

    name: str
    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    def figures(self) -> dict[str, Any]:
        """Return throughput, percentiles and statuses."""
        times = np.array(self.latencies_ms or [np.nan])
        p50, p95, p99 = np.percentile(times, (50, 95, 99)).round(1).tolist()
        return {
            "phase": self.name,
            "seconds": round(self.seconds, 1),
            "answers": len(self.latencies_ms),
            "per_second": round(len(self.latencies_ms) / self.seconds, 1) if self.seconds else 0.0,
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
            "max_ms": round(float(times.max()), 1),
            "statuses": dict(self.statuses),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to run.

    Attributes:
        corpus: a folder in BEIR form; its documents are indexed first, its queries asked.
        more: another, indexed by a job during the second phase.
        store: an empty or new folder.
        searchers: connections that ask one query after the other.
        think_s: pause of a searcher between an answer and its next query.
        seconds: length of a phase; the second one lasts at least as long as its job.
    """

    corpus: Path
    more: Path
    store: Path
    encoder: str = "bundled"
    searchers: int = 50
    think_s: float = 0.0
    seconds: float = 30.0


def measure_load(load: Load) -> dict[str, Any]:
    """Start a service, load it, end it, and return the figures."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the service is ended in any case
    with _Service(load) as service:
        return asyncio.run(_run(load, service))


def queries_of(corpus: Path) -> list[str]:
    """Return the queries of a folder in BEIR form."""
    with (corpus / "queries.jsonl").open() as lines:
        return [str(json.loads(line)["text"]) for line in lines]


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


class _Service:
    """A service in a process of its own, with the memory of it and of the store's process over time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> _Service:
        command = [sys.executable, "-c", "from retriever.cli import main; main()", "serve", "--port", "0"]
        command += ["--store", str(self._load.store), "--encoder", self._load.encoder]
        self._process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env={**os.environ, "LONGDOC_LOG_LEVEL": "info"}
        )
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if found := re.search(r"on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            raise EvaluationError("the service did not start; run `longdoc serve` to see why")
        threading.Thread(target=_drain, args=(self._process.stderr,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)
        if (owner := read_address(self._load.store)) is not None:
            os.kill(owner.pid, signal.SIGTERM)

    def memory_mb(self) -> tuple[float, float]:
        """Return the resident memory of the service and of the store's process."""
        assert self._process is not None
        owner = read_address(self._load.store)
        return _resident_mb(self._process.pid), _resident_mb(owner.pid) if owner else 0.0


async def _run(load: Load, service: _Service) -> dict[str, Any]:
    caller = _Caller(service.port)
    await _until_ready(caller)
    queries = queries_of(load.corpus)
    documents = _documents(load.corpus)
    started = time.monotonic()
    for start in range(0, len(documents), 20):
        body = {"documents": documents[start : start + 20]}
        status, answer = await caller.call("POST", f"/v1/collections/{_COLLECTION}/documents", body)
        if status != 200:
            raise EvaluationError(f"indexing answered {status}: {answer[:300]!r}")
    logger.info("indexed %d documents in %.0f s", len(documents), time.monotonic() - started)
    memory: list[dict[str, float]] = []
    watching = asyncio.create_task(_watch(service, memory))
    result: dict[str, Any] = {
        "load": {name: str(value) for name, value in asdict(load).items()},
        "documents": len(documents),
        "index_s": round(time.monotonic() - started, 1),
        "phases": [],
    }
    await _phase(load, service.port, "warm up", queries, asyncio.sleep(5))
    calm = await _phase(load, service.port, "searching", queries, asyncio.sleep(load.seconds))
    busy = await _phase(
        load, service.port, "searching while a job indexes", queries, _index_more(load, service.port)
    )
    watching.cancel()
    result["phases"] = [calm.figures(), busy.figures()]
    result["memory_mb"] = memory
    caller.hang_up()  # the service has closed a connection that was idle for so long
    status, text = await caller.call("GET", "/metrics")
    result["loop_lag"] = _lag(text.decode()) if status == 200 else {}
    return result


async def _phase(load: Load, port: int, name: str, queries: list[str], until: Any) -> Phase:
    phase, stop = Phase(name), asyncio.Event()
    logger.info("%s", name)
    started = time.monotonic()
    searchers = [
        asyncio.create_task(_search(port, queries[number::7] or queries, phase, stop, load.think_s))
        for number in range(load.searchers)
    ]
    await until
    phase.seconds = time.monotonic() - started
    stop.set()
    await asyncio.gather(*searchers)
    return phase


async def _search(port: int, queries: list[str], phase: Phase, stop: asyncio.Event, think_s: float) -> None:
    caller, number = _Caller(port), 0
    while not stop.is_set():
        number += 1
        started = time.perf_counter()
        try:
            body = {"query": queries[number % len(queries)], "limit": 5}
            status, _ = await caller.call("POST", f"/v1/collections/{_COLLECTION}/search", body)
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
        if think_s:
            await asyncio.sleep(think_s)
    caller.hang_up()


async def _index_more(load: Load, port: int) -> None:
    """Upload the further documents as files and wait for their job, at least as long as a phase."""
    caller, boundary = _Caller(port), "longdoc-bench"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{number}.txt"\r\n\r\n'
        f"{document['text']}\r\n"
        for number, document in enumerate(_documents(load.more))
    ]
    body = ("".join(parts) + f"--{boundary}--\r\n").encode()
    until = time.monotonic() + load.seconds
    status, answer = await caller.call(
        "POST",
        f"/v1/collections/{_COLLECTION}/files",
        body,
        content_type=f"multipart/form-data; boundary={boundary}",
    )
    if status != 202:
        raise EvaluationError(f"the upload answered {status}: {answer[:300]!r}")
    job = json.loads(answer)
    while job["state"] in ("queued", "running"):
        await asyncio.sleep(0.5)
        status, answer = await caller.call("GET", f"/v1/jobs/{job['id']}")
        job = json.loads(answer) if status == 200 else job
    if job["state"] != "done":
        raise EvaluationError(f"the job ended {job['state']}: {job['error']}")
    await asyncio.sleep(max(0.0, until - time.monotonic()))


class _Caller:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def call(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        """Send a call and return status and body of the answer."""
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n"
        self._writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        await self._writer.drain()
        start = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        size = re.search(r"content-length: (\d+)", start)
        answer = await self._reader.readexactly(int(size[1])) if size else b""
        if "connection: close" in start:
            self.hang_up()
        return int(start.split(" ", 2)[1]), answer

    def hang_up(self) -> None:
        """Close the connection; the next call opens another."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


async def _until_ready(caller: _Caller) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        status, _ = await caller.call("GET", "/readyz")
        if status == 200:
            return
        await asyncio.sleep(0.2)
    raise EvaluationError(f"the service was not ready within {_START_S:.0f} s")


async def _watch(service: _Service, memory: list[dict[str, float]]) -> None:
    started = time.monotonic()
    while True:
        web, owner = service.memory_mb()
        memory.append({"s": round(time.monotonic() - started), "service": web, "store": owner})
        await asyncio.sleep(5)


def _documents(folder: Path) -> list[dict[str, str]]:
    with (folder / "corpus.jsonl").open() as lines:
        rows = [json.loads(line) for line in lines]
    return [{"id": row["_id"], "text": row["text"], "title": row.get("title", "")} for row in rows]


def _resident_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0.0
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return round(int(found[1]) / 1000, 1) if found else 0.0


def _lag(metrics: str) -> dict[str, float]:
    """Return how many wake-ups of the event loop were late by how much."""
    rows = re.findall(r'longdoc_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)', metrics)
    return {f"<= {bound} s": float(count) for bound, count in rows}


def _drain(stream: Any) -> None:
    for _ in stream:
        pass

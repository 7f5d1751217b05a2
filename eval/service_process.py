"""A service as users run it, in a process of its own, and connections to it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from eval.errors import EvaluationError
from retriever.owner.address import read_address

_START_S: Final = 120.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class ServiceProcess:
    """Runs ``longdoc serve`` on a free port of the loopback while it is entered.

    Args:
        store: the folder of the store.
        encoder: its encoder.
    """

    def __init__(self, store: Path, encoder: str) -> None:
        self._store = store
        self._encoder = encoder
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> ServiceProcess:
        command = [sys.executable, "-c", "from retriever.cli import main; main()", "serve", "--port", "0"]
        command += ["--store", str(self._store), "--encoder", self._encoder]
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
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the service and the store's process as a crash does."""
        self._end(signal.SIGKILL)

    def memory_mb(self) -> tuple[float, float]:
        """Return the resident memory of the service and of the store's process."""
        return _of_both(_resident_mb, self._pids())

    def cpu_s(self) -> tuple[float, float]:
        """Return the processor time that both have used."""
        return _of_both(_cpu_s, self._pids())

    def _pids(self) -> tuple[int, int | None]:
        assert self._process is not None
        owner = read_address(self._store)
        return self._process.pid, owner.pid if owner else None

    def _end(self, number: int) -> None:
        assert self._process is not None
        owner = read_address(self._store)
        if self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(60)
        if owner is not None and Path(f"/proc/{owner.pid}").exists():
            os.kill(owner.pid, number)


class Caller:
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

    async def until_ready(self) -> float:
        """Wait until the service is ready and return how long that took.

        Raises:
            EvaluationError: it is not, after two minutes.
        """
        started = time.monotonic()
        while (waited := time.monotonic() - started) < _START_S:
            status, _ = await self.call("GET", "/readyz")
            if status == 200:
                return waited
            await asyncio.sleep(0.1)
        raise EvaluationError(f"the service was not ready within {_START_S:.0f} s")


def _of_both(measure: Any, pids: tuple[int, int | None]) -> tuple[float, float]:
    service, store = pids
    return measure(service), measure(store) if store is not None else 0.0


def _resident_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0.0
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return round(int(found[1]) / 1000, 1) if found else 0.0


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _drain(stream: Any) -> None:
    for _ in stream:
        pass

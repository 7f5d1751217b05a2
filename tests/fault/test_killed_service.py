"""The service and the store's process are killed under load: nothing acknowledged is lost, jobs go on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import httpx
import pytest

from retriever.owner.address import read_address
from tests.support import stop_owner, wait_until, write_corpus

COMMAND = "from retriever.cli import main; main()"
READY_S = 10


@contextmanager
def running(store):
    """Yield the process and the address of a service that runs as users run it."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            COMMAND,
            "serve",
            "--store",
            str(store),
            "--encoder",
            "hash:16",
            "--port",
            "0",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stderr:
            if found := re.search(r"on (http://127\.0\.0\.1:\d+)", line):
                break
        else:
            pytest.fail("the service did not start")
        drain = threading.Thread(target=lambda: list(process.stderr), daemon=True)
        drain.start()
        yield process, found[1]
    finally:
        process.kill()
        process.wait()
        drain.join(10)
        process.stderr.close()


def is_ready(url):
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_nothing_acknowledged_is_lost_and_the_job_goes_on_by_itself(tmp_path):
    store, corpus = tmp_path / "store", tmp_path / "corpus"
    corpus.mkdir()
    write_corpus(corpus, seed=3)
    acknowledged, stop = [], threading.Event()
    with running(store) as (process, url):
        wait_until(lambda: is_ready(url))

        def write():
            while not stop.is_set():
                document = {"id": f"d{len(acknowledged)}", "text": f"words {len(acknowledged)} " * 20}
                try:
                    answer = httpx.post(f"{url}/v1/collections/c/documents", json={"documents": [document]})
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    acknowledged.append(document["id"])

        def search():
            while not stop.is_set():
                try:
                    httpx.post(f"{url}/v1/collections/c/search", json={"query": "words"})
                except httpx.TransportError:
                    return

        threads = [threading.Thread(target=write), *(threading.Thread(target=search) for _ in range(4))]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(acknowledged) >= 2)
        files = [("files", (path.name, path.read_bytes())) for path in sorted(corpus.iterdir())]
        job = httpx.post(f"{url}/v1/collections/c/files", files=files, timeout=60).json()["id"]
        wait_until(lambda: httpx.get(f"{url}/v1/jobs/{job}", timeout=20).json()["state"] == "running")
        os.kill(read_address(store).pid, signal.SIGKILL)
        process.kill()
        stop.set()
        for thread in threads:
            thread.join(30)
    started = time.monotonic()
    with running(store) as (_, url):
        wait_until(lambda: is_ready(url))
        assert time.monotonic() - started < READY_S * int(os.environ.get("LONGDOC_TEST_PATIENCE", "3"))
        wait_until(lambda: httpx.get(f"{url}/v1/jobs/{job}", timeout=20).json()["state"] == "done")
        listed = httpx.get(f"{url}/v1/collections/c/documents", params={"limit": 1000}).json()["data"]
        ids = {info["id"] for info in listed}
        assert set(acknowledged) <= ids
        assert {path.name for path in corpus.iterdir()} <= ids
    stop_owner(store)

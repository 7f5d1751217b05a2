"""A server that fails, stalls, hangs up and vanishes in the middle of a job costs time and nothing else.

``LONGDOC_VANISH_S`` sets for how long it vanishes.
"""

from __future__ import annotations

import os
import random
import threading
import time
from dataclasses import replace

import pytest

from encoders.fake import HashEncoder
from indexers import qdrant_remote_calls
from indexers.errors import IndexUnavailableError
from indexers.remote_settings import RemoteSettings
from retriever import Retriever
from tests.qdrant_server import QdrantServer
from tests.support import everything, write_corpus

VANISH_S = float(os.environ.get("LONGDOC_VANISH_S", "2"))
WRITES = ("points", "payload", "delete")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder, seed=3)
    for path in sorted(folder.iterdir())[25:]:
        path.unlink()
    return folder


@pytest.fixture(scope="module")
def undisturbed(corpus, tmp_path_factory):
    calm = QdrantServer()
    with open_store(calm, tmp_path_factory.mktemp("calm")) as store:
        store.index([corpus])
        found = everything(store, digits=3)
    calm.close()
    return found


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(qdrant_remote_calls, "_FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(qdrant_remote_calls, "_LONGEST_WAIT_S", 0.2)
    running = QdrantServer(hang_s=1.2)
    yield running
    running.close()


def open_store(server, folder, **changes):
    settings = RemoteSettings(url=server.url, timeout_s=1, retry_reads_s=60, batch_points=40)
    return Retriever.open(folder / "store", encoder=HashEncoder(dim=32), qdrant=replace(settings, **changes))


@pytest.mark.parametrize("kind", ["500", "cut", "cut after", "hang"])
def test_a_job_ends_as_an_undisturbed_one_whatever_the_server_does(
    server, corpus, undisturbed, tmp_path, kind
):
    choose = random.Random(kind)
    struck = []

    def strike(method, path):
        share = 0.03 if kind == "hang" else 0.2
        if len(struck) < 30 and choose.random() < share and path != "/":
            struck.append(path)
            return kind
        return None

    with open_store(server, tmp_path) as store:
        server.fault = strike
        report = store.index([corpus])
        server.fault = lambda method, path: None
        assert len(struck) >= 2
        assert (len(report.added), report.failed) == (25, ())
        assert store.doctor().healthy
        assert everything(store, digits=3) == undisturbed


def test_a_server_that_vanishes_in_the_middle_of_a_job_costs_time_only(server, corpus, undisturbed, tmp_path):
    vanished = threading.Event()

    def note(method, path):
        if not vanished.is_set() and len([one for one in server.requests if one[0] == "PUT"]) > 8:
            vanished.set()
            threading.Thread(target=server.vanish, args=(VANISH_S,), daemon=True).start()
        return None

    server.fault = note
    with open_store(server, tmp_path, lease_s=15) as store:
        began = time.monotonic()
        report = store.index([corpus])
        assert vanished.is_set()
        assert time.monotonic() - began > VANISH_S / 2
        assert (len(report.added), report.failed) == (25, ())
        assert everything(store, digits=3) == undisturbed


def test_a_server_that_stays_away_is_an_error_that_says_so_and_the_next_run_finishes(
    server, corpus, undisturbed, tmp_path
):
    with open_store(server, tmp_path, retry_writes_s=0.3, retry_reads_s=0.3) as store:
        server.fault = lambda method, path: "500" if len(server.requests) > 25 else None
        with pytest.raises(IndexUnavailableError, match=r"in 0\.\d s and \d+ tries.*acknowledged is safe"):
            store.index([corpus])
        server.fault = lambda method, path: None
        there = {info.id for info in store.list()}
        report = store.index([corpus])
        assert set(report.unchanged) == there
        assert everything(store, digits=3) == undisturbed


def test_a_first_try_that_took_all_the_time_is_followed_by_a_second(server, corpus, tmp_path):
    """As when the process was stopped in the middle of a request, and the answer came too late."""
    with open_store(server, tmp_path, retry_reads_s=0.1) as store:
        store.index([corpus])
        hung = []

        def hang_once(method, path):
            if path.endswith("/points/query/batch") and not hung:
                hung.append(path)
                return "hang"
            return None

        server.fault = hang_once
        assert store.search("alpha").hits
        assert hung

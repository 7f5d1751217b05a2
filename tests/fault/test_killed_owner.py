"""The store's process may be killed at any instant: callers go on, nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time

import pytest

from encoders.types import Document
from retriever import Retriever
from retriever.errors import OwnerLostError
from retriever.owner.address import read_address
from tests.support import everything, stop_owner, write_corpus

ENCODER = "hash:16"
ROUNDS = 3


def kill_owner(store):
    if (address := read_address(store)) is not None:
        try:
            os.kill(address.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


@pytest.fixture
def shared(store_path):
    yield store_path
    stop_owner(store_path)


def test_indexing_goes_on_through_kills_and_ends_equal_to_an_undisturbed_run(shared, tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    write_corpus(folder, seed=5)
    with Retriever.open(tmp_path / "calm", encoder=ENCODER, in_process=True) as calm:
        calm.index([folder])
        expected = everything(calm)
    choose = random.Random(2)
    for _ in range(ROUNDS):
        with Retriever.open(shared, encoder=ENCODER) as retriever:
            killer = threading.Timer(choose.uniform(0.0, 0.6), kill_owner, args=(shared,))
            killer.start()
            with contextlib.suppress(OwnerLostError):  # killed more often than it tries again
                retriever.index([folder])
            killer.join()
    with Retriever.open(shared, encoder=ENCODER) as retriever:
        retriever.index([folder])
    stop_owner(shared)
    with Retriever.open(shared, encoder=ENCODER, in_process=True) as retriever:
        assert everything(retriever) == expected


def test_a_search_during_a_kill_is_answered_by_the_next_process(shared):
    with Retriever.open(shared, encoder=ENCODER) as retriever:
        retriever.add([Document(id="only", text="the one document")])
        first = read_address(shared).pid
        kill_owner(shared)
        time.sleep(0.1)
        assert retriever.search("document").hits[0].document.id == "only"
        assert read_address(shared).pid != first

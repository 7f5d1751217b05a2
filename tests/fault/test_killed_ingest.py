"""An indexing process that is killed at any instant loses nothing and leaves nothing behind."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import pytest

from encoders.fake import HashEncoder
from encoders.types import Document
from indexers.filters import equals
from retriever import Retriever
from tests.support import everything, write_corpus

ROUNDS = 3
INDEX = """
import sys
from pathlib import Path
from encoders.fake import HashEncoder
from retriever import Retriever
with Retriever.open(sys.argv[1], encoder=HashEncoder(dim=16)) as r:
    print("started", flush=True)
    r.index([Path(sys.argv[2])])
"""
QUERIES = ("alpha report of part 3", "delta 17 42", "gamma omega")


def answers(retriever):
    return [
        [
            (hit.document.id, round(hit.score, 4), [(one.start, one.end) for one in hit.evidence])
            for hit in result
        ]
        for result in (retriever.search(query, limit=8) for query in QUERIES)
    ]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder, seed=3)
    with Retriever.open(tmp_path_factory.mktemp("calm") / "store", encoder=HashEncoder(dim=16)) as retriever:
        started = time.perf_counter()
        retriever.index([folder])
        seconds = time.perf_counter() - started
        yield folder, seconds, everything(retriever), answers(retriever)


def test_a_run_after_kills_at_random_instants_equals_an_undisturbed_one(tmp_path, undisturbed):
    folder, seconds, calm, calm_answers = undisturbed
    choose = random.Random(11)
    store = tmp_path / "store"
    for _ in range(ROUNDS):
        process = subprocess.Popen(
            [sys.executable, "-c", INDEX, str(store), str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "started\n"
        time.sleep(choose.uniform(0, seconds / 3))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    with Retriever.open(store, encoder=HashEncoder(dim=16)) as retriever:
        retriever.index([folder])
        disturbed, disturbed_answers = everything(retriever), answers(retriever)
        assert disturbed == calm
        assert disturbed_answers == calm_answers
        again = retriever.index([folder])
    assert (len(again.unchanged), again.tokens_read) == (60, 0)


def test_a_replacement_that_was_killed_leaves_the_old_version_in_answers(tmp_path, undisturbed):
    folder, *_ = undisturbed
    store = tmp_path / "store"
    with Retriever.open(store, encoder=HashEncoder(dim=16)) as retriever:
        retriever.index([folder])
        old = answers(retriever)
        collection = retriever.engine.collection
        writes = collection.writer.commit

        def die(versions):
            raise KeyboardInterrupt

        collection.writer.commit = die
        with pytest.raises(KeyboardInterrupt):
            retriever.add([Document(id="03.txt", text="alpha gamma omega delta " * 300)])
        collection.writer.commit = writes
        dead = collection.index.count(equals("doc_id", "03.txt"))
        assert dead > collection.entry("03.txt").segments + 1  # segments of the version that never came
        assert answers(retriever) == old
        retriever.add([])  # any next run sweeps
        assert collection.index.count(equals("doc_id", "03.txt")) == collection.entry("03.txt").segments + 1

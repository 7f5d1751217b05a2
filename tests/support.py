"""What tests of several kinds need."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

from retriever.owner.address import read_address


def write_corpus(folder, *, seed):
    choose = random.Random(seed)
    words = ["alpha", "beta", "gamma", "delta", "omega", "report", "part", *map(str, range(60))]
    for number in range(60):
        text = " ".join(choose.choices(words, k=choose.randint(200, 2_000)))
        (folder / f"{number:02}.txt").write_text(text)


def everything(retriever):
    """All points without what differs between two runs, and all text."""
    points = []
    for record in retriever.engine.collection.index.scroll(
        None, vectors=("segment_dense", "segment_lexical", "document_lexical")
    ):
        payload = {
            name: value
            for name, value in record.payload.items()
            if name not in ("generation", "updated_at", "version", "lexical_average", "source")
        }
        vectors = {name: repr(vector) for name, vector in record.vectors.items() if name == "segment_dense"}
        points.append(
            (payload["doc_id"], payload.get("ordinal", -1), repr(sorted(payload.items())), repr(vectors))
        )
    return sorted(points), {info.id: retriever.text(info.id) for info in retriever.list()}


def wait_until(holds, *, seconds=30.0):
    """Wait for something another process does."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"waited {seconds} s in vain"
        time.sleep(0.02)


def stop_owner(store):
    """End the owner of a store and wait until it is gone."""
    address = read_address(store)
    if address is not None:
        try:
            os.kill(address.pid, 15)
        except ProcessLookupError:  # it was killed and could not tidy up
            return
        wait_until(lambda: not Path(f"/proc/{address.pid}/stat").exists())

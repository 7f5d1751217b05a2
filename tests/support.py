"""What tests of several kinds need."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

from encoders.types import Document
from retriever.owner.address import read_address

TOPICS = {
    "tides": "The moon pulls the sea and the tide rises twice a day along the coast.",
    "bread": "Knead the dough, let it rise for an hour and bake the bread until the crust is brown.",
    "locks": "A lock lets one process write while the others wait until the file is released.",
    "courts": "The tenant shall pay the rent on the first day of each month, or the landlord may sue.",
}


def topic_documents():
    """Four documents about different things, each some segments long."""
    filler = "Nothing of note happened on the way and so the report goes on for a while. "
    return [
        Document(id=name, text=filler * 12 + text + " " + filler * 12, metadata={"length": len(text)})
        for name, text in TOPICS.items()
    ]


def write_corpus(folder, *, seed):
    choose = random.Random(seed)
    words = ["alpha", "beta", "gamma", "delta", "omega", "report", "part", *map(str, range(60))]
    for number in range(60):
        text = " ".join(choose.choices(words, k=choose.randint(200, 2_000)))
        (folder / f"{number:02}.txt").write_text(text)


def everything(retriever, *, digits=None):
    """All points without what differs between two runs, and all text.

    ``digits`` rounds vectors: the stand-in for a server normalises to other last bits
    when a point is written again.
    """
    points = []
    for record in retriever.engine.collection.index.scroll(
        None, vectors=("segment_dense", "segment_lexical", "document_lexical")
    ):
        if record.payload["point"] in ("writer", "tombstone"):  # of stores on a server only
            continue
        payload = {
            name: value
            for name, value in record.payload.items()
            if name not in ("generation", "updated_at", "version", "lexical_average", "source", "sequence")
        }
        vectors = {
            name: vector if digits is None else [round(value, digits) + 0.0 for value in vector]
            for name, vector in record.vectors.items()
            if name == "segment_dense"
        }
        points.append(
            (
                payload["doc_id"],
                payload.get("ordinal", -1),
                json.dumps(payload, sort_keys=True),
                repr(vectors),
            )
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

"""A caller that writes until it is killed, and leaves a log of what was acknowledged.

    python -m eval.fault_client STORE LOG SEED

Every line of the log is a JSON list: ``[word, document, text number, tag]`` with the
word ``try``, ``done`` or ``lost``; a deleted document has the text number null. Lines
are written by one system call each, so they outlive the process.
"""

from __future__ import annotations

import json
import os
import random
import sys
from typing import TYPE_CHECKING, TypeAlias

from encoders.types import Document
from indexers.errors import StorageError
from retriever import Retriever

if TYPE_CHECKING:
    from collections.abc import Iterator

State: TypeAlias = tuple[int | None, int | None]
"""The number of a document's text, None when it is deleted, and its tag, None when it has none."""

ENCODER = "hash:16"
DOCUMENTS = 8
_GONE: State = (None, None)


def text_of(doc_id: str, number: int) -> str:
    """Return the text of a version: its number stands in every segment."""
    return f"{doc_id} number {number} alpha beta gamma. " * 200


def states(retriever: Retriever) -> dict[str, State]:
    """Read what every document is now, checking that its text is whole."""
    found: dict[str, State] = {}
    for info in retriever.list() if retriever.collections() else ():
        text = retriever.text(info.id)
        number = int(text.split(maxsplit=3)[2])
        if text != text_of(info.id, number):
            raise AssertionError(f"the text of {info.id} is none that was written")
        found[info.id] = (number, info.metadata.get("tag"))
    return found


def possible_states(log: Iterator[str], before: dict[str, State]) -> dict[str, set[State]]:
    """Return what each document may be after a log: one state, or several while the outcome is unknown."""
    may: dict[str, set[State]] = {doc_id: {state} for doc_id, state in before.items()}
    for line in log:
        if not line.endswith("\n"):
            break  # the caller died while it wrote this
        word, doc_id, number, tag = json.loads(line)
        state = (number, tag)
        if word == "done":
            may[doc_id] = {state}
        else:
            may.setdefault(doc_id, {_GONE}).add(state)
    return may


def main(store: str, log: str, seed: int) -> None:
    """Add, replace, patch and delete, one document at a time, for ever."""
    choose = random.Random(seed)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def say(word: str, doc_id: str, state: State) -> None:
        os.write(out, (json.dumps([word, doc_id, *state]) + "\n").encode())

    with Retriever.open(store, encoder=ENCODER) as retriever:
        now = states(retriever)
        number = seed * 1_000_000
        while True:
            number += 1
            doc_id = f"d{choose.randrange(DOCUMENTS)}"
            old = now.get(doc_id, _GONE)
            kind = choose.choice(["put", "put", "patch", "delete"]) if old[0] is not None else "put"
            new: State = {"put": (number, None), "patch": (old[0], number), "delete": _GONE}[kind]
            say("try", doc_id, new)
            try:
                if kind == "put":
                    retriever.add([Document(id=doc_id, text=text_of(doc_id, number))])
                elif kind == "patch":
                    retriever.patch(doc_id, {"tag": number})
                else:
                    retriever.delete([doc_id])
            except StorageError:
                say("lost", doc_id, new)
                now = states(retriever)
            else:
                say("done", doc_id, new)
                now[doc_id] = new


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

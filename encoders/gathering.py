"""One encoder for many threads: queries together, documents beside them in turns."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from encoders.inputs import require_texts
from encoders.sharing import sharing_cores
from encoders.types import Embeddings
from encoders.wrapping import WrappedEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from encoders.protocols import Encoder
    from encoders.types import TextKind

TURN_CHARACTERS: Final = 10_000
PATIENCE_S: Final = 0.25
LULL_S: Final = 2.0
_SHORT_CHARACTERS: Final = 8_000
_GATHERED_CHARACTERS: Final = 4_000


@dataclass(slots=True, eq=False)
class _Call:
    """Queries of one thread, and what becomes of them."""

    texts: Sequence[str]
    characters: int
    made: Future[Embeddings] = field(default_factory=Future)


class GatheringEncoder(WrappedEncoder):
    """Wraps an encoder that several threads use (`encoders.protocols.Encoder`).

    Queries that come in while others are embedded go together into the next forward. They
    do not wait for documents, which are embedded beside them in turns of about 2,500 tokens:
    while queries come, a turn leaves a core to them, and begins only when none waits or it
    has let them pass for as long as a turn takes. A vector does not depend on its batch beyond
    rounding, so none of this changes one.

    One thread embeds all queries: what oneDNN and torch's attention prepare for a number of
    tokens they keep for each thread, and threads that took turns answered an eighth less.

    Everything else is the wrapped encoder's own.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        self._changed = threading.Condition()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="queries")
        self._answering = False
        self._reading = False
        self._waiting: list[_Call] = []
        self._last_asked = -LULL_S
        self._turn_s = PATIENCE_S

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def embed(self, texts: Sequence[str], *, kind: TextKind = "document") -> Embeddings:
        """Embed ``texts``, queries before documents."""
        require_texts(texts)
        characters = sum(map(len, texts))
        if kind == "query" and characters <= _SHORT_CHARACTERS:
            return self._together(_Call(texts, characters))
        return self._in_turns(texts, kind)

    def _together(self, own: _Call) -> Embeddings:
        with self._changed:
            if not self._answering:
                self._thread.submit(self._answer_all)  # refused when Python ends
                self._answering = True
            self._waiting.append(own)
        try:
            return own.made.result()
        except BaseException:  # interrupted, perhaps
            own.made.cancel()
            raise

    def _answer_all(self) -> None:
        """Answer queries until none waits."""
        while calls := self._next():
            self._answer(calls)
            with self._changed:
                self._last_asked = time.monotonic()
                self._changed.notify_all()

    def _next(self) -> list[_Call]:
        """Take the calls that are answered together; when none waits, answering is over."""
        with self._changed:
            calls: list[_Call] = []
            characters = 0
            while self._waiting:
                characters += self._waiting[0].characters
                if calls and characters > _GATHERED_CHARACTERS:
                    break
                call = self._waiting.pop(0)
                if call.made.set_running_or_notify_cancel():
                    calls.append(call)
            self._answering = bool(calls)
            return calls

    def _answer(self, calls: Sequence[_Call]) -> None:
        try:
            with sharing_cores():
                made = self._encoder.embed([text for call in calls for text in call.texts], kind="query")
        except BaseException as error:
            for call in calls:
                call.made.set_exception(error)
            return
        start = 0
        for call in calls:
            end = start + len(call.texts)
            call.made.set_result(Embeddings(made.vectors[start:end], made.coverage[start:end]))
            start = end

    def _in_turns(self, texts: Sequence[str], kind: TextKind) -> Embeddings:
        parts = []
        for turn in _turns(texts):
            beside_queries = self._take_turn()
            started = time.monotonic()
            try:
                with sharing_cores(beside_queries):
                    parts.append(self._encoder.embed(turn, kind=kind))
            finally:
                self._end_turn(time.monotonic() - started)
        return Embeddings(
            np.concatenate([part.vectors for part in parts]),
            tuple(ledger for part in parts for ledger in part.coverage),
        )

    def _take_turn(self) -> bool:
        """Wait for other documents, and a while for queries that wait; tell whether queries came lately."""
        with self._changed:
            until = time.monotonic() + self._turn_s
            while self._reading or (self._waiting and time.monotonic() < until):
                self._changed.wait(PATIENCE_S)
            self._reading = True
            return self._answering or time.monotonic() - self._last_asked < LULL_S

    def _end_turn(self, seconds: float) -> None:
        with self._changed:
            self._reading = False
            self._turn_s = min(max(seconds, PATIENCE_S), 4 * PATIENCE_S)
            self._changed.notify_all()


def _turns(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut a list into runs of about `TURN_CHARACTERS`; an empty list is one run."""
    start = size = 0
    for place, text in enumerate(texts):
        if place > start and size + len(text) > TURN_CHARACTERS:
            yield texts[start:place]
            start, size = place, 0
        size += len(text)
    yield texts[start:]

"""One encoder for many threads: queries first and together, documents in short turns."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from encoders.inputs import require_texts
from encoders.types import Embeddings
from encoders.wrapping import WrappedEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from encoders.protocols import Encoder
    from encoders.types import TextKind

TURN_CHARACTERS: Final = 10_000
PATIENCE_S: Final = 0.25
_SHORT_CHARACTERS: Final = 8_000


@dataclass(slots=True)
class _Call:
    """Queries of one thread, and what became of them."""

    texts: Sequence[str]
    made: Embeddings | None = None
    error: BaseException | None = None
    done: bool = field(default=False)


class GatheringEncoder(WrappedEncoder):
    """Wraps an encoder that several threads use (`encoders.protocols.Encoder`).

    One forward runs at a time. Queries that come in while it runs are embedded together
    in the next one: no query waits for others when the encoder is idle, and none waits
    behind more than one forward. Documents are embedded in turns of about 2,500 tokens;
    before each they let queries pass, for a quarter of a second at most, so that they
    get on under any load. A vector does not depend on its batch, so neither changes one.

    Everything else is the wrapped encoder's own.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        self._changed = threading.Condition()
        self._busy = False
        self._waiting: list[_Call] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def embed(self, texts: Sequence[str], *, kind: TextKind = "document") -> Embeddings:
        """Embed ``texts``, queries before documents."""
        require_texts(texts)
        if kind == "query" and sum(map(len, texts)) <= _SHORT_CHARACTERS:
            return self._together(texts)
        return self._in_turns(texts, kind)

    def _together(self, texts: Sequence[str]) -> Embeddings:
        own = _Call(texts)
        with self._changed:
            self._waiting.append(own)
            self._changed.wait_for(lambda: own.done or not self._busy)
            if own.done:
                return _outcome(own)
            calls, self._waiting, self._busy = self._waiting, [], True
        try:
            self._answer(calls)
        finally:
            self._free()
        return _outcome(own)

    def _answer(self, calls: Sequence[_Call]) -> None:
        try:
            made = self._encoder.embed([text for call in calls for text in call.texts], kind="query")
        except BaseException as error:
            for call in calls:
                call.error = error
        else:
            start = 0
            for call in calls:
                end = start + len(call.texts)
                call.made = Embeddings(made.vectors[start:end], made.coverage[start:end])
                start = end
        for call in calls:
            call.done = True

    def _in_turns(self, texts: Sequence[str], kind: TextKind) -> Embeddings:
        parts = []
        for turn in _turns(texts):
            self._take_turn()
            try:
                parts.append(self._encoder.embed(turn, kind=kind))
            finally:
                self._free()
        return Embeddings(
            np.concatenate([part.vectors for part in parts]),
            tuple(ledger for part in parts for ledger in part.coverage),
        )

    def _take_turn(self) -> None:
        until = time.monotonic() + PATIENCE_S
        with self._changed:
            while self._busy or (self._waiting and time.monotonic() < until):
                self._changed.wait(PATIENCE_S)
            self._busy = True

    def _free(self) -> None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()


def _outcome(call: _Call) -> Embeddings:
    if call.error is not None:
        raise call.error
    assert call.made is not None
    return call.made


def _turns(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut a list into runs of about `TURN_CHARACTERS`; an empty list is one run."""
    start = size = 0
    for place, text in enumerate(texts):
        if place > start and size + len(text) > TURN_CHARACTERS:
            yield texts[start:place]
            start, size = place, 0
        size += len(text)
    yield texts[start:]

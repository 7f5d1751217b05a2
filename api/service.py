"""What all routes share: settings, keys, lanes, and the way to the store's process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from fastapi import Request

from api.idempotency import KeptAnswers
from api.keys import KeyFile
from api.settings import Settings
from api.work import Lane
from encoders.errors import RetrievalError
from retriever import Retriever
from retriever.types import Alias

T = TypeVar("T")

_HOME = "default"
_KEPT = 256


class Service:
    """Opens collections of one store and runs calls on them.

    Args:
        settings: how.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.keys = KeyFile(settings.keys_file)
        self.answers = KeptAnswers(
            settings.store / "answers.sqlite",
            ttl_s=settings.idempotency_ttl_s,
            entries=settings.idempotency_entries,
        )
        self.interactive = Lane(
            "interactive",
            workers=settings.interactive_workers,
            waiting=settings.interactive_queue,
            timeout_s=settings.interactive_timeout_s,
        )
        self.bulk = Lane(
            "bulk",
            workers=settings.bulk_workers,
            waiting=settings.bulk_queue,
            timeout_s=settings.bulk_timeout_s,
        )
        self.control = Lane("control", workers=2, waiting=256, timeout_s=settings.interactive_timeout_s)
        self._open: OrderedDict[str, Retriever] = OrderedDict()
        self._lock = threading.Lock()
        self.closing = False
        self.ready = False
        self.trouble: RetrievalError | None = None  # why it is not ready, once that is known

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The queues, short calls first."""
        return (self.interactive, self.bulk, self.control)

    def retriever(self, collection: str = _HOME) -> Retriever:
        """Return an open collection; to be called on a thread, it may start the store's process."""
        with self._lock:
            if (found := self._open.get(collection)) is None:
                found = Retriever.open(
                    self.settings.store, collection=collection, encoder=self.settings.encoder
                )
                self._open[collection] = found
            self._open.move_to_end(collection)
            spare = self._spare()
        if spare is not None:
            spare.close()
        return found

    async def call(
        self, lane: Lane, collection: str, work: Callable[[Retriever], T], *, request: Request | None = None
    ) -> T:
        """Run ``work`` with an open collection on a thread of ``lane``."""
        return await lane.run(lambda: _marked(work, self.retriever(collection)), request=request)

    async def aliases(self) -> dict[str, Alias]:
        """Return the aliases of the store by name; done before a body is read, so no caller is watched."""
        found = await self.call(self.control, _HOME, lambda r: r.aliases())
        return {one.name: one for one in found}

    def _spare(self) -> Retriever | None:
        if len(self._open) <= _KEPT:
            return None
        name = next(name for name in self._open if name != _HOME)
        return self._open.pop(name)

    def close(self) -> None:
        """Let calls at work end, then hang up; the store's process flushes and lingers."""
        for lane in self.lanes:
            lane.close()
        with self._lock:
            opened, self._open = self._open, OrderedDict()
        for retriever in opened.values():
            retriever.close()
        self.answers.close()


def _marked(work: Callable[[Retriever], T], retriever: Retriever) -> T:
    """Mark errors of Python's own that came from the store: they speak of the caller's values."""
    try:
        return work(retriever)
    except RetrievalError:
        raise
    except (ValueError, TypeError) as error:
        error.from_store = True  # type: ignore[union-attr]
        raise

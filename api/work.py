"""Bounded queues between the event loop and the threads that ask the store.

A lane has so many workers and so many places to wait; who comes after that is told
at once to come later. Short calls and bulk calls have lanes of their own, so indexing
never stands in front of a search.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from fastapi import Request

from retriever.errors import DeadlineError, OverloadedError

T = TypeVar("T")


class ClientLeft(Exception):  # noqa: N818  # an event, not a fault
    """The caller hung up before the answer."""


class Lane:
    """Runs calls on threads, at most ``workers`` at a time and ``waiting`` in the queue.

    Args:
        name: in metrics and messages.
        workers: threads.
        waiting: places in the queue.
        timeout_s: the longest a call may take, waiting included.
    """

    def __init__(self, name: str, *, workers: int, waiting: int, timeout_s: float) -> None:
        self.name = name
        self.workers = workers
        self.waiting = waiting
        self.timeout_s = timeout_s
        self.pending = 0
        self._seconds = 0.05  # running mean of a call, for Retry-After
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=f"longdoc-{name}")

    async def run(self, call: Callable[[], T], *, request: Request | None = None) -> T:
        """Run ``call`` on a thread.

        Args:
            call: does not know of the event loop.
            request: whose caller may leave; a call that still waits is then not made.

        Raises:
            OverloadedError: the queue is full.
            DeadlineError: it took too long; the thread may still be at it.
            ClientLeft: the caller hung up.
        """
        if self.pending >= self.workers + self.waiting:
            wait_s = max(1.0, self._seconds * self.pending / self.workers)
            raise OverloadedError(
                f"{self.pending} calls are in the {self.name} queue; try again in {wait_s:.0f} s",
                retry_after_s=round(wait_s, 3),
                queue=self.name,
            )
        self.pending += 1
        future = self._pool.submit(copy_context().run, self._timed, call)
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[T] = loop.create_future()
        future.add_done_callback(_Done(self, loop, answered))
        try:
            return await self._first(answered, request)
        except BaseException:
            answered.cancel()
            future.cancel()  # takes it out of the queue when it has not begun
            raise

    async def _first(self, work: asyncio.Future[T], request: Request | None) -> T:
        left = asyncio.ensure_future(_hung_up(request)) if request is not None else None
        racing: set[asyncio.Future[Any]] = {work, left} if left is not None else {work}
        try:
            done, _ = await asyncio.wait(racing, timeout=self.timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if left is not None:
                left.cancel()
        if work in done:
            return work.result()
        work.add_done_callback(_ignore)
        work.cancel()
        if done:
            raise ClientLeft
        raise DeadlineError(
            f"the call took longer than {self.timeout_s:g} s; ask for less at a time", limit_s=self.timeout_s
        )

    def _timed(self, call: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return call()
        finally:
            self._seconds += 0.1 * (time.perf_counter() - started - self._seconds)

    def close(self) -> None:
        """Let calls at work end and drop those that wait."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class _Done:
    """Tells the event loop that a thread is done; its place is free though nobody waits for it any more."""

    def __init__(self, lane: Lane, loop: asyncio.AbstractEventLoop, answered: asyncio.Future[Any]) -> None:
        self._lane = lane
        self._loop = loop
        self._answered = answered

    def __call__(self, future: Future[Any]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._tell, future)
        except RuntimeError:  # the loop is closed: the service has ended
            return

    def _tell(self, future: Future[Any]) -> None:
        self._lane.pending -= 1
        if self._answered.done():
            return
        if future.cancelled():
            self._answered.cancel()
        elif (error := future.exception()) is not None:
            self._answered.set_exception(error)
        else:
            self._answered.set_result(future.result())


async def _hung_up(request: Request) -> None:
    """Return when the caller has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _ignore(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()

"""Searches compute a few at a time.

Python runs one thread at a time. When many searches compute at once, each step of the encoder,
which computes beside them without Python's lock, waits for a turn among all of them, and
every one of them waits for the encoder. Few at once are sooner done, all together.
"""

from __future__ import annotations

import heapq
import threading
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

from encoders.processor import usable_cores

if TYPE_CHECKING:
    from collections.abc import Iterator

_FEWEST = 2
_CORES_A_SEARCH = 4
_BEGINS, _GOES_ON = range(2)


class Turns:
    """Lets so many threads compute at a time.

    A search waits twice: to begin, which is little work and keeps the encoder busy, and to go
    on with its vector. So those that begin come first, and of those that go on the one that
    began first: nobody is overtaken, and the slowest answers are little slower than the others.

    Args:
        most: how many; by default two, and more on a machine with more than eight cores.
    """

    def __init__(self, most: int | None = None) -> None:
        self._lock = threading.Lock()
        self._free = most or max(_FEWEST, usable_cores() // _CORES_A_SEARCH)
        self._numbers = count()
        self._waiting: list[tuple[int, int, threading.Lock]] = []
        self._mine = threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Compute, when it is this thread's turn; it must not wait for what others do in their turns."""
        with self._lock:
            number = next(self._numbers)
        self._take(_BEGINS, number)
        try:
            yield
        finally:
            self._give()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let others compute while this thread waits for something; nothing when it has no turn."""
        number = self._held()
        if number is None:
            yield
            return
        self._give()
        try:
            yield
        finally:
            self._take(_GOES_ON, number)

    def _held(self) -> int | None:
        held: int | None = getattr(self._mine, "held", None)
        return held

    def _take(self, step: int, number: int) -> None:
        called = threading.Lock()
        with self._lock:
            free = self._free > 0
            if free:
                self._free -= 1
            else:
                called.acquire()
                heapq.heappush(self._waiting, (step, number, called))
        if not free:
            try:
                called.acquire()
            except BaseException:  # interrupted; the turn may be this thread's already
                self._leave((step, number, called))
                raise
        self._mine.held = number

    def _leave(self, own: tuple[int, int, threading.Lock]) -> None:
        with self._lock:
            if own in self._waiting:
                self._waiting.remove(own)
                heapq.heapify(self._waiting)
            else:
                self._next()

    def _give(self) -> None:
        if self._held() is None:
            return  # it was interrupted while it waited to go on
        self._mine.held = None
        with self._lock:
            self._next()

    def _next(self) -> None:
        if self._waiting:
            heapq.heappop(self._waiting)[-1].release()
        else:
            self._free += 1

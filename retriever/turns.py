"""Searches compute a few at a time.

Python runs one thread at a time. When many searches compute at once, each step of the encoder,
which computes beside them without Python's lock, waits for a turn among all of them, and
every one of them waits for the encoder. Few at once are sooner done, all together.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from encoders.processor import usable_cores

if TYPE_CHECKING:
    from collections.abc import Iterator

_FEWEST = 2
_CORES_A_SEARCH = 4


class Turns:
    """Lets so many threads compute at a time.

    Args:
        most: how many; by default two, and more on a machine with more than eight cores.
    """

    def __init__(self, most: int | None = None) -> None:
        self._free = threading.Semaphore(most or max(_FEWEST, usable_cores() // _CORES_A_SEARCH))
        self._mine = threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Compute, when it is this thread's turn; it must not wait for what others do in their turns."""
        with self._free:
            self._mine.held = True
            try:
                yield
            finally:
                self._mine.held = False

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let others compute while this thread waits for something; nothing when it has no turn."""
        if not getattr(self._mine, "held", False):
            yield
            return
        self._free.release()
        try:
            yield
        finally:
            self._free.acquire()

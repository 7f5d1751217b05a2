"""Read ahead: files are parsed while those before them are embedded."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

T = TypeVar("T")

MOST_ITEMS = 16
MOST_SIZE = 4_000_000


class Ahead(Generic[T]):
    """Takes items from a source on a thread of its own, a few ahead of whoever iterates.

    Args:
        source: asked on that thread alone; what it raises is raised where it is iterated.
        size: of an item; together the items that wait are at most ``most_size``, save that
            one may always wait.
        most_items: that wait.
        most_size: of what waits.
    """

    def __init__(
        self,
        source: Iterable[T],
        *,
        size: Callable[[T], int],
        most_items: int = MOST_ITEMS,
        most_size: int = MOST_SIZE,
    ) -> None:
        self._source = source
        self._size = size
        self._most_items = most_items
        self._most_size = most_size
        self._waiting: deque[tuple[T, int]] = deque()
        self._waiting_size = 0
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._ended = False
        self._stopped = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __iter__(self) -> Generator[T, None, None]:
        """Yield the items in order; the thread ends with the iteration, however that ends."""
        self._thread.start()
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._waiting or self._ended)
                    if not self._waiting:
                        break
                    item, size = self._waiting.popleft()
                    self._waiting_size -= size
                    self._changed.notify_all()
                yield item
            if self._error is not None:
                raise self._error
        finally:
            with self._changed:
                self._stopped = True
                self._changed.notify_all()
            self._thread.join()

    def _run(self) -> None:
        try:
            for item in self._source:
                if not self._put(item, self._size(item)):
                    return
        except BaseException as error:  # raised again where it is iterated
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, item: T, size: int) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._has_room(size))
            if self._stopped:
                return False
            self._waiting.append((item, size))
            self._waiting_size += size
            self._changed.notify_all()
            return True

    def _has_room(self, size: int) -> bool:
        if not self._waiting:
            return True
        return len(self._waiting) < self._most_items and self._waiting_size + size <= self._most_size

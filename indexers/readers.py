"""Searches go first: a writer lets those pass that are under way.

The engine does one thing at a time, so that a search of ten calls beside a writer would
wait for a write before each of them.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 0.5


class Readers:
    """The searches that are under way in a collection."""

    def __init__(self) -> None:
        self._reading = 0
        self._changed = threading.Condition()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A search is under way."""
        with self._changed:
            self._reading += 1
        try:
            yield
        finally:
            with self._changed:
                self._reading -= 1
                self._changed.notify_all()

    def let_pass(self, *, patience_s: float = PATIENCE_S) -> None:
        """Wait until no search is under way, but not for ever: a writer must get on under any load."""
        with self._changed:
            self._changed.wait_for(lambda: not self._reading, timeout=patience_s)

"""One writer of a shared collection at a time, among threads, processes and machines.

The lease is a point of the collection. Its holder counts it up every few seconds; who
wants it watches the count and takes over when it stood still for the whole term, so
clocks are never compared. Each step is one conditional write, which the server decides.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from uuid import UUID, uuid4, uuid5

from indexers.errors import IndexUnavailableError, LeaseLostError, StorageError, StoreBusyError
from indexers.filters import And, Filter, Ids, equals
from indexers.types import Point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from indexers.types import Record

logger = logging.getLogger(__name__)

WRITER = "writer"
TERM_S = 15.0
WAIT_S = 10.0
PATIENCE_S = 120.0
LINGER_S = 1.0
_POINT = str(uuid5(UUID(int=0), WRITER))


class LeaseIndex(Protocol):
    """What a lease needs of an index."""

    def retrieve(self, ids: Sequence[str]) -> list[Record]:
        """Return the points that exist."""
        ...

    def swap(self, point: Point, when: Filter) -> None:
        """Write a point where it is missing or the stored one matches."""
        ...


@dataclass(frozen=True, slots=True)
class _State:
    holder: str
    count: int
    host: str


class WriterLease:
    """The right to write a collection, taken when it is needed and given back soon after.

    Args:
        index: the collection.
        term_s: a holder that has not counted up for so long is taken to be dead.
        patience_s: how long to wait for a server that is away while the lease is in use.
        taken: called when the lease was taken, with whether its last holder had died.
    """

    def __init__(
        self,
        index: LeaseIndex,
        *,
        taken: Callable[[bool], None],
        term_s: float = TERM_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._index = index
        self._taken = taken
        self._term_s = term_s
        self._patience_s = patience_s
        self._me = str(uuid4())
        self._host = f"process {os.getpid()} on {socket.gethostname()}"
        self._count = 0
        self._renewed: float | None = None
        self._users = 0
        self._last_used = 0.0
        self._lock = threading.RLock()
        self._ending = threading.Event()

    @property
    def valid(self) -> bool:
        """Tell whether nobody else can have it by now."""
        return self._renewed is not None and time.monotonic() - self._renewed < 0.7 * self._term_s

    def check(self) -> None:
        """Refuse to go on when another process has the lease.

        One that could not be renewed for too long, because the server was away, is
        renewed now: that this succeeds proves that nobody had it in between.

        Raises:
            LeaseLostError: another process has it.
            IndexUnavailableError: the server is still away.
        """
        if not self.valid and not self._swap(_State(self._me, self._count, self._host), self._me):
            raise LeaseLostError(
                f"this process did not renew its right to write within {self._term_s:.0f} s and another "
                "one writes by now; what was committed is safe, run it again"
            )

    def _check_patiently(self) -> None:
        began = time.monotonic()
        while True:
            try:
                self.check()
            except IndexUnavailableError:
                if time.monotonic() - began > self._patience_s:
                    raise
            else:
                return

    @contextmanager
    def held(self, *, wait_s: float | None = WAIT_S) -> Iterator[None]:
        """Have the lease, waiting for it when another process has it.

        Args:
            wait_s: how long to wait; as long as it takes when None.

        Raises:
            StoreBusyError: another process had it all the time.
            LeaseLostError: it was lost while another user of this process relied on it.
        """
        self.enter(wait_s)
        try:
            yield
        finally:
            self.leave()

    def enter(self, wait_s: float | None = WAIT_S) -> None:
        """Begin to use the lease; see `held`."""
        with self._lock:
            if self._users:
                self._check_patiently()
            elif not self.valid:
                self._acquire(wait_s)
            self._users += 1

    def leave(self) -> None:
        """End a use; the lease is given back after a moment without users."""
        with self._lock:
            self._users -= 1
            self._last_used = time.monotonic()

    def close(self) -> None:
        """Give the lease back at once."""
        with self._lock:
            self._ending.set()
            self._give_back()

    def _acquire(self, wait_s: float | None) -> None:
        self._ending.set()  # the thread of one that was lost
        until = None if wait_s is None else time.monotonic() + wait_s
        seen: _State | None = None
        since = 0.0
        while True:
            state = self._read()
            if state != seen:
                seen, since = state, time.monotonic()
            died = state is not None and bool(state.holder) and time.monotonic() - since >= self._term_s
            if state is None or not state.holder or died:
                if self._swap(state, self._me):
                    break
                continue
            if until is not None and time.monotonic() > until:
                raise StoreBusyError(
                    f"{state.host} is writing this collection; waited {wait_s:.0f} s, try again later",
                    holder=state.host,
                )
            time.sleep(min(0.25, self._term_s / 8))
        self._ending = threading.Event()
        threading.Thread(target=self._beat, args=(self._ending,), daemon=True).start()
        self._taken(died)

    def _beat(self, ending: threading.Event) -> None:
        while True:
            ending.wait(min(LINGER_S / 2, self._term_s / 5))
            with self._lock:
                if ending.is_set():
                    return
                if not self._users and time.monotonic() - self._last_used > LINGER_S:
                    self._give_back()
                    return
            if time.monotonic() - (self._renewed or 0.0) > self._term_s / 5:
                self._renew(ending)

    def _renew(self, ending: threading.Event) -> None:
        try:
            still_mine = self._swap(_State(self._me, self._count, self._host), self._me)
        except StorageError as error:
            logger.warning("the right to write was not renewed: %s", error)
            return
        if not still_mine:
            self._renewed = None
            ending.set()  # `check` says so to whoever relies on it

    def _give_back(self) -> None:
        try:
            if self.valid:
                self._swap(_State(self._me, self._count, self._host), "")
        except StorageError as error:
            logger.warning("the right to write was not given back, others take it over: %s", error)
        self._renewed = None

    def _swap(self, old: _State | None, holder: str) -> bool:
        """Put ``holder`` in the place of the state that was read; tell whether it is there."""
        began = time.monotonic()
        count = old.count + 1 if old else 1
        when = And((equals("holder", old.holder), equals("count", old.count))) if old else Ids(())
        payload = {"point": WRITER, "holder": holder, "count": count, "host": self._host}
        self._index.swap(Point(id=_POINT, vectors={}, payload=payload), when)
        now = self._read()
        if now is None or now.holder != holder:
            return False
        self._count = now.count
        self._renewed = began
        return True

    def _read(self) -> _State | None:
        found = self._index.retrieve([_POINT])
        if not found:
            return None
        payload = found[0].payload
        return _State(payload["holder"], payload["count"], payload["host"])


class Turn:
    """A lock for the threads of this process that also holds the lease; a thread may take it again."""

    def __init__(self, lease: WriterLease) -> None:
        self._lease = lease
        self.here = threading.RLock()

    def __enter__(self) -> None:
        self.here.acquire()
        try:
            self._lease.enter()
        except BaseException:
            self.here.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lease.leave()
        self.here.release()
